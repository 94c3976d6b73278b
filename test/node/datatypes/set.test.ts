import fc from "fast-check";
import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { hash32 } from "../../../node/base/hash.ts";
import { RedisSet } from "../../../node/datatypes/set.ts";
import { checkCollections } from "../../support/collection-invariants.ts";
import { MapTransaction } from "../../support/map-transaction.ts";

const KEY = Argv.of("key");

function withSet<T>(tx: MapTransaction, body: (set: RedisSet) => T): T {
  return tx.runToEnd((open) => {
    const set = new RedisSet();
    expect(set.open(open, KEY, 0)).toBe(true);
    const result = body(set);
    set.close();
    return result;
  });
}

function membersFrom(set: RedisSet, index: number): string[] {
  const members: string[] = [];
  set.seek(index);
  while (set.next()) members.push(set.element.buf.toString("latin1", set.element.start, set.element.end));
  return members;
}

/** The order of the format: by keyed hash, then by bytes. */
function inOrder(tx: MapTransaction, members: Iterable<string>): string[] {
  const hashOf = (member: string) => hash32(tx.hashKey, Buffer.from(member), 0, member.length);
  return [...members].sort((a, b) => hashOf(a) - hashOf(b) || (a < b ? -1 : 1));
}

const member = fc.integer({ min: 0, max: 40 }).map((n) => `m${n}${"-".repeat(4 * n)}`);
const step = fc.tuple(fc.constantFrom("add", "add", "remove", "removeAt"), member);

it("behaves as a Set whose order is that of the hashes, inline and as a tree", () => {
  const run = (steps: readonly (readonly [string, string])[]) => {
    const tx = new MapTransaction();
    const model = new Set<string>();
    for (const [kind, name] of steps) {
      const bytes = Buffer.from(name);
      withSet(tx, (set) => {
        if (kind === "add") {
          expect(set.add(bytes, 0, bytes.length)).toBe(!model.has(name));
          model.add(name);
        } else if (kind === "remove") expect(set.remove(bytes, 0, bytes.length)).toBe(model.delete(name));
        else if (model.size > 0) {
          const index = name.length % model.size;
          model.delete(inOrder(tx, model)[index] as string);
          set.removeAt(index);
        }
      });
      checkCollections(tx);
      withSet(tx, (set) => {
        expect(set.has(bytes, 0, bytes.length)).toBe(model.has(name));
        const ordered = inOrder(tx, model);
        expect(membersFrom(set, 0)).toEqual(ordered);
        expect(membersFrom(set, model.size >> 1)).toEqual(ordered.slice(model.size >> 1));
      });
    }
  };
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: "max" }), run), { numRuns: 40 });
});

it("stores nothing where a member is added that it has", () => {
  for (const count of [1, 200]) {
    const tx = new MapTransaction();
    const add = (set: RedisSet, n: number) => set.add(Buffer.from(`member ${n}`), 0, `member ${n}`.length);
    withSet(tx, (set) => {
      for (let n = 0; n < count; n++) add(set, n);
    });
    withSet(tx, (set) => expect(add(set, 0)).toBe(false));
    expect([...tx.lastChanges]).toEqual([]);
  }
});
