import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../operator/kube/core/api-object.ts";
import { MAX_TOMBSTONES, ObjectStore, type StoreChange } from "../../../operator/kube/object-store.ts";

function object(name: string, version: number, over: Partial<KubeObject["metadata"]> = {}): KubeObject {
  return { metadata: { namespace: "ns", name, uid: `uid-${name}`, resourceVersion: String(version), ...over } };
}

function storeOf(...objects: KubeObject[]): ObjectStore {
  const store = new ObjectStore({ indexes: { app: ({ metadata }) => metadata.labels?.app?.split(",") ?? [] } });
  for (const one of objects) store.put(one);
  return store;
}

const versionIn = (store: ObjectStore, name: string) => store.get("ns", name)?.metadata.resourceVersion;

describe("an object", () => {
  test("is replaced by newer versions only, and told once", () => {
    const store = storeOf(object("a", 10));
    const changes: StoreChange<KubeObject>[] = [];
    store.onChange((change) => changes.push(change));
    expect(store.put(object("a", 9))).toBe(false);
    expect(store.put(object("a", 10))).toBe(false);
    expect(store.put(object("a", 11))).toBe(true);
    expect(changes.map(({ kind, key }) => [kind, key])).toEqual([["updated", "ns/a"]]);
    expect(changes[0]?.before?.metadata.resourceVersion).toBe("10");
  });

  test("that was deleted does not come back by late events", () => {
    const store = storeOf(object("a", 10));
    expect(store.remove(object("a", 12))).toBe(true);
    expect(store.put(object("a", 11))).toBe(false);
    expect(store.put(object("a", 12))).toBe(false);
    expect(store.put(object("a", 13))).toBe(false);
    expect(store.get("ns", "a")).toBeUndefined();
  });

  test("of the same name with another UID does; the late end of the first one does not touch it", () => {
    const store = storeOf(object("a", 10));
    const second = object("a", 15, { uid: "uid-second" });
    store.put(second);
    expect(store.remove(object("a", 14))).toBe(false);
    expect(store.get("ns", "a")).toBe(second);
  });

  test("does not come back when the end of an earlier one of its name is heard after its own", () => {
    const store = storeOf();
    store.remove(object("a", 20, { uid: "uid-second" }));
    store.remove(object("a", 12));
    expect(store.put(object("a", 15, { uid: "uid-second" }))).toBe(false);
  });

  test("whose deletion is heard before its creation is never seen", () => {
    const store = storeOf();
    store.remove(object("a", 12));
    expect(store.put(object("a", 11))).toBe(false);
  });
});

test("as many deletions as the limit are remembered", () => {
  const store = storeOf();
  for (let i = 0; i <= MAX_TOMBSTONES; i++) store.remove(object(`a${i}`, 10 + i));
  expect(store.put(object("a0", 9))).toBe(true);
  expect(store.put(object("a1", 9))).toBe(false);
});

describe("indexes", () => {
  test("find objects by each value and follow changes and deletions", () => {
    const store = storeOf(object("b", 1, { labels: { app: "x,y" } }), object("a", 2, { labels: { app: "x" } }));
    const names = (value: string) => store.byIndex("app", value).map(({ metadata }) => metadata.name);
    expect([names("x"), names("y"), names("z")]).toEqual([["a", "b"], ["b"], []]);
    store.put(object("b", 3, { labels: { app: "z" } }));
    expect([names("x"), names("y"), names("z")]).toEqual([["a"], [], ["b"]]);
    store.remove(object("a", 4));
    expect(names("x")).toEqual([]);
  });
});

describe("a list", () => {
  test("adds, updates and removes what is missing; then the store has synced", async () => {
    const store = storeOf(object("a", 10), object("b", 11));
    const changes: string[] = [];
    store.onChange(({ kind, key }) => changes.push(`${kind} ${key}`));
    const listing = store.beginList({ isRollback: false });
    listing.put(object("b", 12));
    listing.put(object("c", 13));
    expect(store.hasSynced).toBe(false);
    listing.finish("20");
    expect(changes).toEqual(["updated ns/b", "added ns/c", "deleted ns/a"]);
    expect(store.hasSynced).toBe(true);
    await store.synced;
  });

  test("does not remove what we wrote after it was made", () => {
    const store = storeOf(object("ours", 25));
    store.beginList({ isRollback: false }).finish("20");
    expect(versionIn(store, "ours")).toBe("25");
  });

  test("of a server that went back in time is believed in all", () => {
    const store = storeOf(object("a", 30), object("b", 31), object("c", 5));
    store.remove(object("c", 32));
    const listing = store.beginList({ isRollback: true });
    listing.put(object("a", 10));
    listing.put(object("c", 5));
    listing.finish("20");
    expect(store.all().map(({ metadata }) => [metadata.name, metadata.resourceVersion])).toEqual([
      ["a", "10"],
      ["c", "5"],
    ]);
  });
});

test("managed fields are not kept", () => {
  const store = storeOf(object("a", 1, { managedFields: [{ manager: "kubectl" }] }));
  expect(store.get("ns", "a")?.metadata.managedFields).toBeUndefined();
});

test("events late, twice and in any order end in the state of the last ones", () => {
  const step = fc.record({ name: fc.constantFrom("a", "b", "c"), isDelete: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.infiniteStream(fc.nat({ max: 20 })), (steps, shifts) => {
      const truth = new Map<string, KubeObject>();
      let uid = 0;
      const events = steps.flatMap(({ name, isDelete }, at): { isDelete: boolean; object: KubeObject }[] => {
        const current = truth.get(name);
        if (isDelete) {
          truth.delete(name);
          return current ? [{ isDelete, object: object(name, at, { uid: current.metadata.uid as string }) }] : [];
        }
        const next = object(name, at, { uid: current?.metadata.uid ?? `uid-${uid++}` });
        truth.set(name, next);
        return [{ isDelete, object: next }];
      });
      // Each event comes a bit late, and once more later still.
      const delivered = events
        .flatMap((event, at) => [at, at + 3].map((base) => ({ event, order: base + (shifts.next().value ?? 0) })))
        .sort((a, b) => a.order - b.order);
      const store = storeOf();
      for (const { event } of delivered) {
        if (event.isDelete) store.remove(structuredClone(event.object));
        else store.put(structuredClone(event.object));
      }
      const known = new Map(store.all().map((one) => [one.metadata.name, one.metadata.resourceVersion]));
      expect(known).toEqual(new Map([...truth].map(([name, one]) => [name, one.metadata.resourceVersion])));
    }),
  );
});
