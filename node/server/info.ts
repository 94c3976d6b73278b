/**
 * The text of INFO: Redis's sections, from what the parts of the node tell. The data plane adds lines of its own.
 */

import type { Clock } from "../base/clock.ts";
import { REDIS_VERSION } from "../commands/connection.ts";
import type { NodeId } from "../meta/ids.ts";
import type { ClientList } from "./client-list.ts";
import type { CommandPlan } from "./command-plan.ts";
import type { Statistics } from "./statistics.ts";

/** Lines (`name` → value) that others add to a section. */
export type InfoLines = Readonly<Record<string, string | number>>;

export interface InfoSources {
  readonly clock: Clock;
  readonly nodeId: NodeId;
  readonly clients: ClientList;
  readonly statistics: Statistics;
  readonly plans: () => Iterable<CommandPlan>;
  readonly port: () => number;
  readonly maxClients: () => number;
  readonly cacheBytes: number;
  /** Of the data plane: lines by section. */
  readonly extra: (section: string) => InfoLines;
}

const DEFAULT_SECTIONS = [
  "server",
  "clients",
  "memory",
  "persistence",
  "stats",
  "replication",
  "cpu",
  "modules",
  "errorstats",
  "cluster",
  "keyspace",
];
const ALL_SECTIONS = [...DEFAULT_SECTIONS.slice(0, 7), "commandstats", ...DEFAULT_SECTIONS.slice(7)];

/** Which sections a call of INFO asks for, in Redis's order. */
function wantedSections(asked: readonly string[]): readonly string[] {
  if (asked.length === 0) return DEFAULT_SECTIONS;
  const wanted = new Set<string>();
  for (const name of asked) {
    if (name === "default") for (const section of DEFAULT_SECTIONS) wanted.add(section);
    else if (name === "all" || name === "everything") for (const section of ALL_SECTIONS) wanted.add(section);
    else wanted.add(name);
  }
  return ALL_SECTIONS.filter((section) => wanted.has(section));
}

/** Records of a table, expired ones that are not collected yet included. */
export interface KeyCounts {
  readonly all: number;
  /** Those that have an expiry. */
  readonly expiring: number;
}

export class InfoText {
  readonly #sources: InfoSources;
  readonly #startedMs: number;

  constructor(sources: InfoSources) {
    this.#sources = sources;
    this.#startedMs = sources.clock.monotonicMs();
  }

  /** @param countKeys counts the records of the asker's table, asked for only if the keyspace is wanted. */
  async write(asked: readonly string[], countKeys: () => Promise<KeyCounts>): Promise<string> {
    const parts: string[] = [];
    for (const section of wantedSections(asked)) {
      const lines = section === "keyspace" ? await keyspace(countKeys) : this.#lines(section);
      const all = { ...lines, ...this.#sources.extra(section) };
      const text = Object.entries(all).map(([name, value]) => `${name}:${value}\r\n`);
      parts.push(`# ${section[0]?.toUpperCase()}${section.slice(1)}\r\n${text.join("")}`);
    }
    return parts.join("\r\n");
  }

  #lines(section: string): InfoLines {
    switch (section) {
      case "server":
        return this.#server();
      case "clients":
        return {
          connected_clients: this.#sources.clients.count,
          maxclients: this.#sources.maxClients(),
          blocked_clients: this.#sources.clients.blockedCount,
          tracking_clients: 0,
        };
      case "memory":
        return this.#memory();
      case "persistence":
        return {
          loading: 0,
          async_loading: 0,
          rdb_changes_since_last_save: 0,
          rdb_bgsave_in_progress: 0,
          rdb_last_bgsave_status: "ok",
          aof_enabled: 1,
          aof_rewrite_in_progress: 0,
        };
      case "stats":
        return this.#stats();
      case "replication":
        return {
          role: "master",
          connected_slaves: 0,
          master_replid: this.#sources.nodeId.padEnd(40, "0"),
          master_repl_offset: 0,
        };
      case "cpu":
        return cpu();
      case "commandstats":
        return this.#commands();
      case "errorstats":
        return this.#errors();
      case "cluster":
        return { cluster_enabled: 1 };
      default:
        return {};
    }
  }

  #server(): InfoLines {
    const { clock, nodeId, port } = this.#sources;
    const uptimeSeconds = Math.floor((clock.monotonicMs() - this.#startedMs) / 1000);
    return {
      redis_version: REDIS_VERSION,
      redis_mode: "cluster",
      server_name: "pika-cluster",
      os: `${process.platform} ${process.arch}`,
      arch_bits: 64,
      multiplexing_api: "libuv",
      node_version: process.versions.node,
      process_id: process.pid,
      run_id: nodeId.padEnd(40, "0"),
      tcp_port: port(),
      server_time_usec: clock.wallMs() * 1000,
      uptime_in_seconds: uptimeSeconds,
      uptime_in_days: Math.floor(uptimeSeconds / 86_400),
      hz: 10,
    };
  }

  #memory(): InfoLines {
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    return {
      used_memory: heapUsed + external,
      used_memory_human: human(heapUsed + external),
      used_memory_rss: rss,
      used_memory_rss_human: human(rss),
      used_memory_heap: heapUsed,
      used_memory_buffers: arrayBuffers,
      maxmemory: 0,
      maxmemory_policy: "noeviction",
      cache_bytes: this.#sources.cacheBytes,
      mem_fragmentation_ratio: (rss / (heapUsed + external)).toFixed(2),
      mem_allocator: "v8",
    };
  }

  #stats(): InfoLines {
    const { statistics } = this.#sources;
    return {
      total_connections_received: statistics.connectionCount,
      total_commands_processed: statistics.commandCount,
      instantaneous_ops_per_sec: Math.round(statistics.commandsPerSecond),
      total_net_input_bytes: statistics.inputBytes,
      total_net_output_bytes: statistics.outputBytes,
      rejected_connections: statistics.rejectedConnections,
      total_error_replies: statistics.errorCount,
      protocol_errors: statistics.protocolErrors,
      evicted_keys: 0,
      pubsub_channels: 0,
    };
  }

  #errors(): InfoLines {
    const { errors } = this.#sources.statistics;
    return Object.fromEntries([...errors].map(([name, count]) => [`errorstat_${name}`, `count=${count}`]));
  }

  #commands(): InfoLines {
    const lines: Record<string, string> = {};
    for (const plan of this.#sources.plans()) {
      if (plan.callCount === 0) continue;
      const micros = Math.round(1000 * plan.totalMs);
      const each = (micros / plan.callCount).toFixed(2);
      lines[`cmdstat_${plan.command.name}`] =
        `calls=${plan.callCount},usec=${micros},usec_per_call=${each},rejected_calls=${plan.rejectedCount},failed_calls=${plan.failedCount}`;
    }
    return lines;
  }
}

function human(sizeBytes: number): string {
  return `${(sizeBytes / 1024 / 1024).toFixed(2)}M`;
}

function cpu(): InfoLines {
  const { user, system } = process.cpuUsage();
  return { used_cpu_sys: (system / 1e6).toFixed(6), used_cpu_user: (user / 1e6).toFixed(6) };
}

/** The average time to live is not known: 0, as Redis says where it has not sampled any. */
async function keyspace(countKeys: () => Promise<KeyCounts>): Promise<InfoLines> {
  const { all, expiring } = await countKeys();
  return all > 0 ? { db0: `keys=${all},expires=${expiring},avg_ttl=0` } : {};
}
