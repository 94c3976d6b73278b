import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type ClusterRecord,
  isOurProcess,
  listClusters,
  StateDirectory,
} from "../../../operator/cli/state-directory.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "pika-state-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const record: ClusterRecord = {
  schema: "local-cluster",
  version: 1,
  cluster: "demo",
  supervisorPid: 4_000_000,
  portBase: 9200,
  managers: ["http://127.0.0.1:9200"],
  nodes: [{ name: "demo-nodes-0", clientPort: 9221, httpPort: 9223 }],
  tables: [{ name: "default", hasPassword: false }],
  children: [],
  generation: 3,
  phase: "ready",
  message: "",
};

describe("StateDirectory", () => {
  test("tells the command that finds it again", () => {
    expect(new StateDirectory(".pika", "demo").commandFor("down")).toBe("`pika down`");
    expect(new StateDirectory("/tmp/x", "demo").commandFor("down")).toBe("`pika down --data-dir /tmp/x`");
    expect(new StateDirectory("it's", "demo").commandFor("apply")).toBe("`pika apply --data-dir 'it'\\''s' -f FILE`");
  });

  test("makes a secret once, for the owner only", () => {
    const state = new StateDirectory(dataDir, "demo");
    state.prepare();
    const { mtimeMs, mode, size } = statSync(state.secretFile);
    expect([mode & 0o777, size]).toEqual([0o600, 65]);
    state.prepare();
    expect(statSync(state.secretFile).mtimeMs).toBe(mtimeMs);
  });

  test("gives back what was written, and nothing where nothing was", () => {
    const state = new StateDirectory(dataDir, "demo");
    expect(state.readRecord()).toBeUndefined();
    state.prepare();
    expect(listClusters(dataDir)).toEqual([]);
    state.writeRecord(record);
    expect(state.readRecord()).toEqual(record);
    expect(listClusters(dataDir)).toEqual(["demo"]);
    state.removeRecord();
    expect(existsSync(state.secretFile)).toBe(true);
    expect(listClusters(dataDir)).toEqual([]);
  });

  test.each(["", "{", '{"schema":"other"}'])("a damaged record %j is an error that names the file", (text) => {
    const state = new StateDirectory(dataDir, "demo");
    state.prepare();
    writeFileSync(join(state.path, "cluster.json"), text);
    expect(() => state.readRecord()).toThrow(join(state.path, "cluster.json"));
  });
});

test("a process that does not exist, or is not ours, is not taken for ours", () => {
  expect(isOurProcess(4_000_000)).toBe(false);
  expect(isOurProcess(1)).toBe(false);
});

test("listClusters of a directory that does not exist is empty", () => {
  expect(listClusters(join(dataDir, "none"))).toEqual([]);
});
