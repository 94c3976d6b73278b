/**
 * A node's data plane and client port in this process, over a disk in memory and the real clock: for hostile clients.
 * All that it logs is kept, and `replayed` makes a second data plane from its log alone.
 */

import { SystemClock } from "../../node/base/clock.ts";
import { Prng } from "../../node/base/prng.ts";
import { CommandRegistry, dataCommands } from "../../node/commands/registry.ts";
import { DataPlane } from "../../node/data-plane.ts";
import { type ReplicaId, tableId } from "../../node/meta/ids.ts";
import { NoPeers } from "../../node/no-peers.ts";
import { ClientServer, type ClientServerOptions } from "../../node/server/client-server.ts";
import { Turn } from "../../node/server/turn.ts";
import { leadAll, StandaloneTopology } from "../../node/standalone.ts";
import { TestDisk } from "./test-data-plane.ts";
import { LOG_IDENTITY } from "./test-log.ts";
import { topologyNode } from "./topology-arbitrary.ts";
import { waitFor } from "./wait-for.ts";

const TABLE = tableId(1);
const GIB = 1024 * 1024 * 1024;
const registry = new CommandRegistry<never>(dataCommands);
const clock = new SystemClock();

/** Something that should not have happened: a warning, an error, or what would have ended the process. */
export interface Complaint {
  readonly level: string;
  readonly message: string;
  readonly fields: unknown;
}

export interface LiveNodeOptions {
  readonly slots?: number;
  readonly cacheBytes?: number;
  readonly server?: Partial<ClientServerOptions>;
}

export class LiveNode {
  readonly complaints: Complaint[] = [];
  readonly plane: DataPlane;
  readonly server: ClientServer;
  readonly #slots: number;
  readonly #topology: StandaloneTopology;
  readonly #others: DataPlane[] = [];

  private constructor(plane: DataPlane, options: LiveNodeOptions, complaints: Complaint[]) {
    this.plane = plane;
    this.complaints = complaints;
    this.#slots = options.slots ?? 4;
    this.#topology = topologyOf(this.#slots);
    this.server = new ClientServer(
      {
        host: "127.0.0.1",
        port: 0,
        maxClients: 1000,
        idleSeconds: 0,
        slowLogMicros: 0,
        cacheBytes: options.cacheBytes ?? 0,
        ...options.server,
      },
      {
        self: LOG_IDENTITY.node,
        clock,
        log: keepingLogger(complaints),
        executors: plane.executors,
        turn: new Turn(
          () => plane.executors.endTurn(),
          (error) => complaints.push({ level: "fatal", message: String(error), fields: error }),
        ),
        topology: this.#topology,
        forwarder: new NoPeers(),
        seed: 1,
        writeDelayMs: () => plane.writeDelayMs(),
        node: {
          infoLines: () => ({}),
          setActiveExpiry: (isOn) => plane.setActiveExpiry(isOn),
          lastSaveSeconds: () => 0,
          waitFollowers: () => Promise.resolve(0),
          onShutdown: () => complaints.push({ level: "fatal", message: "shutdown", fields: undefined }),
          parameters: [],
        },
      },
    );
  }

  static async start(options: LiveNodeOptions = {}): Promise<LiveNode> {
    const complaints: Complaint[] = [];
    const plane = makePlane(options.cacheBytes, complaints);
    await plane.start();
    await leadAll(plane.replicas, topologyOf(options.slots ?? 4).current());
    // The whole log is kept, for `replayed`.
    for (const replica of plane.replicas.all())
      replica.setFollowerProgress({ needFrom: 1, copiesNeedFrom: Number.POSITIVE_INFINITY, acknowledged: Infinity });
    const node = new LiveNode(plane, options, complaints);
    await node.server.start();
    return node;
  }

  get port(): number {
    return this.server.port;
  }

  /** Log entries of all slots. */
  get entryCount(): number {
    return [...this.plane.replicas.all()].reduce((sum, { last }) => sum + last.index, 0);
  }

  /** Digests of all slots, and those of a data plane that has executed their log from the first entry on. */
  async digests(): Promise<{ readonly live: readonly string[]; readonly replayed: readonly string[] }> {
    const copy = makePlane(64 * 1024, this.complaints);
    this.#others.push(copy);
    await copy.start();
    const sources = [...this.plane.replicas.all()];
    await copy.replicas.create(
      sources.map(({ table, slot, replica }) => ({ table, slot, replica: (replica + 1000) as ReplicaId })),
    );
    const live: string[] = [];
    const replayed: string[] = [];
    for (const source of sources) {
      const target = copy.replicas.find(source.table, source.slot);
      if (target === undefined) throw new Error("a replica that was made is there");
      target.becomeFollower(source.term);
      for (let index = 1; index <= source.last.index; ) {
        const bodies = source.entriesFrom(index, 1024 * 1024);
        if (bodies === undefined) throw new Error(`the log lacks entry ${index} of slot ${source.slot}`);
        target.appendFromLeader(bodies);
        copy.executors.endTurn();
        index += bodies.length;
      }
      const { index } = source.applied;
      await waitFor(() => target.applied.index === index, { what: `slot ${source.slot} to be replayed` });
      live.push(await source.digest());
      replayed.push(await target.digest());
    }
    return { live, replayed };
  }

  async stop(): Promise<void> {
    await this.server.stop();
    for (const plane of [this.plane, ...this.#others]) await plane.stop();
  }
}

function topologyOf(slots: number): StandaloneTopology {
  return new StandaloneTopology(LOG_IDENTITY.cluster, topologyNode(1, { id: LOG_IDENTITY.node }), slots);
}

function makePlane(cacheBytes: number | undefined, complaints: Complaint[]): DataPlane {
  const disk = new TestDisk();
  return new DataPlane(
    {
      paths: { root: "/data", binlog: "/data/binlog", lostWrites: "/data/lost-writes" },
      identity: LOG_IDENTITY,
      fsync: "no",
      cacheBytes: cacheBytes ?? 256 * 1024,
      followerLogBytes: 4 * GIB,
      pinnedLogBytes: 4 * GIB,
      watermarkBytes: 0,
      hashKeyOf: (table) => (table === TABLE ? { k0: 1, k1: 2 } : undefined),
      hasPeers: () => false,
      level: () => 1,
    },
    {
      clock,
      store: disk.store,
      files: disk.files,
      seeds: new Prng(7),
      resolve: (argv) => registry.resolve(argv),
      logger: keepingLogger(complaints),
      fatal: (error) => complaints.push({ level: "fatal", message: String(error), fields: error }),
    },
  );
}

/** Closing a client is what the server logs when a test is hostile: no complaint. */
function keepingLogger(complaints: Complaint[]) {
  const keep = (level: string) => (fields: unknown, message: string) => {
    if (message !== "closed client") complaints.push({ level, message, fields });
  };
  const logger = { debug() {}, info() {}, warn: keep("warn"), error: keep("error"), child: () => logger };
  return logger;
}
