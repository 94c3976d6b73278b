import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LevelStore } from "../../../node/engine/leveldb-store.ts";
import { describeStore } from "../../contract/store.contract.ts";

const options = { writeBufferBytes: 1 << 20, blockCacheBytes: 1 << 20 };
let root: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pika-level-"));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const newLocation = () => join(root, String(count++));

describeStore("LevelStore", async () => new LevelStore({ ...options, location: newLocation() }));

test("a database in use is refused with the reason", async () => {
  const location = newLocation();
  const first = new LevelStore({ ...options, location });
  await first.open();
  await expect(new LevelStore({ ...options, location }).open()).rejects.toMatchObject({
    code: "StoreFailed",
    message: expect.stringContaining("another process has it open"),
  });
  await first.close();
});

test("a damaged database is refused as such", async () => {
  const location = newLocation();
  const store = new LevelStore({ ...options, location });
  await store.open();
  await store.close();
  const manifest = (await readdir(location)).find((name) => name.startsWith("MANIFEST")) ?? "";
  await writeFile(join(location, manifest), "this is no manifest");
  await expect(store.open()).rejects.toMatchObject({ code: "StoreCorrupt" });
});

test("a closed store says so", async () => {
  const store = new LevelStore({ ...options, location: newLocation() });
  expect(() => store.newBatch()).toThrow("is not open");
  await expect(store.getMany([Buffer.from("k")])).rejects.toMatchObject({ code: "StoreFailed" });
});
