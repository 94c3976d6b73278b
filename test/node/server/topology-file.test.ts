import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ClusterId } from "../../../node/meta/ids.ts";
import type { Topology } from "../../../node/meta/topology.ts";
import { readTopologyFile, writeTopologyFile } from "../../../node/server/topology-file.ts";
import { CLUSTER, topologyArbitrary } from "../../support/topology-arbitrary.ts";

const topology = fc.sample(topologyArbitrary(), { numRuns: 1, seed: 4 })[0] as Topology;
let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "pika-topology-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("the persisted topology", () => {
  test("is what was written last, and leaves no other file", async () => {
    expect(await readTopologyFile(directory, CLUSTER)).toBeUndefined();
    await writeTopologyFile(directory, topology);
    await writeTopologyFile(directory, { ...topology, epoch: 2000 });
    expect(await readTopologyFile(directory, CLUSTER)).toEqual({ ...topology, epoch: 2000 });
    expect(await readdir(directory)).toEqual(["topology.json"]);
  });

  test("of another cluster, torn or not understood is an error that says what to do", async () => {
    await writeTopologyFile(directory, topology);
    const other = readTopologyFile(directory, "d".repeat(32) as ClusterId);
    await expect(other).rejects.toMatchObject({
      code: "BadTopologyFile",
      message: expect.stringContaining("remove it"),
    });
    for (const text of ["", '{"schema":"topology","version":1', '{"schema":"topology","version":2}']) {
      await writeFile(join(directory, "topology.json"), text);
      await expect(readTopologyFile(directory, CLUSTER)).rejects.toMatchObject({ code: "BadTopologyFile" });
    }
  });
});
