/**
 * `pika node`: puts the data plane, the links to peers and the client port together, and starts and stops them in
 * order.
 * Start: data directory → HTTP → recovery → managers → peers → replicas → clients. A node that belongs to no cluster
 * yet asks the managers first. Stop: the other way round; clients are answered what they have asked, then the log is
 * synced and the database closed.
 */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { AdminHttp } from "./base/admin-http.ts";
import { present } from "./base/assert.ts";
import { type Clock, delay, SystemClock } from "./base/clock.ts";
import type { HashKey } from "./base/hash.ts";
import { type Service, stopAll } from "./base/lifecycle.ts";
import { createLogger, type Logger } from "./base/log.ts";
import { Metrics } from "./base/metrics.ts";
import { Prng } from "./base/prng.ts";
import { NodeFileSystem } from "./binlog/file-system.ts";
import { readSecret } from "./cluster-secret.ts";
import { CommandRegistry, dataCommands } from "./commands/registry.ts";
import { DataPlane } from "./data-plane.ts";
import { DiskUse } from "./disk-use.ts";
import { DataDirectory } from "./engine/data-directory.ts";
import { LEVEL_BLOCK_CACHE_BYTES, LEVEL_WRITE_BUFFER_BYTES } from "./engine/engine-options.ts";
import { LevelStore } from "./engine/leveldb-store.ts";
import { HeldReplicas } from "./held-replicas.ts";
import type { ClusterId, NodeId, TableId } from "./meta/ids.ts";
import type { Topology, TopologyNode } from "./meta/topology.ts";
import type { TopologySource } from "./meta/topology-source.ts";
import { NoPeers } from "./no-peers.ts";
import { describeNode } from "./node-info.ts";
import { observeNode } from "./node-metrics.ts";
import type { NodeOptions } from "./node-options.ts";
import { NodeReporter } from "./node-report.ts";
import { type FollowerProgressSource, type WaitTarget, waitForFollowers } from "./replication/follower-waits.ts";
import { Peering } from "./replication/peering.ts";
import type { Forwarder, ForwardHandler } from "./router/forwarding.ts";
import { ClientServer } from "./server/client-server.ts";
import type { Parameter } from "./server/config.ts";
import { GarbageWatch, heapCollector } from "./server/garbage-watch.ts";
import { ManagerAgent } from "./server/manager-agent.ts";
import type { WaitQuestion } from "./server/replica-waits.ts";
import { readTopologyFile } from "./server/topology-file.ts";
import { Turn } from "./server/turn.ts";
import { openWithReserve } from "./shard/disk-reserve.ts";
import { leadAll, makeClusterId, StandaloneTopology } from "./standalone.ts";
import { StartWait } from "./start-wait.ts";

/** Of a node on its own. */
const NO_FOLLOWERS: FollowerProgressSource = { countFollowersAt: () => 0, onProgress: () => () => {} };
/** Kept on the disk for when it is full: room to open the database, to flush and to compact. */
const RESERVE_BYTES = 64 * 1024 * 1024;
/** How long clients wait at a start for the replicas that the node held to get their roles. */
const ROLES_WAIT_MS = 10_000;
/** How long a node is not ready for replicas that are not back: a leader that is gone must not hold up a restart. */
const REPLICAS_WAIT_MS = 20_000;

export interface NodeDeps {
  /** Told to the managers; default "0.0.0". */
  readonly programVersion?: string;
  /** SHUTDOWN was asked for (undefined), or the node cannot go on: whoever runs it stops it. */
  readonly onStop: (error: unknown) => void;
  /** Ends a start that is under way: it rejects with `Stopping` once all is stopped. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly log?: Logger;
}

export interface RunningNode extends Service {
  /** Ports in use, once started. */
  readonly clientPort: number;
  readonly peerPort: number;
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
  #plane: DataPlane | undefined;
  #peering: Peering | undefined;
  #server: ClientServer | undefined;
  #http: AdminHttp | undefined;
  #disk: DiskUse | undefined;
  readonly #wait: StartWait;

  constructor(options: NodeOptions, deps: NodeDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#wait = new StartWait(deps.signal);
    this.#clock = deps.clock ?? new SystemClock();
    this.#log =
      deps.log ?? createLogger({ level: options.logLevel, fields: { process: "node", name: nameOf(options) } });
  }

  get clientPort(): number {
    return this.#server?.port ?? this.#options.port;
  }

  get peerPort(): number {
    return this.#peering?.port ?? this.#options.peerPort;
  }

  get httpPort(): number {
    return this.#http?.port ?? this.#options.httpPort;
  }

  async start(): Promise<void> {
    try {
      const { dataDir } = this.#options;
      const directory = openWithReserve(new NodeFileSystem(), dataDir, () =>
        DataDirectory.open({ path: dataDir, cluster: undefined }),
      );
      this.#parts.push({ start: async () => {}, stop: async () => directory.release() });
      await this.#startHttp();
      if (this.#options.managers.length === 0) await this.#startAlone(directory);
      else await this.#startMember(directory);
      this.#wait.finish();
      const { cluster, node } = directory.identity;
      this.#log.info({ node, cluster, port: this.clientPort, httpPort: this.httpPort }, "node ready");
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#wait.reopen();
    const parts = this.#parts;
    this.#parts = [];
    await stopAll(parts);
  }

  async #startAlone(directory: DataDirectory): Promise<void> {
    const cluster = directory.identity.cluster ?? makeClusterId();
    directory.join(cluster);
    const topology = new StandaloneTopology(
      cluster,
      this.#describe(directory.identity.node),
      this.#options.standaloneSlots,
    );
    const plane = await this.#startPlane(directory, cluster, () => topology.current());
    await this.#wait.until("its slots to be led", leadAll(plane.replicas, topology.current()));
    const server = this.#createServer({
      plane,
      source: topology,
      forwarder: new NoPeers(),
      self: directory.identity.node,
    });
    await this.#run(server);
  }

  async #startMember(directory: DataDirectory): Promise<void> {
    const secret = readSecret(this.#options.secretFile);
    const { path } = directory;
    let cluster = directory.identity.cluster;
    const joined = Promise.withResolvers<ClusterId>();
    const agent = this.#createAgent(directory, secret, joined.resolve);
    let plane: DataPlane;
    if (cluster === undefined) {
      await this.#run(agent);
      cluster = await this.#wait.until("a manager that this new node can join", joined.promise);
      plane = await this.#startPlane(directory, cluster, () => agent.current());
    } else {
      const known = await readTopologyFile(path, cluster).catch(() => undefined);
      plane = await this.#startPlane(directory, cluster, () => agent.current() ?? known);
      await this.#run(agent);
    }
    await this.#startPeering({ plane, agent, secret, cluster, self: directory.identity.node });
  }

  async #startPeering(what: {
    plane: DataPlane;
    agent: ManagerAgent;
    secret: string;
    cluster: ClusterId;
    self: NodeId;
  }): Promise<void> {
    const { plane, agent, secret, cluster, self } = what;
    const { host, peerPort } = this.#options;
    const peering = new Peering(
      { identity: { cluster, node: self }, host, port: peerPort, secret, isLeaseEnforced: false },
      {
        clock: this.#clock,
        logger: this.#log,
        random: Math.random,
        source: agent,
        host: plane.replicas,
        handler: this.#lateHandler(),
        onLostWrites: ({ table, slot }, count, path) =>
          this.#log.warn({ table, slot, count, path }, "writes that the new leader does not have were set aside"),
      },
    );
    this.#peering = peering;
    const server = this.#createServer({ plane, source: agent, forwarder: peering.forwarder, self });
    // Not before: a copy of a living node's data would take that node's links from it.
    await this.#wait.until("a manager to register it", agent.admitted);
    await this.#wait.until("a topology from the managers", topologyOf(agent));
    const held = new HeldReplicas({ clock: this.#clock, host: plane.replicas, peering });
    await this.#run(peering);
    const roles = Promise.race([peering.settled(), delay(this.#clock, ROLES_WAIT_MS)]);
    await this.#wait.until("the replicas to get their roles", roles);
    await this.#run(server);
    const { signal } = this.#deps;
    await this.#wait.until(() => held.missing() ?? "no more", held.back(REPLICAS_WAIT_MS, signal));
  }

  /** The server answers peers; it is made after the links that it forwards by. */
  #lateHandler(): ForwardHandler {
    const handler = () => present(this.#server, "server").peerRequests;
    return {
      handle: (request, responder) => handler().handle(request, responder),
      handleRun: (run, responder) => handler().handleRun(run, responder),
      watch: (request) => handler().watch(request),
      unwatch: (watchId) => handler().unwatch(watchId),
    };
  }

  #createAgent(directory: DataDirectory, secret: string, onJoined: (cluster: ClusterId) => void): ManagerAgent {
    const { managers } = this.#options;
    const { name, host, peerPort, httpPort, announceHost, announcePort, zone } = this.#describe(
      directory.identity.node,
    );
    return new ManagerAgent(
      {
        managers,
        secret,
        dataDirectory: directory.path,
        nodeId: directory.identity.node,
        clusterId: directory.identity.cluster,
        name,
        host,
        peerPort,
        httpPort,
        announceHost,
        announcePort,
        zone,
        programVersion: this.#deps.programVersion ?? "0.0.0",
      },
      {
        clock: this.#clock,
        logger: this.#log,
        report: new NodeReporter({
          clock: this.#clock,
          plane: () => this.#plane,
          peering: () => this.#peering,
          server: () => this.#server,
          isReady: () => this.#wait.isDone,
          diskBytes: () => this.#disk?.sizeBytes ?? 0,
        }),
        onJoined: async (cluster) => {
          directory.join(cluster);
          onJoined(cluster);
        },
        onFatal: this.#fatal,
      },
    );
  }

  async #startPlane(
    directory: DataDirectory,
    cluster: ClusterId,
    topology: () => Topology | undefined,
  ): Promise<DataPlane> {
    const { cacheBytes, fsync, segmentBytes, followerLogBytes, copyLogBytes, diskWatermarkBytes } = this.#options;
    const registry = new CommandRegistry<never>(dataCommands);
    const { node } = directory.identity;
    const plane = new DataPlane(
      {
        paths: { root: directory.path, binlog: directory.binlogPath, lostWrites: directory.lostWritesPath },
        identity: { cluster, node },
        fsync,
        cacheBytes,
        segmentBytes,
        followerLogBytes,
        copyLogBytes,
        reserveLimitBytes: RESERVE_BYTES,
        ...(diskWatermarkBytes === 0 ? {} : { watermarkBytes: diskWatermarkBytes }),
        hashKeyOf: (table) => hashKeyOf(topology(), table),
        hasPeers: (table, slot) => (topology()?.assignments.get(table)?.[slot]?.replicas.length ?? 0) > 1,
        level: () => topology()?.featureLevel ?? 1,
      },
      {
        clock: this.#clock,
        store: new LevelStore({
          location: directory.databasePath,
          writeBufferBytes: LEVEL_WRITE_BUFFER_BYTES,
          blockCacheBytes: LEVEL_BLOCK_CACHE_BYTES,
        }),
        files: new NodeFileSystem(),
        seeds: new Prng(randomBytes(4).readUInt32LE()),
        resolve: (argv) => registry.resolve(argv),
        logger: this.#log,
        fatal: this.#fatal,
      },
    );
    await this.#wait.until("its data to be recovered", this.#run(plane));
    directory.noteData();
    this.#plane = plane;
    this.#disk = new DiskUse(directory.path, this.#clock);
    await this.#run(this.#disk);
    await this.#run(
      new GarbageWatch({
        clock: this.#clock,
        bufferBytes: () => process.memoryUsage().arrayBuffers,
        knownBytes: () => plane.engine.stats.cacheBytes,
        collect: heapCollector(),
      }),
    );
    return plane;
  }

  #createServer(what: { plane: DataPlane; source: TopologySource; forwarder: Forwarder; self: NodeId }): ClientServer {
    const { plane, source, forwarder, self } = what;
    const { host, port, maxClients, idleSeconds, slowlogMicros, cacheBytes, fsync } = this.#options;
    const told = {
      plane,
      peering: this.#peering,
      fsync,
      programVersion: this.#deps.programVersion ?? "0.0.0",
      topology: () => source.current(),
    };
    const server = new ClientServer(
      { host, port, maxClients, idleSeconds, slowLogMicros: slowlogMicros, cacheBytes },
      {
        self,
        clock: this.#clock,
        log: this.#log,
        executors: plane.executors,
        turn: new Turn(() => plane.executors.endTurn(), this.#fatal),
        topology: source,
        forwarder,
        seed: randomBytes(4).readUInt32LE(),
        writeDelayMs: () => plane.writeDelayMs(),
        node: {
          infoLines: (section) => describeNode(section, told),
          setActiveExpiry: (isOn) => plane.setActiveExpiry(isOn),
          lastSaveSeconds: () => Math.floor(this.#clock.wallMs() / 1000),
          waitFollowers: (question) => this.#waitFollowers(plane, question),
          onShutdown: () => this.#deps.onStop(undefined),
          parameters: [chosenFsync(fsync)],
        },
      },
    );
    this.#server = server;
    observeNode(this.#metrics, { server, plane, peering: this.#peering, isReady: () => this.#wait.isDone });
    return server;
  }

  #waitFollowers(plane: DataPlane, question: WaitQuestion): Promise<number> {
    const { table, slots } = question;
    const targets: WaitTarget[] = [];
    for (const slot of slots ?? [...plane.executors.leading(table)].map((shard) => shard.slot)) {
      targets.push({ table, slot, index: plane.replicas.find(table, slot)?.last.index ?? 0 });
    }
    const source = this.#peering?.followerProgress ?? NO_FOLLOWERS;
    return waitForFollowers(targets, question, { source, clock: this.#clock });
  }

  async #startHttp(): Promise<void> {
    const { host, httpPort } = this.#options;
    const http = new AdminHttp(
      { host, port: httpPort },
      { log: this.#log, metrics: this.#metrics, hanging: () => [], unready: () => this.#unready() },
    );
    this.#http = http;
    this.#metrics.observeProcess("pika_node_");
    await this.#run(http);
  }

  #unready(): readonly string[] {
    const { waitingFor } = this.#wait;
    return waitingFor === undefined ? [] : [`waiting for ${waitingFor}`];
  }

  async #run(part: Service): Promise<void> {
    this.#parts.push(part);
    await part.start();
  }

  readonly #fatal = (error: unknown): void => {
    this.#log.error({ error }, "the node cannot go on");
    this.#deps.onStop(error);
  };

  #describe(id: NodeId): TopologyNode {
    const { announcePort, port, peerPort, zone } = this.#options;
    const host = announcedHost(this.#options);
    return {
      id,
      name: nameOf(this.#options),
      host,
      peerPort,
      httpPort: this.httpPort,
      announceHost: host,
      announcePort: announcePort === 0 ? port : announcePort,
      zone,
      state: "active",
    };
  }
}

/** An address that is listened on is what others can reach; a wildcard is none. */
function announcedHost({ announceHost, host }: NodeOptions): string {
  if (announceHost !== "") return announceHost;
  return ["0.0.0.0", "::", ""].includes(host) ? hostname() : host;
}

function nameOf(options: NodeOptions): string {
  return options.name === "" ? hostname() : options.name;
}

/** Resolves once a topology is known. */
function topologyOf(source: TopologySource): Promise<void> {
  if (source.current() !== undefined) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const forget = source.onChange(() => {
    if (source.current() === undefined) return;
    forget();
    resolve();
  });
  return promise;
}

function hashKeyOf(topology: Topology | undefined, table: TableId): HashKey | undefined {
  const seed = topology?.tables.get(table)?.hashSeed;
  if (seed === undefined) return undefined;
  return { k0: Number.parseInt(seed.slice(0, 8), 16) | 0, k1: Number.parseInt(seed.slice(8), 16) | 0 };
}

/** CONFIG SET takes it only as it is. */
function chosenFsync(fsync: string): Parameter {
  const check = (value: string) => (value === fsync ? undefined : "the policy is an option of the node's start");
  return { name: "appendfsync", value: fsync, kind: "text", check };
}
