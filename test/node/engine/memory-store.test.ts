import { expect, test } from "vitest";
import { MemoryStore } from "../../../node/engine/memory-store.ts";
import { describeStore } from "../../contract/store.contract.ts";

describeStore("MemoryStore", async () => new MemoryStore());

const KEY = Buffer.from("k");

async function write(store: MemoryStore, value: string, sync: boolean): Promise<void> {
  const batch = store.newBatch();
  batch.put(KEY, Buffer.from(value));
  await store.write(batch, { sync });
}

test("a loss of power takes what was not synced, from the end", async () => {
  const store = new MemoryStore();
  await store.open();
  await write(store, "synced", true);
  await write(store, "first", false);
  await write(store, "second", false);
  expect(store.unsyncedBatchCount).toBe(2);
  store.losePower(1);
  await store.open();
  expect(store.getSync(KEY)?.toString()).toBe("first");
  await write(store, "third", false);
  await write(store, "fourth", true);
  store.losePower();
  await store.open();
  expect(store.getSync(KEY)?.toString()).toBe("fourth");
});

test("a full disk refuses every write until the store is opened again", async () => {
  const store = new MemoryStore({ capacityBytes: 4 });
  await store.open();
  await write(store, "1", true);
  await expect(write(store, "too much", true)).rejects.toMatchObject({ code: "StoreFull" });
  store.faults.capacityBytes = 100;
  await expect(write(store, "2", true)).rejects.toMatchObject({ code: "StoreFull" });
  expect(store.getSync(KEY)?.toString()).toBe("1");
  await store.close();
  await store.open();
  await write(store, "2", true);
  expect(store.getSync(KEY)?.toString()).toBe("2");
});

test("reads and writes can be held up and made to fail", async () => {
  const store = new MemoryStore();
  await store.open();
  await write(store, "1", true);
  const { promise, resolve } = Promise.withResolvers<void>();
  let syncReads = 0;
  store.faults.delayRead = () => promise;
  store.faults.onReadSync = () => syncReads++;
  store.faults.beforeWrite = () => Promise.reject(new Error("no"));
  let values: readonly (Buffer | undefined)[] | undefined;
  const reading = store.getMany([KEY]).then((found) => {
    values = found;
  });
  await expect(write(store, "2", true)).rejects.toThrow("no");
  expect(store.getSync(KEY)?.toString()).toBe("1");
  expect(syncReads).toBe(1);
  expect(values).toBeUndefined();
  resolve();
  await reading;
  expect(values?.[0]?.toString()).toBe("1");
});
