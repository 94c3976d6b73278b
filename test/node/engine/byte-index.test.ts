import fc from "fast-check";
import { expect, test } from "vitest";
import { Prng } from "../../../node/base/prng.ts";
import { ByteIndex } from "../../../node/engine/byte-index.ts";
import {
  ENTRY_HEADER_BYTES,
  FLAG_PAGE,
  hashPage,
  PageKey,
  WORD_FLAGS,
  WORD_GENERATION,
  WORD_HASH,
  writePageKey,
} from "../../../node/engine/cache-entry.ts";
import { ALLOCATED, type Ref, Slab } from "../../../node/engine/slab.ts";

interface Entry {
  readonly generation: number;
  readonly pageFlag: number;
  readonly hash: number;
  readonly key: Buffer;
}

function makeEntry(slab: Slab, entry: Entry): Ref {
  const ref = slab.allocate(ENTRY_HEADER_BYTES + entry.key.length);
  const { words, buf } = slab.chunkOf(ref);
  const at = slab.wordOf(ref);
  words[at + WORD_FLAGS] = ALLOCATED | entry.pageFlag | entry.key.length;
  words[at + WORD_HASH] = entry.hash;
  words[at + WORD_GENERATION] = entry.generation;
  entry.key.copy(buf, (at << 2) + ENTRY_HEADER_BYTES);
  return ref;
}

/** Records are found by both ways, alike. */
const find = (index: ByteIndex, entry: Entry) => {
  const { generation, pageFlag, hash, key } = entry;
  const found = index.findLoaded(entry);
  if (pageFlag === 0) expect(index.find(generation, hash, key, 0, key.length)).toBe(found);
  return found;
};

test("finds what is in it and nothing else, through growth, splits and removals", () => {
  const slab = new Slab(64 * 1024);
  const index = new ByteIndex(slab);
  const random = new Prng(7);
  const known: { entry: Entry; ref: Ref }[] = [];
  for (let i = 0; i < 150_000; i++) {
    // A hash of few values in some: long runs of places.
    const hash = i % 50 === 0 ? 0xffff0000 : random.nextUint32();
    const entry = { generation: 1 + (i & 3), pageFlag: 0, hash, key: Buffer.from(`key${i}`) };
    const ref = makeEntry(slab, entry);
    index.insert(ref);
    known.push({ entry, ref });
  }
  expect(index.count).toBe(150_000);
  expect(index.sizeBytes).toBeLessThan(32 * 150_000);
  for (const { entry, ref } of known) expect(find(index, entry)).toBe(ref);
  const isGone = (i: number) => i % 3 !== 0;
  for (const [i, { ref }] of known.entries()) if (isGone(i)) index.remove(ref);
  for (const [i, { entry, ref }] of known.entries()) expect(find(index, entry)).toBe(isGone(i) ? 0 : ref);
  expect(index.count).toBe(50_000);
});

test("generation, kind, hash and every byte of the key count", () => {
  const slab = new Slab(4096);
  const index = new ByteIndex(slab);
  const entry: Entry = { generation: 5, pageFlag: 0, hash: 9, key: Buffer.from("abc") };
  const ref = makeEntry(slab, entry);
  index.insert(ref);
  expect(find(index, entry)).toBe(ref);
  expect(find(index, { ...entry, generation: 6 })).toBe(0);
  expect(find(index, { ...entry, pageFlag: FLAG_PAGE })).toBe(0);
  expect(find(index, { ...entry, hash: 10 })).toBe(0);
  expect(find(index, { ...entry, key: Buffer.from("abd") })).toBe(0);
  expect(find(index, { ...entry, key: Buffer.from("ab") })).toBe(0);
  const inside = Buffer.from("xabcx");
  expect(index.find(5, 9, inside, 1, 4)).toBe(ref);
});

test("an entry that moved is found where it is", () => {
  const slab = new Slab(4096);
  const index = new ByteIndex(slab);
  const entry: Entry = { generation: 5, pageFlag: 0, hash: 9, key: Buffer.from("abc") };
  const from = makeEntry(slab, entry);
  const to = makeEntry(slab, entry);
  index.insert(from);
  index.replace(from, to);
  expect(find(index, entry)).toBe(to);
});

test("keys of pages differ and are spread", () => {
  const buf = Buffer.alloc(10);
  writePageKey(buf, 2 ** 40 + 3, 0x01020304);
  expect(buf.toString("hex")).toBe("01000000000301020304");
  const hashes = new Set<number>();
  for (let tree = 1; tree <= 100; tree++) for (let page = 1; page <= 100; page++) hashes.add(hashPage(tree, page));
  expect(hashes.size).toBeGreaterThan(9_990);
});

test("a page is found by its number while it is in the index, wherever it went, and never after it left", () => {
  const page = fc.record({ generation: fc.integer({ min: 1, max: 2 }), tree: fc.nat(3), number: fc.nat(700) });
  const step = fc.record({
    page,
    what: fc.constantFrom("look", "put", "put", "move", "remove" as const),
    look: fc.nat(5000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500, size: "max" }), (steps) => {
      const slab = new Slab(4096);
      const index = new ByteIndex(slab);
      const refs = new Map<string, Ref>();
      for (const { page, what, look } of steps) {
        const { generation, tree, number } = page;
        // Trees that are a power of two apart share places.
        const id = 1 + tree * 2 ** 30;
        const key = new PageKey();
        key.set(id, number);
        const entry = { generation, pageFlag: FLAG_PAGE, hash: key.hash, key: key.bytes };
        const name = `${generation} ${id} ${number}`;
        const ref = refs.get(name) ?? 0;
        expect(index.findPage(generation, key, look)).toBe(ref);
        if (what === "put" && ref === 0) {
          const made = makeEntry(slab, entry);
          index.insert(made);
          refs.set(name, made);
        } else if (what === "move" && ref !== 0) {
          const moved = makeEntry(slab, entry);
          index.replace(ref, moved);
          slab.free(ref);
          refs.set(name, moved);
        } else if (what === "remove" && ref !== 0) {
          index.remove(ref);
          slab.free(ref);
          refs.delete(name);
        }
        expect(index.findPage(generation, key, look)).toBe(refs.get(name) ?? 0);
      }
    }),
    { numRuns: 60 },
  );
});
