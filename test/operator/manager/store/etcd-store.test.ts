import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SystemClock } from "../../../../node/base/clock.ts";
import type { EtcdCredentials } from "../../../../operator/manager/store/etcd-credentials.ts";
import { EtcdMetadataStore } from "../../../../operator/manager/store/etcd-store.ts";
import { testMetadataStore } from "../../../contract/metadata-store.contract.ts";
import { TestAuthority, type TestCertificate } from "../../../support/certificates.ts";
import { askEtcd, type Etcd, type EtcdTls, hasEtcd, startEtcd } from "../../../support/etcd.ts";

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
    await etcd?.pause();
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

describe.runIf(hasEtcd())("on an etcd with TLS and users", () => {
  let etcd: Etcd | undefined;
  let tls: EtcdTls;
  let stranger: TestCertificate;
  let credentials: EtcdCredentials;

  beforeAll(async () => {
    const authority = await TestAuthority.create("etcd");
    tls = {
      ca: authority.ca,
      server: await authority.issue("server"),
      client: await authority.issue("manager"),
    };
    stranger = await (await TestAuthority.create("stranger")).issue("manager");
    etcd = await startEtcd(tls);
    const { url } = etcd;
    for (const [path, body] of [
      ["user/add", { name: "root", password: "r" }],
      ["user/grant", { user: "root", role: "root" }],
      ["user/add", { name: "pika", password: "right" }],
      ["role/add", { name: "pika" }],
      ["role/grant", { name: "pika", perm: { permType: 2, key: btoa("/t/"), range_end: btoa("/t0") } }],
      ["user/grant", { user: "pika", role: "pika" }],
      ["enable", {}],
    ] as const) {
      expect(await askEtcd(`${url}/v3/auth/${path}`, { tls, body })).not.toContain("error");
    }
    credentials = {
      tls: { ca: Buffer.from(tls.ca), client: pair(tls.client) },
      user: { name: "pika", password: "right" },
    };
  });
  afterAll(() => etcd?.stop());

  const pair = ({ cert, key }: TestCertificate) => ({ cert: Buffer.from(cert), key: Buffer.from(key) });
  const open = (given: EtcdCredentials) =>
    new EtcdMetadataStore({ endpoints: [etcd?.url ?? ""], credentials: given, timeoutMs: 3000 }, clock);
  const put = (key: string) => ({
    compares: [],
    writes: [{ kind: "put" as const, key, value: Buffer.from("1") }],
  });

  test("the right certificate and password may, within what etcd allows the user", async () => {
    const store = open(credentials);
    expect(await store.commit(put("/t/x"))).toMatchObject({ isCommitted: true });
    await (await store.grantLease(5000)).keepAlive();
    await expect(store.get("/other")).rejects.toMatchObject({ code: "StoreUnavailable" });
    await store.close();
  });

  test.each([
    ["a wrong password", () => ({ ...credentials, user: { name: "pika", password: "wrong" } })],
    ["no user", () => ({ tls: credentials.tls ?? {} })],
    ["no client certificate", () => ({ ...credentials, tls: { ca: Buffer.from(tls.ca) } })],
    ["a stranger's certificate", () => ({ ...credentials, tls: { ...credentials.tls, client: pair(stranger) } })],
    ["another authority", () => ({ ...credentials, tls: { ...credentials.tls, ca: Buffer.from(stranger.cert) } })],
    ["Node's authorities", () => ({ ...credentials, tls: { client: pair(tls.client) } })],
  ])("%s is refused", async (_what, given) => {
    const store = open(given());
    await expect(store.commit(put("/t/refused"))).rejects.toMatchObject({ code: "StoreUnavailable" });
    await store.close();
    const right = open(credentials);
    expect(await right.get("/t/refused")).toBeUndefined();
    await right.close();
  });

  test("renewed credentials are used from then on, leases stay, watches begin anew", async () => {
    const store = open({ ...credentials, user: { name: "pika", password: "wrong" } });
    await expect(store.get("/t/x")).rejects.toMatchObject({ code: "StoreUnavailable" });
    store.useCredentials(credentials);
    const lease = await store.grantLease(10_000);
    const { revision } = await store.list("/t/");
    const lost = Promise.withResolvers<void>();
    store.watch({ prefix: "/t/", afterRevision: revision }, { onChanges: () => undefined, onLost: lost.resolve });
    store.useCredentials({ ...credentials });
    await lost.promise;
    await lease.keepAlive();
    const seen = Promise.withResolvers<string>();
    store.watch(
      { prefix: "/t/", afterRevision: revision },
      { onChanges: ([first]) => seen.resolve(first?.kind ?? ""), onLost: () => seen.reject(new Error("lost")) },
    );
    await store.commit(put("/t/y"));
    expect(await seen.promise).toBe("put");
    await store.close();
  });
});

test("an etcd that is not there is StoreUnavailable", async () => {
  const store = new EtcdMetadataStore({ endpoints: ["http://127.0.0.1:1"], timeoutMs: 500 }, clock);
  await expect(store.get("/x")).rejects.toMatchObject({ code: "StoreUnavailable" });
  await store.close();
});
