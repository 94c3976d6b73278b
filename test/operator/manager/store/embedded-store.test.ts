import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SystemClock } from "../../../../node/base/clock.ts";
import { EmbeddedMetadataStore } from "../../../../operator/manager/store/embedded-store.ts";
import { testMetadataStore } from "../../../contract/metadata-store.contract.ts";

let directory = "";
let count = 0;
const clock = new SystemClock();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "pika-metadata-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const freshPath = () => join(directory, String(count++));

testMetadataStore("embedded", () => EmbeddedMetadataStore.open(freshPath(), clock));

describe("the embedded store", () => {
  test("keeps what was committed, and drops what was under a lease, when it is opened again", async () => {
    const path = freshPath();
    const store = await EmbeddedMetadataStore.open(path, clock);
    await store.commit({ compares: [], writes: [{ kind: "put", key: "/a", value: Buffer.from("1") }] });
    const lease = await store.grantLease(60_000);
    await store.commit({ compares: [], writes: [{ kind: "put", key: "/b", value: Buffer.from("2"), lease }] });
    const before = await store.get("/a");
    const { revision } = await store.list("/");
    await store.close();
    const again = await EmbeddedMetadataStore.open(path, clock);
    expect(await again.get("/a")).toEqual(before);
    expect(await again.get("/b")).toBeUndefined();
    expect((await again.list("/")).revision).toBeGreaterThan(revision);
    await again.close();
  });

  test("keeps a second process out, with a message that says what to do", async () => {
    const path = freshPath();
    const store = await EmbeddedMetadataStore.open(path, clock);
    await expect(EmbeddedMetadataStore.open(path, clock)).rejects.toMatchObject({
      code: "StoreUnavailable",
      message: expect.stringContaining("stop it first"),
    });
    await store.close();
  });

  test("tells a watcher that comes too late that it lost changes", async () => {
    const store = await EmbeddedMetadataStore.open(freshPath(), clock);
    const { revision } = await store.list("/");
    for (let i = 0; i < 1002; i++) {
      await store.commit({ compares: [], writes: [{ kind: "put", key: "/a", value: Buffer.from(String(i)) }] });
    }
    const lost = Promise.withResolvers<string>();
    store.watch(
      { prefix: "/", afterRevision: revision },
      { onChanges: () => lost.resolve("changes"), onLost: () => lost.resolve("lost") },
    );
    expect(await lost.promise).toBe("lost");
    await store.close();
  });
});
