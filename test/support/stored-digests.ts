/**
 * Digests of what a stopped node's data directory holds: one for each replica, the same for all replicas of a slot that
 * agree. It opens the directory as a node does that has no peers: the whole log is applied.
 */

import { SystemClock } from "../../node/base/clock.ts";
import { silentLogger } from "../../node/base/log.ts";
import { Prng } from "../../node/base/prng.ts";
import { NodeFileSystem } from "../../node/binlog/file-system.ts";
import { CommandRegistry, dataCommands } from "../../node/commands/registry.ts";
import { DataPlane } from "../../node/data-plane.ts";
import { DataDirectory } from "../../node/engine/data-directory.ts";
import { LEVEL_BLOCK_CACHE_BYTES, LEVEL_WRITE_BUFFER_BYTES } from "../../node/engine/engine-options.ts";
import { LevelStore } from "../../node/engine/leveldb-store.ts";
import type { ClusterId, TableId } from "../../node/meta/ids.ts";
import { readTopologyFile } from "../../node/server/topology-file.ts";

/** `table/slot` → index applied and digest. */
async function digestsOf(path: string): Promise<Map<string, string>> {
  const directory = DataDirectory.open({ path, cluster: undefined });
  const cluster = directory.identity.cluster as ClusterId;
  const topology = await readTopologyFile(path, cluster);
  const registry = new CommandRegistry<never>(dataCommands);
  const hashKeyOf = (table: TableId) => {
    const seed = topology?.tables.get(table)?.hashSeed ?? "";
    return { k0: Number.parseInt(seed.slice(0, 8), 16) | 0, k1: Number.parseInt(seed.slice(8), 16) | 0 };
  };
  const plane = new DataPlane(
    {
      paths: { root: path, binlog: directory.binlogPath, lostWrites: directory.lostWritesPath },
      identity: { cluster, node: directory.identity.node },
      fsync: "no",
      cacheBytes: 16 * 1024 * 1024,
      watermarkBytes: 0,
      hashKeyOf,
      hasPeers: () => false,
      level: () => 1,
    },
    {
      clock: new SystemClock(),
      store: new LevelStore({
        location: directory.databasePath,
        writeBufferBytes: LEVEL_WRITE_BUFFER_BYTES,
        blockCacheBytes: LEVEL_BLOCK_CACHE_BYTES,
      }),
      files: new NodeFileSystem(),
      seeds: new Prng(1),
      resolve: (argv) => registry.resolve(argv),
      logger: silentLogger,
      fatal: (error) => {
        throw error;
      },
    },
  );
  await plane.start();
  try {
    const digests = new Map<string, string>();
    for (const replica of plane.replicas.all()) {
      digests.set(`${replica.table}/${replica.slot}`, `${replica.applied.index} ${await replica.digest()}`);
    }
    return digests;
  } finally {
    await plane.stop();
    directory.release();
  }
}

/** What differs between the replicas of the slots of several stopped nodes, and how many slots were compared. */
export async function compareReplicas(paths: readonly string[]): Promise<{ slotCount: number; differing: string[] }> {
  const all = await Promise.all(paths.map(digestsOf));
  const slots = new Set(all.flatMap((digests) => [...digests.keys()]));
  const differing: string[] = [];
  let slotCount = 0;
  for (const slot of slots) {
    const found = all.flatMap((digests) => digests.get(slot) ?? []);
    if (found.length > 1) slotCount++;
    if (new Set(found).size > 1) differing.push(`${slot}: ${found.join(" | ")}`);
  }
  return { slotCount, differing };
}
