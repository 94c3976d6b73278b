import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Cluster } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ReplicaId, tableId } from "../../../node/meta/ids.ts";
import type { SlotAssignment, TopologyNode } from "../../../node/meta/topology.ts";
import { Harness } from "../../support/server-harness.ts";

/** Leader, then followers, of each of eight slots: node 2 follows only, node 3 holds nothing. */
const HOLDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [0, 2],
  [1, 0],
  [1, 0],
  [0, 1, 2],
  [1, 2],
  [1, 2],
];
const TABLE = tableId(1);

let harness: Harness;
let client: Cluster;

beforeAll(async () => {
  harness = await new Harness({ tables: [{ name: "default", slots: 8 }], nodeCount: 4 }).start();
  const known = [...harness.topology.value.nodes.values()];
  const nodes = new Map(
    known.map((node, i): [TopologyNode["id"], TopologyNode] => [
      node.id,
      { ...node, announcePort: harness.nodes[i]?.port ?? 0 },
    ]),
  );
  const assignments = HOLDERS.map((holders, slot): SlotAssignment => {
    for (const { executors } of harness.nodes) {
      const former = executors.find(TABLE, slot);
      if (former !== undefined) former.isServing = false;
    }
    harness.nodes[holders[0] ?? 0]?.executors.add(TABLE, slot);
    const replicas = holders.map((holder, i) => ({
      id: (8 * i + slot + 1) as ReplicaId,
      node: (known[holder] as TopologyNode).id,
    }));
    return { term: 1, leader: 0, replicas };
  });
  harness.topology.replace({ nodes, assignments: new Map([[TABLE, assignments]]) });
  client = new Cluster([{ host: "127.0.0.1", port: harness.port }], { scaleReads: "slave" });
});
afterAll(async () => {
  client.disconnect();
  await harness.stop();
});

const name = (node: number) =>
  String(node + 1)
    .padStart(32, "0")
    .padEnd(40, "0");
const ask = (subcommand: string) => client.nodes("all")[0]?.call("CLUSTER", subcommand);

it("NODES has a line for each node: its ranges where it leads, its leader where it only follows", async () => {
  const lines = String(await ask("NODES"))
    .trim()
    .split("\n")
    .map((line) => line.replace(/127\S+ (myself,)?/, "").replace(/ 0 0 \d+ connected/, ""));
  expect(lines).toEqual([
    `${name(0)} master - 0-6143 10240-12287`,
    `${name(1)} master - 6144-10239 12288-16383`,
    `${name(2)} slave ${name(0)}`,
    `${name(3)} master -`,
  ]);
});

it("SLOTS joins neighbours with the same leader and followers, in whatever order they stand", async () => {
  const ranges = (await ask("SLOTS")) as [number, number, ...[string, number, string][]][];
  expect(ranges.map(([first, last, ...holders]) => [first, last, ...holders.map(([, , id]) => id)])).toEqual([
    [0, 4095, name(0), name(1), name(2)],
    [4096, 6143, name(0), name(2)],
    [6144, 10239, name(1), name(0)],
    [10240, 12287, name(0), name(1), name(2)],
    [12288, 16383, name(1), name(2)],
  ]);
});

it("SHARDS groups the ranges by who holds them, followers as replicas", async () => {
  const shards = (await ask("SHARDS")) as [string, number[], string, (string | number)[][]][];
  const holder = (fields: (string | number)[]) => [fields[1], fields[9]];
  expect(shards.map(([, ranges, , holders]) => [ranges, holders.map(holder)])).toEqual([
    [
      [0, 4095, 10240, 12287],
      [
        [name(0), "master"],
        [name(1), "replica"],
        [name(2), "replica"],
      ],
    ],
    [
      [4096, 6143],
      [
        [name(0), "master"],
        [name(2), "replica"],
      ],
    ],
    [
      [6144, 10239],
      [
        [name(1), "master"],
        [name(0), "replica"],
      ],
    ],
    [
      [12288, 16383],
      [
        [name(1), "master"],
        [name(2), "replica"],
      ],
    ],
    [[], [[name(3), "master"]]],
  ]);
});

it("ioredis.Cluster learns all who hold slots, and reads from followers too", async () => {
  for (let i = 0; i < 50; i++) await client.set(`k${i}`, i);
  for (let i = 0; i < 50; i++) expect(await client.get(`k${i}`)).toBe(String(i));
  const known = client.nodes("all").map(({ options }) => options.port);
  expect(known.sort()).toEqual(
    harness.nodes
      .slice(0, 3)
      .map(({ port }) => port)
      .sort(),
  );
});

it("redis-cli --cluster check finds all slots covered and every node of one mind", async () => {
  const { stdout } = await promisify(execFile)("redis-cli", ["--cluster", "check", `127.0.0.1:${harness.port}`]);
  expect(stdout).toContain("[OK] All nodes agree about slots configuration.");
  expect(stdout).toContain("[OK] All 16384 slots covered.");
  expect(stdout).toMatch(new RegExp(`S: ${name(2)}[^]*replicates ${name(0)}`));
  expect(stdout).toMatch(/slots:\[0-6143\],\[10240-12287\] \(8192 slots\) master\s+1 additional replica/);
});
