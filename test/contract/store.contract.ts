/** What every Store must do. `create` gives a store that is not open yet, and data that is empty. */

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store, StoreEntry, StoreRange, StoreSnapshot } from "../../node/engine/store.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");

async function readAll(store: Store, range: StoreRange, snapshot?: StoreSnapshot): Promise<readonly StoreEntry[]> {
  const iterator = store.iterate(range, snapshot);
  const all: StoreEntry[] = [];
  for (;;) {
    const slice = await iterator.next(3);
    if (slice.length === 0) break;
    all.push(...slice);
  }
  await iterator.close();
  return all;
}

async function put(store: Store, entries: Record<string, string | undefined>, sync = false): Promise<void> {
  const batch = store.newBatch();
  for (const [key, value] of Object.entries(entries)) {
    if (value === undefined) batch.delete(bytes(key));
    else batch.put(bytes(key), bytes(value));
  }
  await store.write(batch, { sync });
}

const text = (entries: readonly StoreEntry[]) =>
  entries.map(({ key, value }) => `${key.toString("latin1")}=${value.toString("latin1")}`);

export function describeStore(name: string, create: () => Promise<Store>): void {
  describe(`${name} is a Store`, () => {
    let store: Store;

    beforeEach(async () => {
      store = await create();
      await store.open();
    });

    afterEach(async () => {
      await store.close();
    });

    test("reads what was written, on both paths", async () => {
      await put(store, { a: "1", b: "" });
      await put(store, { a: "2", c: "3" }, true);
      expect(store.getSync(bytes("a"))).toEqual(bytes("2"));
      expect(store.getSync(bytes("b"))).toEqual(bytes(""));
      expect(store.getSync(bytes("x"))).toBeUndefined();
      expect(await store.getMany([bytes("c"), bytes("x"), bytes("a")])).toEqual([bytes("3"), undefined, bytes("2")]);
      expect(await store.getMany([])).toEqual([]);
    });

    test("a batch counts, copies what it is given, and its last operation on a key wins", async () => {
      const batch = store.newBatch();
      const key = bytes("k");
      const value = bytes("v");
      batch.put(key, value);
      key.fill(0x78);
      value.fill(0x78);
      batch.delete(bytes("gone"));
      batch.put(bytes("gone"), bytes("back"));
      expect(batch.operationCount).toBe(3);
      expect(batch.sizeBytes).toBe(14);
      await store.write(batch, { sync: true });
      expect(store.getSync(bytes("k"))).toEqual(bytes("v"));
      expect(store.getSync(bytes("gone"))).toEqual(bytes("back"));
      expect(store.getSync(bytes("x"))).toBeUndefined();
    });

    test("an empty batch is written", async () => {
      await store.write(store.newBatch(), { sync: true });
    });

    test("a range is half open, limited, and in the order of bytes", async () => {
      await put(store, { "\xff": "e", b: "b", a: "a", "a\0": "a0", c: "c" });
      const keysOf = async (range: StoreRange) =>
        (await readAll(store, range)).map(({ key }) => key.toString("latin1"));
      expect(await keysOf({ gte: bytes("a"), lt: bytes("c") })).toEqual(["a", "a\0", "b"]);
      expect(await keysOf({ gte: bytes("a"), lt: bytes("c"), limit: 2 })).toEqual(["a", "a\0"]);
      expect(await keysOf({ gte: bytes("d"), lt: bytes("e") })).toEqual([]);
      expect(await keysOf({ gte: bytes("c"), lt: bytes("\xff\xff") })).toEqual(["c", "\xff"]);
    });

    test("a slice is as long as it was asked for, however large the values", async () => {
      const batch = store.newBatch();
      for (let i = 0; i < 40; i++) batch.put(Buffer.from([1, i]), Buffer.alloc(50_000, i));
      await store.write(batch, { sync: false });
      const iterator = store.iterate({ gte: Buffer.from([1]), lt: Buffer.from([2]) });
      expect((await iterator.next(30)).map(({ key }) => key[1])).toEqual(Array.from({ length: 30 }, (_, i) => i));
      expect((await iterator.next(30)).length).toBe(10);
      expect(await iterator.next(30)).toEqual([]);
      await iterator.close();
    });

    test("a snapshot and an iterator see one moment", async () => {
      await put(store, { a: "1", b: "1" });
      const snapshot = store.snapshot();
      const range = { gte: bytes("a"), lt: bytes("z") };
      const iterator = store.iterate(range);
      await put(store, { a: "2", b: undefined, c: "2" });
      expect(snapshot.getSync(bytes("a"))).toEqual(bytes("1"));
      expect(snapshot.getSync(bytes("c"))).toBeUndefined();
      expect(text(await readAll(store, range, snapshot))).toEqual(["a=1", "b=1"]);
      expect(text(await iterator.next(10))).toEqual(["a=1", "b=1"]);
      await iterator.close();
      await snapshot.close();
      expect(text(await readAll(store, range))).toEqual(["a=2", "c=2"]);
    });

    test("opened again it has its data", async () => {
      await put(store, { a: "1" }, true);
      await store.close();
      expect(() => store.getSync(bytes("a"))).toThrow("not open");
      await store.open();
      expect(store.getSync(bytes("a"))).toEqual(bytes("1"));
    });

    test("a batch does not outlive its database's being open", async () => {
      const early = store.newBatch();
      early.put(bytes("a"), bytes("1"));
      await store.close();
      await expect(store.write(early, { sync: true })).rejects.toMatchObject({ code: "StoreFailed" });
      await store.open();
      await put(store, { b: "1" });
      expect(store.getSync(bytes("a"))).toBeUndefined();
    });

    test("batches one after the other hold their own operations only", async () => {
      await put(store, { a: "1" });
      const discarded = store.newBatch();
      discarded.put(bytes("x"), bytes("1"));
      discarded.discard();
      const first = store.newBatch();
      const second = store.newBatch();
      first.put(bytes("b"), bytes("1"));
      second.put(bytes("c"), bytes("1"));
      second.delete(bytes("a"));
      await store.write(second, { sync: false });
      expect(text(await readAll(store, { gte: bytes("a"), lt: bytes("z") }))).toEqual(["c=1"]);
      await store.write(first, { sync: false });
      expect(text(await readAll(store, { gte: bytes("a"), lt: bytes("z") }))).toEqual(["b=1", "c=1"]);
    });

    test("closing twice does no harm", async () => {
      await store.close();
      await store.close();
      await store.open();
    });

    test("the size of a range is estimated", async () => {
      await put(store, { a: "x".repeat(100_000) }, true);
      expect(await store.approximateSizeBytes({ gte: bytes("b"), lt: bytes("c") })).toBe(0);
      expect(await store.approximateSizeBytes({ gte: bytes("a"), lt: bytes("b") })).toBeGreaterThanOrEqual(0);
    });

    test("agrees with a plain map", async () => {
      const key = fc.string({ unit: fc.constantFrom("a", "b", "\0", "\xff"), minLength: 1, maxLength: 3 });
      const batches = fc.array(fc.array(fc.tuple(key, fc.option(fc.string({ maxLength: 5 }), { nil: undefined }))));
      await fc.assert(
        fc.asyncProperty(batches, async (list) => {
          const all = { gte: bytes("\0"), lt: bytes("\xff\xff\xff\xff") };
          const clear = store.newBatch();
          for (const entry of await readAll(store, all)) clear.delete(entry.key);
          await store.write(clear, { sync: false });
          const model = new Map<string, Buffer>();
          for (const operations of list) {
            const batch = store.newBatch();
            for (const [k, v] of operations) {
              if (v === undefined) batch.delete(bytes(k));
              else batch.put(bytes(k), Buffer.from(v));
              if (v === undefined) model.delete(k);
              else model.set(k, Buffer.from(v));
            }
            await store.write(batch, { sync: false });
          }
          const expected = [...model].map(([k, value]) => ({ key: bytes(k), value }));
          expected.sort((left, right) => Buffer.compare(left.key, right.key));
          expect(text(await readAll(store, all))).toEqual(text(expected));
        }),
        { numRuns: 30 },
      );
    });
  });
}
