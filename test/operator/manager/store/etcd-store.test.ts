import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SystemClock } from "../../../../node/base/clock.ts";
import { EtcdMetadataStore } from "../../../../operator/manager/store/etcd-store.ts";
import { testMetadataStore } from "../../../contract/metadata-store.contract.ts";
import { type Etcd, hasEtcd, startEtcd } from "../../../support/etcd.ts";

const clock = new SystemClock();

describe.runIf(hasEtcd())("on a real etcd", () => {
  let etcd: Etcd | undefined;
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd?.stop());

  const open = (timeoutMs = 2000) => new EtcdMetadataStore({ endpoints: [etcd?.url ?? ""], timeoutMs }, clock);

  testMetadataStore("etcd", async () => {
    const store = open();
    const { entries } = await store.list("/t/");
    for (let from = 0; from < entries.length; from += 100) {
      const writes = entries.slice(from, from + 100).map(({ key }) => ({ kind: "delete" as const, key }));
      await store.commit({ compares: [], writes });
    }
    return store;
  });

  test("a call that gets no answer fails after its time-out, and the next works again", async () => {
    const store = open(300);
    await store.commit({ compares: [], writes: [{ kind: "put", key: "/t/x", value: Buffer.from("1") }] });
    etcd?.pause();
    try {
      await expect(store.get("/t/x")).rejects.toMatchObject({ code: "StoreUnavailable" });
    } finally {
      etcd?.resume();
    }
    expect((await open().get("/t/x"))?.value.toString()).toBe("1");
    expect((await store.get("/t/x"))?.value.toString()).toBe("1");
    await store.close();
  });
});

test("an etcd that is not there is StoreUnavailable", async () => {
  const store = new EtcdMetadataStore({ endpoints: ["http://127.0.0.1:1"], timeoutMs: 500 }, clock);
  await expect(store.get("/x")).rejects.toMatchObject({ code: "StoreUnavailable" });
  await store.close();
});
