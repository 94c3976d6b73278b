import fc from "fast-check";
import { expect, test } from "vitest";
import { type Ref, Slab } from "../../../node/engine/slab.ts";

const CHUNK_BYTES = 16 * 1024;

interface Item {
  readonly ref: Ref;
  readonly sizeBytes: number;
  readonly byte: number;
}

function fill(slab: Slab, { ref, sizeBytes, byte }: Item): void {
  const at = slab.wordOf(ref) << 2;
  slab.chunkOf(ref).buf.fill(byte, at + 4, at + sizeBytes);
}

function isFilled(slab: Slab, { ref, sizeBytes, byte }: Item): boolean {
  const at = slab.wordOf(ref) << 2;
  return slab
    .chunkOf(ref)
    .buf.subarray(at + 4, at + sizeBytes)
    .every((each) => each === byte);
}

test("items never overlap, whatever is allocated, freed and compacted", () => {
  const sizes = fc.oneof(fc.integer({ min: 4, max: 300 }), fc.integer({ min: 4, max: 40_000 }));
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("allocate" as const), sizeBytes: sizes, byte: fc.nat(255) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("free" as const), pick: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("compact" as const) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: "max" }), (steps) => {
      const slab = new Slab(CHUNK_BYTES);
      let live: { ref: Ref; sizeBytes: number; byte: number }[] = [];
      for (const each of steps) {
        if (each.kind === "allocate") {
          const ref = slab.allocate(each.sizeBytes);
          expect(live.some((other) => other.ref === ref)).toBe(false);
          expect(slab.chunkOf(ref).itemBytes).toBeGreaterThanOrEqual(each.sizeBytes);
          fill(slab, { ...each, ref });
          live.push({ ...each, ref });
        } else if (each.kind === "free") {
          const [gone] = live.splice(each.pick % Math.max(1, live.length), 1);
          if (gone) slab.free(gone.ref);
        } else {
          const moves = new Map<Ref, Ref>();
          slab.compact((from, to) => moves.set(from, to));
          live = live.map((item) => ({ ...item, ref: moves.get(item.ref) ?? item.ref }));
        }
      }
      for (const item of live) expect(isFilled(slab, item)).toBe(true);
      expect(slab.liveBytes).toBe(live.reduce((sum, { ref }) => sum + slab.chunkOf(ref).itemBytes, 0));
      for (const { ref } of live) slab.free(ref);
      expect(slab.liveBytes).toBe(0);
      while (slab.compact(() => {}));
      expect(slab.usedBytes).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test("classes waste at most an eighth above 256 bytes, and fits() agrees with allocate()", () => {
  const slab = new Slab(CHUNK_BYTES);
  for (let sizeBytes = 1; sizeBytes <= 3000; sizeBytes += 7) {
    const ref = slab.allocate(sizeBytes);
    const { itemBytes } = slab.chunkOf(ref);
    expect(itemBytes).toBeLessThanOrEqual(sizeBytes <= 256 ? sizeBytes + 15 : sizeBytes * 1.126);
    if (itemBytes > 2048) continue;
    expect(slab.fits(ref, itemBytes)).toBe(true);
    expect(slab.fits(ref, itemBytes + 1)).toBe(false);
  }
});

test("room of one size becomes room of another", () => {
  const slab = new Slab(CHUNK_BYTES);
  const refs = Array.from({ length: 1000 }, () => slab.allocate(100));
  const usedBytes = slab.usedBytes;
  for (const [i, ref] of refs.entries()) if (i % 10 !== 0) slab.free(ref);
  expect(slab.usedBytes).toBe(usedBytes);
  while (slab.compact(() => {}));
  expect(slab.usedBytes).toBeLessThan(usedBytes / 5);
});

test("a large item has a chunk of its own, given back when it is freed", () => {
  const slab = new Slab(CHUNK_BYTES);
  const ref = slab.allocate(1_000_001);
  expect(slab.usedBytes).toBe(1_000_016);
  expect(slab.fits(ref, 1_000_001)).toBe(false);
  slab.free(ref);
  expect(slab.usedBytes).toBe(0);
});
