/** What INFO tells of a node beyond its clients: lines by section, read from the parts when they are asked for. */

import type { DataPlane } from "./data-plane.ts";
import type { NodeId } from "./meta/ids.ts";
import type { Topology } from "./meta/topology.ts";
import type { FollowerLag } from "./replication/leader.ts";
import type { Peering } from "./replication/peering.ts";
import type { InfoLines } from "./server/info.ts";

/** The parts that are asked. */
export interface NodeInfoSources {
  readonly programVersion: string;
  readonly fsync: string;
  readonly plane: DataPlane;
  /** Undefined for a node on its own. */
  readonly peering: Pick<Peering, "followerLags" | "following"> | undefined;
  readonly topology: () => Topology | undefined;
}

export function describeNode(section: string, sources: NodeInfoSources): InfoLines {
  switch (section) {
    case "server":
      return { pika_version: sources.programVersion };
    case "memory":
      return describeMemory(sources.plane);
    case "persistence":
      return describePersistence(sources);
    case "stats":
      return describeStats(sources.plane);
    case "replication":
      return describeReplication(sources);
    default:
      return {};
  }
}

function describeMemory({ engine }: DataPlane): InfoLines {
  const { cacheBytes, cacheEntries, dirtyBytes } = engine.stats;
  return { cache_used_bytes: cacheBytes, cache_entries: cacheEntries, cache_dirty_bytes: dirtyBytes };
}

function describePersistence({ plane, fsync }: NodeInfoSources): InfoLines {
  const { log, engine, room } = plane;
  const { flushes, flushedBytes, dirtyBytes } = engine.stats;
  return {
    aof_last_write_status: room.hasRoom ? "ok" : "err",
    binlog_fsync: fsync,
    binlog_segments: log.index.segments.length,
    binlog_bytes: log.sizeBytes(),
    binlog_late_syncs: log.syncer.lateSyncCount,
    binlog_recovered_entries: log.recovered.entryCount,
    flushes,
    flushed_bytes: flushedBytes,
    unflushed_bytes: dirtyBytes,
    write_delay_ms: plane.writeDelayMs().toFixed(1),
  };
}

function describeStats({ engine }: DataPlane): InfoLines {
  const { hits, misses, evictions } = engine.stats;
  return {
    expired_keys: engine.expirer.expiredCount,
    cache_hits: hits,
    cache_misses: misses,
    cache_evictions: evictions,
  };
}

function describeReplication({ plane, peering, topology }: NodeInfoSources): InfoLines {
  const led = [...plane.replicas.all()].filter(({ role }) => role === "leader");
  const lags = peering?.followerLags() ?? [];
  const following = peering?.following() ?? [];
  const byNode = new Map<NodeId, FollowerLag[]>();
  for (const lag of lags) {
    const known = byNode.get(lag.node);
    if (known) known.push(lag);
    else byNode.set(lag.node, [lag]);
  }
  const followers: string[] = [];
  for (const [id, own] of byNode) {
    if (own.every(({ mode }) => mode === "away")) continue;
    const node = topology()?.nodes.get(id);
    const state = own.every(({ isInSync }) => isInSync) ? "online" : "wait_bgsave";
    const address = `ip=${node?.announceHost ?? "?"},port=${node?.announcePort ?? 0}`;
    followers.push(
      `${address},state=${state},offset=${sum(own, "appendedIndex")},lag_entries=${sum(own, "lagEntries")}`,
    );
  }
  return {
    connected_slaves: followers.length,
    ...Object.fromEntries(followers.map((line, i) => [`slave${i}`, line])),
    master_repl_offset: led.reduce((total, { last }) => total + last.index, 0),
    led_replicas: led.length,
    followers: lags.length,
    followers_in_sync: lags.filter(({ isInSync }) => isInSync).length,
    followers_lag_entries: sum(lags, "lagEntries"),
    following: following.length,
    following_in_sync: following.filter(({ isInSync }) => isInSync).length,
    following_lag_entries: following.reduce((total, { lagEntries }) => total + lagEntries, 0),
  };
}

function sum(lags: readonly FollowerLag[], what: "appendedIndex" | "lagEntries"): number {
  return lags.reduce((total, lag) => total + lag[what], 0);
}
