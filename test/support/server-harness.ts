/**
 * A ClientServer on a free port of loopback over MapExecutors, with tables of a static topology: for tests with real
 * sockets and no data plane. `raw` opens a bare socket that sends bytes and waits for what it should read.
 */

import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Argv } from "../../node/base/argv.ts";
import { SystemClock } from "../../node/base/clock.ts";
import { type Logger, silentLogger } from "../../node/base/log.ts";
import type { ClusterId, NodeId, ReplicaId } from "../../node/meta/ids.ts";
import { tableId } from "../../node/meta/ids.ts";
import type { SlotAssignment, Topology, TopologyNode, TopologyTable } from "../../node/meta/topology.ts";
import type { TopologySource } from "../../node/meta/topology-source.ts";
import type {
  ForwardedOne,
  Forwarder,
  ForwardHandler,
  ForwardRequest,
  ForwardResult,
} from "../../node/router/forwarding.ts";
import { ClientServer, type ClientServerOptions } from "../../node/server/client-server.ts";
import type { WaitFollowers } from "../../node/server/replica-waits.ts";
import { Turn } from "../../node/server/turn.ts";
import { MapExecutors } from "./map-executors.ts";

export interface HarnessTable {
  readonly name: string;
  readonly slots: number;
  readonly password?: string;
}

export interface HarnessOptions {
  readonly tables?: readonly HarnessTable[];
  readonly adminPassword?: string;
  /** Nodes in the cluster; slot i is led by node i mod count. */
  readonly nodeCount?: number;
  readonly server?: Partial<ClientServerOptions>;
  readonly log?: Logger;
  /** Followers of what a node leads, by the node's number. */
  readonly waitFollowers?: (index: number) => WaitFollowers;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const nodeIdOf = (index: number) => String(index + 1).padStart(32, "0") as NodeId;

/** A topology that tests replace as a whole. */
class FakeTopology implements TopologySource {
  readonly isConfirmed = true;
  readonly grantedUntilMs = Number.POSITIVE_INFINITY;
  value: Topology;
  readonly #listeners = new Set<() => void>();

  constructor(value: Topology) {
    this.value = value;
  }

  current(): Topology {
    return this.value;
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  replace(change: Partial<Topology>): void {
    this.value = { ...this.value, ...change, epoch: this.value.epoch + 1 };
    for (const changed of [...this.#listeners]) changed();
  }
}

/** Forwards within the process; `onForward` may answer in place of the peer, or delay it. */
class LocalForwarder implements Forwarder {
  readonly handlers = new Map<NodeId, ForwardHandler>();
  requests: ForwardRequest[] = [];
  onForward: ((request: ForwardRequest) => ForwardResult | Promise<void> | undefined) | undefined;

  forward(node: NodeId, request: ForwardRequest, waiter: { onForwardResult(result: ForwardResult): void }) {
    const owned = { ...request, commands: request.commands.map((argv) => argv.own()) };
    this.requests.push(owned);
    let isCancelled = false;
    let pending: { cancel(): void } | undefined;
    const give = (result: ForwardResult) => {
      if (!isCancelled) setImmediate(() => waiter.onForwardResult(result));
    };
    const send = () => {
      if (isCancelled) return;
      pending = this.handlers.get(node)?.handle(owned, {
        reply: (buf, start, end) => {
          const copy = Buffer.from(buf.subarray(start, end));
          give({ kind: "reply", buf: copy, start: 0, end: copy.length });
        },
        refuse: (epoch) => give({ kind: "refused", epoch }),
        breakWatch: () => give({ kind: "watchBroken" }),
      });
      if (request.watchId !== undefined) this.handlers.get(node)?.unwatch(request.watchId);
    };
    const early = this.onForward?.(owned);
    if (early instanceof Promise) void early.then(() => setImmediate(send));
    else if (early !== undefined) give(early);
    else setImmediate(send);
    return {
      cancel: () => {
        isCancelled = true;
        pending?.cancel();
      },
    };
  }

  /** Gathers the commands of a turn into a run, as long as nobody listens in. */
  forwardOne(node: NodeId, one: ForwardedOne): void {
    const { table, slot, epoch, protocol } = one;
    const argv = one.argv.own();
    const request = { table, scope: { slot }, epoch, protocol, commands: [argv], isExec: false, watchId: undefined };
    if (this.onForward !== undefined) {
      this.forward(node, request, one);
      return;
    }
    this.requests.push(request);
    const gathered = this.#runs.get(node);
    if (gathered !== undefined) gathered.push({ one, request });
    else {
      this.#runs.set(node, [{ one, request }]);
      setImmediate(() => this.#sendRun(node));
    }
  }

  readonly #runs = new Map<NodeId, { one: ForwardedOne; request: ForwardRequest }[]>();

  #sendRun(node: NodeId): void {
    const run = this.#runs.get(node) ?? [];
    this.#runs.delete(node);
    // One run for each kind of commands that follow each other.
    while (run.length > 0) {
      const { table, epoch, protocol } = (run[0] as (typeof run)[0]).one;
      let count = 1;
      while (run[count]?.one.table === table && run[count]?.one.protocol === protocol) count++;
      const part = run.splice(0, count);
      const commands = part.map(({ request }) => request.commands[0] as Argv);
      const slots = part.map(({ one }) => one.slot);
      this.handlers.get(node)?.handleRun(
        { table, epoch, protocol, count, slots, commands },
        {
          isWanted: true,
          hold: () => {},
          release: () => {},
          answer: ({ first, lengths, buf, start, epoch: refusedAt }) => {
            const sizeBytes = lengths.reduce((sum, length) => sum + length, 0);
            const copy = Buffer.from(buf.subarray(start, start + sizeBytes));
            let at = 0;
            lengths.forEach((length, i) => {
              const from = at;
              at += length;
              const { one } = part[first + i] as (typeof part)[0];
              setImmediate(() => {
                if (length > 0) one.onForwardReply(copy, from, from + length);
                else one.onForwardResult({ kind: "refused", epoch: refusedAt });
              });
            });
          },
        },
      );
    }
  }

  watch(node: NodeId, request: Parameters<Forwarder["watch"]>[1], onResult: (watchId: number | undefined) => void) {
    setImmediate(() => onResult(this.handlers.get(node)?.watch(request)));
  }

  unwatch(watchId: number): void {
    for (const handler of this.handlers.values()) handler.unwatch(watchId);
  }
}

export interface HarnessNode {
  readonly id: NodeId;
  readonly server: ClientServer;
  readonly executors: MapExecutors;
  readonly port: number;
}

export class Harness {
  readonly topology: FakeTopology;
  readonly forwarder = new LocalForwarder();
  nodes: HarnessNode[] = [];
  readonly #options: HarnessOptions;
  readonly #sockets: Socket[] = [];

  constructor(options: HarnessOptions = {}) {
    this.#options = options;
    this.topology = new FakeTopology(makeTopology(options));
  }

  get port(): number {
    return this.nodes[0]?.port ?? 0;
  }

  get executors(): MapExecutors {
    return (this.nodes[0] as HarnessNode).executors;
  }

  async start(): Promise<this> {
    for (let index = 0; index < (this.#options.nodeCount ?? 1); index++) this.nodes.push(await this.#startNode(index));
    return this;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.nodes.map(({ server }) => server.stop()));
  }

  /** A bare connection to a node. */
  async raw(node = 0): Promise<RawClient> {
    const socket = connect({ host: "127.0.0.1", port: (this.nodes[node] as HarnessNode).port });
    this.#sockets.push(socket);
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return client;
  }

  async #startNode(index: number): Promise<HarnessNode> {
    const id = nodeIdOf(index);
    const executors = new MapExecutors();
    for (const [table, assignments] of this.topology.value.assignments) {
      assignments.forEach((assignment, slot) => {
        if (assignment.replicas[assignment.leader]?.node === id) executors.add(table, slot);
      });
    }
    const server = new ClientServer(
      {
        host: "127.0.0.1",
        port: 0,
        maxClients: 100,
        idleSeconds: 0,
        slowLogMicros: 10_000,
        cacheBytes: 0,
        ...this.#options.server,
      },
      {
        self: id,
        clock: new SystemClock(),
        log: this.#options.log ?? silentLogger,
        executors,
        turn: new Turn(
          () => executors.endTurn(),
          (error) => {
            throw error;
          },
        ),
        topology: this.topology,
        forwarder: this.forwarder,
        seed: 1,
        node: {
          infoLines: () => ({}),
          setActiveExpiry: () => {},
          lastSaveSeconds: () => 0,
          waitFollowers: this.#options.waitFollowers?.(index) ?? (() => Promise.resolve(0)),
          onShutdown: () => {},
          parameters: [],
        },
      },
    );
    await server.start();
    this.forwarder.handlers.set(id, server.peerRequests);
    return { id, server, executors, port: server.port };
  }
}

function makeTopology(options: HarnessOptions): Topology {
  const tables = new Map<TopologyTable["id"], TopologyTable>();
  const assignments = new Map<TopologyTable["id"], readonly SlotAssignment[]>();
  const nodes = new Map<NodeId, TopologyNode>();
  const nodeCount = options.nodeCount ?? 1;
  for (let index = 0; index < nodeCount; index++) {
    const id = nodeIdOf(index);
    const port = 7000 + index;
    const host = "127.0.0.1";
    nodes.set(id, {
      id,
      name: `n${index}`,
      host,
      peerPort: port,
      httpPort: port,
      announceHost: host,
      announcePort: port,
      zone: "",
      state: "active",
    });
  }
  (options.tables ?? [{ name: "default", slots: 16 }]).forEach(({ name, slots, password }, index) => {
    const id = tableId(index + 1);
    tables.set(id, {
      id,
      name,
      slots,
      replicas: 1,
      consistency: "Asynchronous",
      clientRouting: "Forward",
      hashSeed: "0123456789abcdef",
      passwordHashes: password === undefined ? [] : [sha256(password)],
    });
    assignments.set(
      id,
      Array.from({ length: slots }, (_, slot) => ({
        term: 1,
        leader: 0,
        replicas: [{ id: (1000 * index + slot + 1) as ReplicaId, node: nodeIdOf(slot % nodeCount) }],
      })),
    );
  });
  return {
    clusterId: "0".repeat(32) as ClusterId,
    epoch: 1,
    nodes,
    tables,
    assignments,
    adminPasswordHashes: options.adminPassword === undefined ? [] : [sha256(options.adminPassword)],
    featureLevel: 1,
    managers: [],
  };
}

/** A socket that collects what it reads, as latin1. */
export class RawClient {
  readonly socket: Socket;
  received = "";
  isClosed = false;
  #onChange: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.received += chunk.toString("latin1");
      this.#onChange?.();
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.#onChange?.();
    });
    socket.on("error", () => {});
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    return this;
  }

  /** Waits until `expected` has been received and takes it; fails with what came instead after `deadlineMs`. */
  async expect(expected: string, deadlineMs = 3000): Promise<void> {
    await this.until(
      () => this.received.length >= expected.length,
      deadlineMs,
      () => JSON.stringify(this.received),
    );
    const got = this.received.slice(0, expected.length);
    if (got !== expected) throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(this.received)}`);
    this.received = this.received.slice(expected.length);
  }

  async closed(deadlineMs = 3000): Promise<void> {
    await this.until(
      () => this.isClosed,
      deadlineMs,
      () => "still open",
    );
  }

  /** Waits until `isTrue`, looked at whenever something arrives. */
  async until(isTrue: () => boolean, deadlineMs: number, explain: () => string): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (!isTrue()) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`waited in vain: ${explain()}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onChange = resolve;
      const timer = setTimeout(() => resolve(), leftMs);
      await promise;
      clearTimeout(timer);
    }
  }
}

/** RESP of a command. */
export function command(...parts: readonly (string | number)[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${String(part).length}\r\n${part}\r\n`).join("")}`;
}
