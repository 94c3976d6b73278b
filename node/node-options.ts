/** The options of `pika node`, one declarative table: flags, environment names, limits, help. */

import type { OptionTable, OptionValues } from "./base/options.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

export const nodeOptions = {
  host: { kind: "text", default: "0.0.0.0", help: "address to listen on" },
  port: { kind: "count", default: 9221, min: 0, max: 65_535, help: "port for Redis clients" },
  peerPort: { kind: "count", default: 9222, min: 0, max: 65_535, help: "port for the other nodes" },
  httpPort: { kind: "count", default: 9223, min: 0, max: 65_535, help: "port of healthz, readyz and metrics" },
  name: { kind: "text", default: "", help: "name of this node for people; default: the host's" },
  announceHost: {
    kind: "text",
    default: "",
    help: "host that peers and clients are told; default: --host, or this machine's name where that is a wildcard",
  },
  announcePort: {
    kind: "count",
    default: 0,
    min: 0,
    max: 65_535,
    help: "port that clients are told; 0: the client port",
  },
  zone: { kind: "text", default: "", help: "zone of this node" },
  dataDir: { kind: "text", default: "data", help: "data directory" },
  managers: {
    kind: "list",
    default: [],
    help: "base URLs of the managers; none: one node on its own, with one table `default`",
  },
  secretFile: { kind: "text", default: "", help: "file with the cluster's secret, one a line, at most two" },
  standaloneSlots: { kind: "count", default: 64, min: 1, max: 16_384, help: "slots of `default` without managers" },
  cacheBytes: { kind: "bytes", default: 256 * MIB, min: 4 * MIB, max: 1024 * GIB, help: "memory for cached records" },
  fsync: {
    kind: "choice",
    default: "everysec",
    choices: ["always", "everysec", "no"],
    help: "when the binlog is synced to the disk",
  },
  followerLogBytes: {
    kind: "bytes",
    default: 2 * GIB,
    min: MIB,
    max: 1024 * GIB,
    help: "log kept for followers that are behind, a minute or so of full load; one that needs more gets a snapshot",
  },
  copyLogBytes: {
    kind: "bytes",
    default: 8 * GIB,
    min: MIB,
    max: 1024 * GIB,
    help: "log kept behind a follower's copy while it is on its way: a copy that takes longer starts again",
  },
  segmentBytes: {
    kind: "bytes",
    default: 64 * MIB,
    min: MIB,
    max: GIB,
    help: "size of a file of the binlog: the log is let go in these pieces",
  },
  diskWatermarkBytes: {
    kind: "bytes",
    default: 0,
    min: 0,
    max: 1024 * GIB,
    help: "writes are refused below so much free disk; 0: 512Mi or a twentieth of the disk, whichever is more",
  },
  maxClients: { kind: "count", default: 10_000, min: 1, max: 1_000_000, help: "most client connections", isLive: true },
  idleSeconds: {
    kind: "count",
    default: 0,
    min: 0,
    max: 2 ** 31,
    help: "idle client connections are closed after this; 0: never",
    isLive: true,
  },
  slowlogMicros: {
    kind: "count",
    default: 10_000,
    min: -1,
    max: 2 ** 40,
    help: "commands that take this long are kept in SLOWLOG; -1: none",
    isLive: true,
  },
  logLevel: {
    kind: "choice",
    default: "info",
    choices: ["debug", "info", "warn", "error", "silent"],
    help: "least level of log lines",
  },
} as const satisfies OptionTable;

export type NodeOptions = OptionValues<typeof nodeOptions>;
