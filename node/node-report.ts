/** What a node tells the managers of itself with each registration and heartbeat. */

import type { Clock } from "./base/clock.ts";
import type { DataPlane } from "./data-plane.ts";
import type { NodeId, TableId } from "./meta/ids.ts";
import {
  type NodeLoad,
  type PeerReport,
  REPLICA_CATCHING_UP,
  REPLICA_COPYING,
  REPLICA_IN_SYNC,
  type ReplicaPosition,
} from "./meta/manager-api.ts";
import type { Peering } from "./replication/peering.ts";
import type { ClientServer } from "./server/client-server.ts";
import type { NodeReport } from "./server/manager-agent.ts";

/** The parts of the node, each undefined until it is there. */
export interface ReportSources {
  readonly clock: Clock;
  readonly plane: () => DataPlane | undefined;
  readonly peering: () => Peering | undefined;
  readonly server: () => ClientServer | undefined;
  readonly isReady: () => boolean;
  /** Bytes that the data directory takes. */
  readonly diskBytes: () => number;
}

export class NodeReporter implements NodeReport {
  readonly #sources: ReportSources;
  /** Since when each peer has no link. */
  readonly #silentSince = new Map<NodeId, number>();

  constructor(sources: ReportSources) {
    this.#sources = sources;
  }

  isReady(): boolean {
    return this.#sources.isReady();
  }

  *positions(): Iterable<ReplicaPosition> {
    const plane = this.#sources.plane();
    if (plane === undefined) return;
    const states = new Map<number, string>();
    for (const { replica, state, isInSync } of this.#sources.peering()?.following() ?? []) {
      states.set(replica, isInSync ? "inSync" : state);
    }
    for (const { replica, role, term, last } of plane.replicas.all()) {
      const state = states.get(replica);
      const isInSync = role === "leader" || state === "inSync";
      const shown = isInSync ? REPLICA_IN_SYNC : state === "copying" ? REPLICA_COPYING : REPLICA_CATCHING_UP;
      yield [replica, term, last.index, shown];
    }
  }

  load(): NodeLoad {
    const { plane, server } = this.#sources;
    const tables = new Map<TableId, { keys: number; bytes: number }>();
    const data = plane();
    if (data !== undefined) {
      for (const { table, role, shard } of data.replicas.all()) {
        if (role !== "leader") continue;
        const known = tables.get(table) ?? { keys: 0, bytes: 0 };
        known.keys += shard.recordCount;
        known.bytes += Math.max(0, shard.data.sizeBytes);
        tables.set(table, known);
      }
    }
    return {
      opsPerSecond: Math.max(0, server()?.statistics.commandsPerSecond ?? 0),
      connectedClients: server()?.clients.count ?? 0,
      memoryBytes: process.memoryUsage.rss(),
      diskBytes: this.#sources.diskBytes(),
      tables: [...tables].map(([table, { keys, bytes }]) => [table, keys, bytes]),
    };
  }

  peers(): readonly PeerReport[] {
    const nowMs = this.#sources.clock.monotonicMs();
    return (this.#sources.peering()?.peers() ?? []).map(({ node, isLinked }) => {
      if (isLinked) this.#silentSince.delete(node);
      else if (!this.#silentSince.has(node)) this.#silentSince.set(node, nowMs);
      const since = this.#silentSince.get(node);
      return { node, isReachable: isLinked, silentMs: since === undefined ? 0 : Math.round(nowMs - since) };
    });
  }
}
