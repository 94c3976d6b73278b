/**
 * `pika node`: puts the data plane, the links to peers and the client port together, and starts and stops them in order.
 * Start: data directory → recovery → topology → peers → replicas → clients → HTTP. Stop: the other way round; clients
 * are answered what they have asked, then the log is synced and the database closed.
 */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { type Clock, SystemClock } from "./base/clock.ts";
import type { HashKey } from "./base/hash.ts";
import { type Service, stopAll } from "./base/lifecycle.ts";
import { createLogger, type Logger } from "./base/log.ts";
import { Metrics } from "./base/metrics.ts";
import { Prng } from "./base/prng.ts";
import { NodeFileSystem } from "./binlog/file-system.ts";
import { CommandRegistry, dataCommands } from "./commands/registry.ts";
import { DataPlane } from "./data-plane.ts";
import { DataDirectory } from "./engine/data-directory.ts";
import { LevelStore } from "./engine/leveldb-store.ts";
import type { TableId } from "./meta/ids.ts";
import type { TopologyNode } from "./meta/topology.ts";
import { NoPeers } from "./no-peers.ts";
import type { NodeOptions } from "./node-options.ts";
import { AdminHttp } from "./server/admin-http.ts";
import { ClientServer } from "./server/client-server.ts";
import { Turn } from "./server/turn.ts";
import { leadAll, makeClusterId, StandaloneTopology } from "./standalone.ts";

const MIB = 1024 * 1024;
const STORE_BUFFER_BYTES = 16 * MIB;
const STORE_CACHE_BYTES = 8 * MIB;

export interface NodeDeps {
  /** SHUTDOWN was asked for, or the node cannot go on (`error`): whoever runs it stops it. */
  readonly onStop: (error: unknown) => void;
  readonly clock?: Clock;
  readonly log?: Logger;
}

export interface RunningNode extends Service {
  /** Ports in use, once started. */
  readonly clientPort: number;
  readonly httpPort: number;
}

/** Makes a node; nothing happens before `start`. */
export function createNode(options: NodeOptions, deps: NodeDeps): RunningNode {
  return new PikaNode(options, deps);
}

class PikaNode implements RunningNode {
  readonly #options: NodeOptions;
  readonly #deps: NodeDeps;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics = new Metrics();
  /** In the order of their start. */
  #parts: Service[] = [];
  #server: ClientServer | undefined;
  #http: AdminHttp | undefined;
  #isReady = false;

  constructor(options: NodeOptions, deps: NodeDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#clock = deps.clock ?? new SystemClock();
    this.#log = deps.log ?? createLogger({ level: options.logLevel, fields: { process: "node" } });
  }

  get clientPort(): number {
    return this.#server?.port ?? this.#options.port;
  }

  get httpPort(): number {
    return this.#http?.port ?? this.#options.httpPort;
  }

  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#isReady = false;
    const parts = this.#parts;
    this.#parts = [];
    await stopAll(parts);
  }

  async #start(): Promise<void> {
    const { dataDir, standaloneSlots } = this.#options;
    const directory = DataDirectory.open({ path: dataDir, cluster: undefined });
    this.#parts.push({ start: async () => {}, stop: async () => directory.release() });
    const cluster = directory.identity.cluster ?? makeClusterId();
    directory.join(cluster);
    const self = directory.identity.node;
    const topology = new StandaloneTopology(cluster, this.#describe(self), standaloneSlots);
    const plane = this.#createPlane(directory, topology);
    await this.#run(plane);
    await leadAll(plane.replicas, topology.current());
    const turn = new Turn(() => plane.executors.endTurn(), this.#fatal);
    const server = this.#createServer(plane, turn, topology);
    this.#server = server;
    await this.#run(server);
    await this.#startHttp();
    this.#isReady = true;
    this.#log.info({ node: self, cluster, port: this.clientPort, httpPort: this.httpPort }, "node ready");
  }

  #createPlane(directory: DataDirectory, topology: StandaloneTopology): DataPlane {
    const { cacheBytes, fsync } = this.#options;
    const registry = new CommandRegistry<never>(dataCommands);
    const { cluster, node } = directory.identity;
    return new DataPlane(
      {
        paths: { root: directory.path, binlog: directory.binlogPath, lostWrites: directory.lostWritesPath },
        identity: { cluster: cluster ?? makeClusterId(), node },
        fsync,
        cacheBytes,
        hashKeyOf: (table) => hashKeyOf(topology, table),
        hasPeers: () => false,
        level: () => topology.current().featureLevel,
      },
      {
        clock: this.#clock,
        store: new LevelStore({
          location: directory.databasePath,
          writeBufferBytes: STORE_BUFFER_BYTES,
          blockCacheBytes: STORE_CACHE_BYTES,
        }),
        files: new NodeFileSystem(),
        seeds: new Prng(randomBytes(4).readUInt32LE()),
        resolve: (argv) => registry.resolve(argv),
        logger: this.#log,
        fatal: this.#fatal,
      },
    );
  }

  #createServer(plane: DataPlane, turn: Turn, topology: StandaloneTopology): ClientServer {
    const { host, port, maxClients, idleSeconds, slowlogMicros, cacheBytes, fsync } = this.#options;
    const self = [...topology.current().nodes.keys()][0];
    if (self === undefined) throw new TypeError("the topology has this node");
    return new ClientServer(
      { host, port, maxClients, idleSeconds, slowLogMicros: slowlogMicros, cacheBytes },
      {
        self,
        clock: this.#clock,
        log: this.#log,
        executors: plane.executors,
        turn,
        topology,
        forwarder: new NoPeers(),
        seed: randomBytes(4).readUInt32LE(),
        node: {
          infoLines: () => ({}),
          setActiveExpiry: () => {},
          lastSaveSeconds: () => Math.floor(this.#clock.wallMs() / 1000),
          waitReplicas: () => Promise.resolve(0),
          onShutdown: () => this.#deps.onStop(undefined),
          parameters: [{ name: "appendfsync", value: fsync, kind: "text", isFixed: true }],
        },
      },
    );
  }

  async #startHttp(): Promise<void> {
    const { host, httpPort } = this.#options;
    const http = new AdminHttp({ host, port: httpPort }, { metrics: this.#metrics, isReady: () => this.#isReady });
    this.#http = http;
    this.#metrics.observeProcess("pika_node_");
    await this.#run(http);
  }

  async #run(part: Service): Promise<void> {
    this.#parts.push(part);
    await part.start();
  }

  readonly #fatal = (error: unknown): void => {
    this.#log.error({ error }, "the node cannot go on");
    this.#deps.onStop(error);
  };

  #describe(id: TopologyNode["id"]): TopologyNode {
    const { name, announceHost, announcePort, port, peerPort, httpPort, zone } = this.#options;
    const host = announceHost === "" ? hostname() : announceHost;
    return {
      id,
      name: name === "" ? hostname() : name,
      host,
      peerPort,
      httpPort,
      announceHost: host,
      announcePort: announcePort === 0 ? port : announcePort,
      zone,
      state: "active",
    };
  }
}

function hashKeyOf(topology: StandaloneTopology, table: TableId): HashKey | undefined {
  const seed = topology.current().tables.get(table)?.hashSeed;
  if (seed === undefined) return undefined;
  return { k0: Number.parseInt(seed.slice(0, 8), 16) | 0, k1: Number.parseInt(seed.slice(8), 16) | 0 };
}
