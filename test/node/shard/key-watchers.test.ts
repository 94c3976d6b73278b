import { expect, test } from "vitest";
import { KeyWatchers } from "../../../node/shard/key-watchers.ts";

const KEY = Buffer.from("k");
const never = () => 0;

test("is active only while someone watches", () => {
  const watchers = new KeyWatchers();
  expect(watchers.isActive).toBe(false);
  const forget = watchers.onTouched(KEY, () => undefined);
  expect(watchers.isActive).toBe(true);
  forget();
  forget();
  expect(watchers.isActive).toBe(false);
  watchers.versionOf(KEY, 0, never);
  expect(watchers.isActive).toBe(true);
  watchers.touch("k");
  expect(watchers.isActive).toBe(false);
});

test("a version that nobody asks for is forgotten, and never given again", () => {
  const watchers = new KeyWatchers();
  const first = watchers.versionOf(KEY, 1000, never);
  watchers.sweep(100_000);
  expect(watchers.versionOf(KEY, 100_000, never)).toBe(first);
  watchers.sweep(100_000_000);
  expect(watchers.isActive).toBe(false);
  expect(watchers.versionOf(KEY, 100_000_000, never)).not.toBe(first);
});

test("a key that is expired when first asked for counts as absent, one that expires later has changed", () => {
  const watchers = new KeyWatchers();
  const first = watchers.versionOf(KEY, 1000, () => 500);
  expect(watchers.versionOf(KEY, 9999, never)).toBe(first);
  const other = Buffer.from("o");
  const before = watchers.versionOf(other, 1000, () => 2000);
  expect(watchers.versionOf(other, 1999, never)).toBe(before);
  const after = watchers.versionOf(other, 2000, never);
  expect(after).not.toBe(before);
  expect(watchers.versionOf(other, 3000, never)).toBe(after);
});

test("a flush changes what is there, not what was absent or expired", () => {
  const watchers = new KeyWatchers();
  const ask = (name: string, expireAtMs: number | undefined) =>
    watchers.versionOf(Buffer.from(name), 1000, () => expireAtMs);
  const cases = [
    ["live", 0, true],
    ["later", 2000, true],
    ["expired", 500, false],
    ["absent", undefined, false],
  ] as const;
  const before = cases.map(([name, at]) => ask(name, at));
  watchers.flush();
  const after = cases.map(([name]) => ask(name, undefined));
  expect(after.map((version, i) => version !== before[i])).toEqual(cases.map(([, , isChanged]) => isChanged));
});

test("more versions than the bound are forgotten all at once", () => {
  const watchers = new KeyWatchers();
  const first = watchers.versionOf(KEY, 0, never);
  for (let i = 0; i < 65_536; i++) watchers.versionOf(Buffer.from(`${i}`), 0, never);
  expect(watchers.versionOf(KEY, 0, never)).not.toBe(first);
});

test("hooks fall due by touch and are called by notify, once", () => {
  const watchers = new KeyWatchers();
  let calls = 0;
  watchers.onTouched(KEY, () => calls++);
  watchers.onTouched(Buffer.from("other"), () => calls++);
  watchers.touch("k");
  expect(calls).toBe(0);
  watchers.notify();
  watchers.touchAll();
  watchers.notify();
  watchers.notify();
  expect(calls).toBe(2);
});
