import { expect, it } from "vitest";
import { hash32 } from "../../../node/base/hash.ts";
import { InlineSet } from "../../../node/datatypes/set-inline.ts";

const KEY = { k0: 3, k1: 4 };

function insert(set: InlineSet, member: string): boolean {
  const bytes = Buffer.from(member);
  return set.find(bytes, 0, bytes.length) ? false : set.insert(KEY, bytes, 0, bytes.length);
}

function members(set: InlineSet): string[] {
  const all: string[] = [];
  set.rewind();
  while (set.next()) all.push(set.buf.toString("latin1", set.memberStart, set.memberEnd));
  return all;
}

it("keeps members in the order of (hash, member), whatever the order of adding", () => {
  const names = Array.from({ length: 200 }, (_, i) => `m${i}`);
  const hashOf = (name: string) => hash32(KEY, Buffer.from(name), 0, name.length);
  const ordered = names.toSorted((a, b) => hashOf(a) - hashOf(b));
  for (const order of [names, names.toReversed()]) {
    const set = new InlineSet();
    for (const name of order) expect(insert(set, name)).toBe(true);
    expect(members(set)).toEqual(ordered);
    set.at(100);
    set.remove();
    expect(members(set)).toEqual(ordered.toSpliced(100, 1));
  }
});

it("appends what is known to come last to the same bytes", () => {
  const inserted = new InlineSet();
  const appended = new InlineSet();
  for (const name of ["a", "b", "c"]) insert(inserted, name);
  for (const name of members(inserted)) appended.append(Buffer.from(name), 0, name.length);
  expect(appended.buf.subarray(appended.finish(), appended.end)).toEqual(
    inserted.buf.subarray(inserted.finish(), inserted.end),
  );
});

it("refuses what does not fit with nothing changed", () => {
  const set = new InlineSet();
  insert(set, "a");
  expect(insert(set, "x".repeat(2044))).toBe(false);
  expect(insert(set, "x".repeat(2043))).toBe(true);
  expect(set.sizeBytes()).toBe(2048);
  expect(set.count).toBe(2);
});
