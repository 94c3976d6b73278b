import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { DataDirectory, setAsideRetired } from "../../../node/engine/data-directory.ts";
import type { ClusterId, NodeId } from "../../../node/meta/ids.ts";
import { waitFor } from "../../support/wait-for.ts";

const root = mkdtempSync(join(tmpdir(), "data-"));
let count = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

const cluster = "c".repeat(32) as ClusterId;
const fresh = () => join(root, String(count++), "node");
const coded = (code: string) => expect.objectContaining({ code });

test("the first start makes an identity, the next ones find it", () => {
  const path = fresh();
  const first = DataDirectory.open({ path, cluster });
  expect(first.isNew).toBe(true);
  expect(first.identity.node).toMatch(/^[0-9a-f]{32}$/);
  first.release();
  first.release();
  const second = DataDirectory.open({ path, cluster: undefined, node: first.identity.node });
  expect(second.isNew).toBe(false);
  expect(second.identity).toEqual(first.identity);
  expect(JSON.parse(readFileSync(join(path, "identity.json"), "utf8"))).toMatchObject({ formatVersion: 1 });
});

test("a directory of another cluster or node is refused, and left unlocked", () => {
  const path = fresh();
  DataDirectory.open({ path, cluster }).release();
  const other = "d".repeat(32);
  expect(() => DataDirectory.open({ path, cluster: other as ClusterId })).toThrow(coded("DataOfAnotherCluster"));
  expect(() => DataDirectory.open({ path, cluster, node: other as NodeId })).toThrow(coded("DataOfAnotherNode"));
  DataDirectory.open({ path, cluster }).release();
});

test("a log whose database is gone is refused, but not where a retired id was being set aside", () => {
  const path = fresh();
  const { identity } = DataDirectory.open({ path, cluster });
  rmSync(join(path, "lock"));
  mkdirSync(join(path, "database"));
  mkdirSync(join(path, "binlog"));
  DataDirectory.open({ path, cluster }).release();
  writeFileSync(join(path, "binlog", "00000000000000000001.log"), "");
  expect(() => DataDirectory.open({ path, cluster })).toThrow(/holds a log but no database .*restore database, or/);
  writeFileSync(join(path, "database", "CURRENT"), "");
  DataDirectory.open({ path, cluster }).release();
  rmSync(join(path, "database"), { recursive: true });
  expect(() => DataDirectory.open({ path, cluster })).toThrow(coded("DataDirectoryDamaged"));
  mkdirSync(join(path, `retired-${identity.node}`));
  DataDirectory.open({ path, cluster }).release();
});

test("a node that had data and lost database and log is refused", () => {
  const path = fresh();
  const first = DataDirectory.open({ path, cluster });
  mkdirSync(join(path, "database"));
  writeFileSync(join(path, "database", "CURRENT"), "");
  first.noteData();
  first.release();
  const second = DataDirectory.open({ path, cluster });
  expect(second.identity).toEqual({ ...first.identity, hasData: true });
  second.release();
  rmSync(join(path, "database"), { recursive: true });
  expect(() => DataDirectory.open({ path, cluster })).toThrow(
    /has data, but neither database nor log .*empty directory/,
  );
});

test("a newer format, a damaged identity and data without one are refused", () => {
  const path = fresh();
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "identity.json"), JSON.stringify({ formatVersion: 2 }));
  expect(() => DataDirectory.open({ path, cluster })).toThrow(/format version 2, this program knows 1/);
  writeFileSync(join(path, "identity.json"), "{");
  expect(() => DataDirectory.open({ path, cluster })).toThrow(coded("DataDirectoryDamaged"));
  rmSync(join(path, "identity.json"));
  mkdirSync(join(path, "binlog"));
  expect(() => DataDirectory.open({ path, cluster })).toThrow(coded("DataWithoutIdentity"));
});

test("a node has its id before it joins a cluster, and joins one only", () => {
  const path = fresh();
  const first = DataDirectory.open({ path, cluster: undefined });
  expect(first.identity.cluster).toBeUndefined();
  first.release();
  const second = DataDirectory.open({ path, cluster: undefined });
  expect(second.identity).toEqual(first.identity);
  second.join(cluster);
  second.join(cluster);
  expect(() => second.join("d".repeat(32) as ClusterId)).toThrow(coded("DataOfAnotherCluster"));
  second.release();
  expect(DataDirectory.open({ path, cluster: undefined }).identity.cluster).toBe(cluster);
});

test("what is no directory is refused", () => {
  const path = fresh();
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, "a file");
  expect(() => DataDirectory.open({ path, cluster })).toThrow(coded("NoDirectory"));
});

test("one process at a time; a lock that a dead one left is taken over", () => {
  const path = fresh();
  const held = DataDirectory.open({ path, cluster });
  expect(() => DataDirectory.open({ path, cluster })).toThrow(new RegExp(`in use by process ${process.pid}`));
  held.release();
  for (const left of [`${process.pid} 1\n`, "4194304 17\n", "", "nonsense\n"]) {
    writeFileSync(join(path, "lock"), left);
    DataDirectory.open({ path, cluster }).release();
  }
  chmodSync(path, 0o700);
});

test("a process that has ended and that nobody has reaped holds no lock", async () => {
  const path = fresh();
  DataDirectory.open({ path, cluster }).release();
  // The shell leaves its child to a program that never asks for it: the child stays a zombie.
  const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const zombie = Number(line.toString());
    const fields = () => {
      const stat = readFileSync(`/proc/${zombie}/stat`, "latin1");
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    };
    await waitFor(() => fields()[0] === "Z", { what: "a zombie" });
    writeFileSync(join(path, "lock"), `${zombie} ${fields()[19]}\n`);
    DataDirectory.open({ path, cluster }).release();
  } finally {
    parent.kill("SIGKILL");
  }
});

test("the lock is whole as soon as it is there, and nothing else is left", () => {
  const path = fresh();
  const held = DataDirectory.open({ path, cluster });
  expect(readFileSync(join(path, "lock"), "utf8")).toMatch(new RegExp(`^${process.pid} \\d*\\n$`));
  expect(() => DataDirectory.open({ path, cluster })).toThrow(coded("DataDirectoryInUse"));
  expect(readdirSync(path).toSorted()).toEqual(["identity.json", "lock"]);
  held.release();
  // What a process with this pid left when it died between the two steps.
  writeFileSync(join(path, `lock.${process.pid}`), "left");
  DataDirectory.open({ path, cluster }).release();
  expect(readdirSync(path)).toEqual(["identity.json"]);
});

test("a retired id is set aside with its data, and the node is new", () => {
  const path = fresh();
  const old = DataDirectory.open({ path, cluster });
  mkdirSync(old.binlogPath);
  writeFileSync(join(old.binlogPath, "x.log"), "kept");
  expect(() => setAsideRetired(path)).toThrow(coded("DataDirectoryInUse"));
  old.release();
  const aside = setAsideRetired(path) as string;
  expect(readFileSync(join(aside, "binlog", "x.log"), "utf8")).toBe("kept");
  expect(readdirSync(path)).toContain(`retired-${old.identity.node}`);
  expect(setAsideRetired(path)).toBeUndefined();
  const next = DataDirectory.open({ path, cluster });
  expect(next.identity.node).not.toBe(old.identity.node);
  expect(existsSync(next.binlogPath)).toBe(false);
});
