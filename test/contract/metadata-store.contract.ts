/** What every MetadataStore does. Run on each implementation, with a store of its own for each test. */

import { describe, expect, test } from "vitest";
import { delay, SystemClock } from "../../node/base/clock.ts";
import type { MetadataChange, MetadataStore } from "../../operator/manager/store/metadata-store.ts";
import { waitFor } from "../support/wait-for.ts";

const put = (key: string, value: string) => ({ kind: "put" as const, key, value: Buffer.from(value) });
const describeChange = (change: MetadataChange) =>
  change.kind === "put" ? `${change.entry.key}=${change.entry.value}` : `${change.key} deleted`;

/** @param open a store without any key under `/t/`. Called for each test; the suite closes it. */
export function testMetadataStore(name: string, open: () => Promise<MetadataStore>): void {
  const withStore = (run: (store: MetadataStore) => Promise<void>) => async () => {
    const store = await open();
    try {
      await run(store);
    } finally {
      await store.close();
    }
  };

  describe(`metadata store: ${name}`, () => {
    test(
      "gives what was put, with revisions",
      withStore(async (store) => {
        expect(await store.get("/t/a")).toBeUndefined();
        const first = await store.commit({ compares: [], writes: [put("/t/a", "1"), put("/t/b", "2")] });
        const second = await store.commit({ compares: [], writes: [put("/t/a", "3")] });
        if (!first.isCommitted || !second.isCommitted) throw new Error("must be committed");
        expect(second.revision).toBe(first.revision + 1);
        expect(await store.get("/t/a")).toEqual({
          key: "/t/a",
          value: Buffer.from("3"),
          createdRevision: first.revision,
          modifiedRevision: second.revision,
        });
      }),
    );

    test(
      "lists by prefix, in order, values as they are",
      withStore(async (store) => {
        const binary = Buffer.from([0, 255, 1, 254]);
        await store.commit({
          compares: [],
          writes: [
            put("/t/b/2", "2"),
            put("/t/b/1", "1"),
            { kind: "put", key: "/t/b/3", value: binary },
            put("/t/c", "x"),
          ],
        });
        const { entries, revision } = await store.list("/t/b/");
        expect(entries.map(({ key }) => key)).toEqual(["/t/b/1", "/t/b/2", "/t/b/3"]);
        expect(entries[2]?.value).toEqual(binary);
        expect(revision).toBe(entries[0]?.modifiedRevision);
        expect((await store.list("/t/none/")).entries).toEqual([]);
      }),
    );

    test(
      "lists more keys than fit in one page",
      withStore(async (store) => {
        for (let page = 0; page < 11; page++) {
          const writes = Array.from({ length: 100 }, (_, i) => put(`/t/p/${1000 + page * 100 + i}`, "v"));
          await store.commit({ compares: [], writes });
        }
        const { entries } = await store.list("/t/p/");
        expect(entries.map(({ key }) => key)).toEqual(Array.from({ length: 1100 }, (_, i) => `/t/p/${1000 + i}`));
      }),
    );

    test(
      "commits only where every comparison holds, and then all of it",
      withStore(async (store) => {
        const absent = { key: "/t/a", createdRevision: 0 };
        const made = await store.commit({ compares: [absent], writes: [put("/t/a", "1")] });
        if (!made.isCommitted) throw new Error("must be committed");
        expect(await store.commit({ compares: [absent], writes: [put("/t/a", "2"), put("/t/b", "2")] })).toEqual({
          isCommitted: false,
        });
        expect(await store.get("/t/b")).toBeUndefined();
        const created = { key: "/t/a", createdRevision: made.revision };
        const changed = await store.commit({ compares: [created], writes: [put("/t/a", "3")] });
        if (!changed.isCommitted) throw new Error("must be committed");
        const stale = { key: "/t/a", modifiedRevision: made.revision };
        const fresh = { key: "/t/a", modifiedRevision: changed.revision };
        expect((await store.commit({ compares: [created, stale], writes: [put("/t/a", "4")] })).isCommitted).toBe(
          false,
        );
        expect((await store.commit({ compares: [created, fresh], writes: [put("/t/a", "5")] })).isCommitted).toBe(true);
        expect((await store.get("/t/a"))?.value.toString()).toBe("5");
      }),
    );

    test(
      "deletes, and a key put again is a new one",
      withStore(async (store) => {
        await store.commit({ compares: [], writes: [put("/t/a", "1")] });
        const before = await store.get("/t/a");
        await store.commit({ compares: [], writes: [{ kind: "delete", key: "/t/a" }] });
        expect(await store.get("/t/a")).toBeUndefined();
        await store.commit({ compares: [], writes: [put("/t/a", "2")] });
        const after = await store.get("/t/a");
        expect(after?.createdRevision).toBeGreaterThan(before?.createdRevision ?? 0);
        expect(
          await store.commit({
            compares: [{ key: "/t/a", createdRevision: before?.createdRevision ?? 0 }],
            writes: [put("/t/a", "3")],
          }),
        ).toEqual({ isCommitted: false });
      }),
    );

    test(
      "lets one of many win",
      withStore(async (store) => {
        const results = await Promise.all(
          Array.from({ length: 8 }, (_, i) =>
            store.commit({ compares: [{ key: "/t/lock", createdRevision: 0 }], writes: [put("/t/lock", String(i))] }),
          ),
        );
        expect(results.filter(({ isCommitted }) => isCommitted)).toHaveLength(1);
      }),
    );

    test(
      "takes a transaction of the largest size",
      withStore(async (store) => {
        const half = Buffer.alloc(500 * 1024, 7);
        const writes = [
          { kind: "put" as const, key: "/t/a", value: half },
          { kind: "put" as const, key: "/t/b", value: half },
          ...Array.from({ length: 126 }, (_, i) => put(`/t/k${i}`, "v")),
        ];
        expect((await store.commit({ compares: [], writes })).isCommitted).toBe(true);
        expect((await store.list("/t/")).entries).toHaveLength(128);
        await expect(async () => store.commit({ compares: [], writes: [...writes, put("/t/c", "v")] })).rejects.toThrow(
          /at most 128/,
        );
      }),
    );

    test(
      "drops the keys of a lease that is revoked or runs out, and says so",
      withStore(async (store) => {
        const kept = await store.grantLease(60_000);
        const revoked = await store.grantLease(60_000);
        const expiring = await store.grantLease(1000);
        for (const [key, lease] of Object.entries({ kept, revoked, expiring })) {
          await store.commit({ compares: [], writes: [{ ...put(`/t/${key}`, "v"), lease }] });
        }
        await expiring.keepAlive();
        await revoked.revoke();
        await revoked.revoke();
        await expect(revoked.keepAlive()).rejects.toMatchObject({ code: "LeaseLost" });
        await waitFor(async () => (await store.get("/t/expiring")) === undefined, { what: "the lease to run out" });
        await expect(expiring.keepAlive()).rejects.toMatchObject({ code: "LeaseLost" });
        await expect(
          store.commit({ compares: [], writes: [{ ...put("/t/late", "v"), lease: expiring }] }),
        ).rejects.toMatchObject({ code: "LeaseLost" });
        expect((await store.list("/t/")).entries.map(({ key }) => key)).toEqual(["/t/kept"]);
      }),
    );

    test(
      "keeps a lease that is renewed",
      withStore(async (store) => {
        const clock = new SystemClock();
        const lease = await store.grantLease(1000);
        await store.commit({ compares: [], writes: [{ ...put("/t/a", "v"), lease }] });
        for (const until = clock.monotonicMs() + 2500; clock.monotonicMs() < until; ) {
          await delay(clock, 200);
          await lease.keepAlive();
        }
        expect(await store.get("/t/a")).toBeDefined();
      }),
    );

    test(
      "tells a watcher every change after a revision, in order, of its prefix only",
      withStore(async (store) => {
        await store.commit({ compares: [], writes: [put("/t/w/a", "0")] });
        const { revision } = await store.list("/t/w/");
        await store.commit({ compares: [], writes: [put("/t/w/a", "1"), put("/t/other", "1")] });
        const seen: string[] = [];
        const watch = store.watch(
          { prefix: "/t/w/", afterRevision: revision },
          { onChanges: (changes) => seen.push(...changes.map(describeChange)), onLost: () => seen.push("lost") },
        );
        await store.commit({ compares: [], writes: [put("/t/w/b", "2")] });
        await store.commit({ compares: [], writes: [{ kind: "delete", key: "/t/w/a" }] });
        await waitFor(() => seen.length >= 3);
        expect(seen).toEqual(["/t/w/a=1", "/t/w/b=2", "/t/w/a deleted"]);
        watch.close();
        await store.commit({ compares: [], writes: [put("/t/w/c", "3")] });
        await store.get("/t/w/c");
        expect(seen).toHaveLength(3);
      }),
    );

    test("refuses to work once it is closed", async () => {
      const store = await open();
      await store.close();
      await store.close();
      await expect(store.get("/t/a")).rejects.toMatchObject({ code: "StoreUnavailable" });
    });
  });
}
