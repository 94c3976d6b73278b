/**
 * What a reflector relies on of the place where objects are listed and watched.
 */

import { describe, expect, test } from "vitest";
import { isOlderVersion } from "../../operator/kube/core/api-object.ts";
import type { ObjectEvent, ObjectSource } from "../../operator/kube/object-source.ts";

export interface ObjectSourcePlace {
  readonly source: ObjectSource;
  put(name: string): Promise<void> | void;
  remove(name: string): Promise<void> | void;
}

export function testObjectSource(what: string, place: () => Promise<ObjectSourcePlace>): void {
  const { signal } = new AbortController();
  const query = { timeoutSeconds: 300, isInitialList: false, signal };
  const nameOf = ({ object }: Pick<ObjectEvent, "object">) => object.metadata.name;

  /** As many events as asked for, bookmarks left out. */
  async function read(source: ObjectSource, resourceVersion: string, count: number): Promise<ObjectEvent[]> {
    const events = await source.watch({ ...query, resourceVersion });
    const found: ObjectEvent[] = [];
    for await (const event of events) {
      if (event.type !== "BOOKMARK") found.push(event);
      if (found.length === count) break;
    }
    events.close();
    return found;
  }

  describe(what, () => {
    test("pages of one list have one version and all objects once, whatever happens between them", async () => {
      const { source, put, remove } = await place();
      for (const name of ["a", "b", "c", "d", "e"]) await put(name);
      const names: (string | undefined)[] = [];
      let page = await source.list({ limit: 2, continueToken: "", signal });
      const { resourceVersion } = page;
      for (;;) {
        names.push(...page.items.map((object) => nameOf({ object })));
        expect(page.resourceVersion).toBe(resourceVersion);
        if (page.continueToken === "") break;
        await remove("e");
        page = await source.list({ limit: 2, continueToken: page.continueToken, signal });
      }
      expect(names).toEqual(["a", "b", "c", "d", "e"]);
      const after = await source.list({ limit: undefined, continueToken: "", signal });
      expect(after.items.map((object) => nameOf({ object }))).toEqual(["a", "b", "c", "d"]);
      expect(isOlderVersion(resourceVersion, after.resourceVersion)).toBe(true);
    });

    test("a watch gives what happened after its version, in order, each newer than the one before", async () => {
      const { source, put, remove } = await place();
      await put("a");
      const { resourceVersion } = await source.list({ limit: undefined, continueToken: "", signal });
      await put("a");
      await put("b");
      await remove("a");
      const events = await read(source, resourceVersion, 3);
      expect(events.map((event) => [event.type, nameOf(event)])).toEqual([
        ["MODIFIED", "a"],
        ["ADDED", "b"],
        ["DELETED", "a"],
      ]);
      const versions = [resourceVersion, ...events.map(({ object }) => object.metadata.resourceVersion)];
      for (const [at, version] of versions.entries()) {
        if (at > 0) expect(isOlderVersion(versions[at - 1], version)).toBe(true);
      }
      const [, second] = await read(source, events[0]?.object.metadata.resourceVersion ?? "", 2);
      expect(second?.type).toBe("DELETED");
    });

    test("an object that is made again has another UID", async () => {
      const { source, put, remove } = await place();
      await put("a");
      const { items, resourceVersion } = await source.list({ limit: undefined, continueToken: "", signal });
      await remove("a");
      await put("a");
      const [deleted, added] = await read(source, resourceVersion, 2);
      expect(deleted?.object.metadata.uid).toBe(items[0]?.metadata.uid);
      expect(added?.object.metadata.uid).not.toBe(items[0]?.metadata.uid);
    });
  });
}
