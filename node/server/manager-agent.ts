/**
 * A node's tie to the managers: registers this start, sends heartbeats, follows the topology and keeps it in the data
 * directory. It is the node's TopologySource.
 * Invariants: the epoch never goes back; while no manager answers, everything goes on by the topology that is known,
 * only the manager's grant runs out; a topology is used before it is on disk, since a node that restarts without it
 * asks again.
 * Refuses: a manager that does not prove the secret, a topology of another cluster, one that does not decode.
 */

import { type BackoffOptions, backoffMs } from "../base/backoff.ts";
import { type Clock, delay } from "../base/clock.ts";
import { codeOf, messageOf, OperatingError } from "../base/errors.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Logger } from "../base/log.ts";
import { randomHex } from "../base/mac.ts";
import { decodeJson } from "../meta/decode.ts";
import type { ClusterId, NodeId, ReplicaId } from "../meta/ids.ts";
import {
  type HeartbeatRequest,
  heartbeatReplySchema,
  MAX_POLL_MS,
  type NodeLoad,
  type PeerReport,
  type RegisterRequest,
  type ReplicaPosition,
  registerReplySchema,
  type TopologyReply,
  topologyReplySchema,
} from "../meta/manager-api.ts";
import { MAX_FEATURE_LEVEL } from "../meta/protocol-version.ts";
import type { Topology } from "../meta/topology.ts";
import { decodeTopology } from "../meta/topology-codec.ts";
import { applyDelta } from "../meta/topology-delta.ts";
import type { TopologySource } from "../meta/topology-source.ts";
import { ManagerLink } from "./manager-link.ts";
import { readTopologyFile, writeTopologyFile } from "./topology-file.ts";

export interface ManagerAgentOptions {
  /** Base URLs of the managers, `http://host:9230`; at least one. */
  readonly managers: readonly string[];
  readonly secret: string;
  readonly dataDirectory: string;
  readonly nodeId: NodeId;
  /** The cluster that the data directory belongs to; undefined before the first registration. */
  readonly clusterId: ClusterId | undefined;
  readonly name: string;
  readonly host: string;
  readonly peerPort: number;
  readonly httpPort: number;
  readonly announceHost: string;
  readonly announcePort: number;
  readonly zone: string;
  readonly programVersion: string;
}

/** What the node says of itself; asked for each registration and heartbeat, so it must be quick. */
export interface NodeReport {
  /** Every replica that the node holds. */
  positions(): Iterable<ReplicaPosition>;
  load(): NodeLoad;
  peers(): readonly PeerReport[];
  /** Whether clients are served. */
  isReady(): boolean;
}

export interface ManagerAgentDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly report: NodeReport;
  /** The first registration: the data directory belongs to this cluster from now on. Resolves once that is on disk. */
  readonly onJoined: (clusterId: ClusterId) => Promise<void>;
  /**
   * The node cannot go on: `NodeRetired` (set the data aside and join with a new id), `WrongCluster`, or
   * `ProtocolVersion`. Called once.
   */
  readonly onFatal: (error: OperatingError) => void;
}

/** A call that is not answered in so long has failed; another manager is asked next. */
const CALL_TIMEOUT_MS = 3000;
/** Until a manager says another. */
const DEFAULT_HEARTBEAT_MS = 500;
const RETRY: BackoffOptions = { initialMs: 100, maxMs: 2000 };
/** What a manager says to a node whose id or name another living one has: it must not act as a member until that is gone. */
const NOT_ADMITTED = "NameInUse";
/** Faults that no retry heals. */
const FATAL_CODES: readonly string[] = ["WrongCluster", "ProtocolVersion"];

export class ManagerAgent implements Service, TopologySource {
  readonly #options: ManagerAgentOptions;
  readonly #deps: ManagerAgentDeps;
  readonly #link: ManagerLink;
  readonly #startId = randomHex(16);
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #sent = new Map<ReplicaId, ReplicaPosition>();
  #loops: Promise<unknown> = Promise.resolve();
  #clusterId: ClusterId | undefined;
  #topology: Topology | undefined;
  /** Epoch from which on topologies have this start's terms. */
  #confirmedEpoch: number | undefined;
  readonly #admitted = Promise.withResolvers<void>();
  #grantedUntilMs = Number.NEGATIVE_INFINITY;
  #heartbeatMs = DEFAULT_HEARTBEAT_MS;
  #poll = new AbortController();
  #wasBehind = false;
  #wantsFull = true;
  #registering: Promise<void> | undefined;
  #unwritten: Topology | undefined;
  #writing: Promise<void> | undefined;
  #isEnded = false;

  constructor(options: ManagerAgentOptions, deps: ManagerAgentDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#clusterId = options.clusterId;
    this.#link = new ManagerLink(options, options.nodeId, deps.clock);
  }

  current(): Topology | undefined {
    return this.#topology;
  }

  /**
   * Resolves once the node may act as a member of the cluster: a manager has registered it, or none can be asked (then
   * everything goes on by the persisted topology). Not while managers refuse it because its twin is alive.
   */
  get admitted(): Promise<void> {
    return this.#admitted.promise;
  }

  get isConfirmed(): boolean {
    return this.#confirmedEpoch !== undefined && (this.#topology?.epoch ?? -1) >= this.#confirmedEpoch;
  }

  get grantedUntilMs(): number {
    return this.#grantedUntilMs;
  }

  /** Base URLs of all managers that are known. */
  get managers(): readonly string[] {
    return this.#link.managers;
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Reads the persisted topology and begins to look for managers; waits for none. */
  async start(): Promise<void> {
    try {
      this.#topology = await readTopologyFile(this.#options.dataDirectory, this.#clusterId);
    } catch (error) {
      // The managers have it; only a start without any of them needs the file.
      this.#deps.logger.error({ error }, "the persisted topology is not used");
    }
    if (this.#topology !== undefined) {
      this.#link.learn(this.#topology.managers, undefined);
      this.#notify();
    }
    this.#loops = Promise.all([this.#repeat(() => this.#beat()), this.#repeat(() => this.#follow())]);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new OperatingError("Stopping", "the node stops"));
    await this.#loops;
    await this.#writing;
    this.#link.close();
  }

  /** Runs `step` until the agent stops, with a backoff after failures; a step waits by itself when it succeeds. */
  async #repeat(step: () => Promise<void>): Promise<void> {
    const { clock, logger } = this.#deps;
    const { signal } = this.#stopping;
    let failureCount = 0;
    while (!signal.aborted && !this.#isEnded) {
      try {
        await step();
        failureCount = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (failureCount === 0) logger.warn({ error: messageOf(error) }, "a call to the managers failed");
        await delay(clock, backoffMs(RETRY, failureCount++, Math.random()), signal).catch(() => undefined);
      }
    }
  }

  /** One heartbeat, after the registration, and the wait for the next. */
  async #beat(): Promise<void> {
    await this.#registered();
    if (this.#isEnded) return;
    const { clock, report } = this.#deps;
    const isFull = this.#wantsFull;
    const positions = this.#changedPositions(isFull);
    const request: HeartbeatRequest = {
      nodeId: this.#options.nodeId,
      startId: this.#startId,
      knownEpoch: this.#topology?.epoch ?? 0,
      isReady: report.isReady(),
      isFull,
      positions,
      load: report.load(),
      peers: [...report.peers()],
    };
    const sentMs = clock.monotonicMs();
    const reply = await this.#ask("POST", "/v1/nodes/heartbeat", { schema: heartbeatReplySchema, body: request });
    for (const position of positions) this.#sent.set(position[0], position);
    this.#wantsFull = reply.wantsFull;
    if (reply.grantMs > 0) this.#grantedUntilMs = Math.max(this.#grantedUntilMs, sentMs + reply.grantMs);
    this.#link.learn(reply.managers, reply.leaderUrl);
    if (reply.state === "retired") this.#fail("NodeRetired", this.#retiredText());
    if (reply.mustRegister) this.#registering = undefined;
    this.#watchPoll(reply.epoch);
    await delay(clock, this.#heartbeatMs, this.#stopping.signal).catch(() => undefined);
  }

  /** Two heartbeats in a row that tell of a newer topology: whoever holds the poll hangs, or leads no more. */
  #watchPoll(epoch: number): void {
    const isBehind = epoch > (this.#topology?.epoch ?? 0);
    if (isBehind && this.#wasBehind) this.#poll.abort();
    this.#wasBehind = isBehind;
  }

  #changedPositions(isFull: boolean): ReplicaPosition[] {
    if (isFull) this.#sent.clear();
    const changed: ReplicaPosition[] = [];
    for (const position of this.#deps.report.positions()) {
      const sent = this.#sent.get(position[0]);
      if (sent === undefined || sent.some((value, i) => value !== position[i])) changed.push(position);
    }
    return changed;
  }

  /** One long poll for the next topology. */
  async #follow(): Promise<void> {
    await this.#registered();
    if (this.#isEnded) return;
    const from = this.#topology?.epoch ?? 0;
    const poll = new AbortController();
    this.#poll = poll;
    let reply: TopologyReply;
    try {
      reply = await this.#ask("GET", `/v1/topology?from=${from}&waitMs=${MAX_POLL_MS}`, {
        schema: topologyReplySchema,
        timeoutMs: MAX_POLL_MS + CALL_TIMEOUT_MS,
        signal: AbortSignal.any([this.#stopping.signal, poll.signal]),
      });
    } catch (error) {
      if (poll.signal.aborted) return;
      throw error;
    }
    try {
      this.#take(reply);
    } catch (error) {
      if (reply.kind !== "delta") throw error;
      // A delta that does not fit: the whole brings the node back, whatever it has.
      this.#take(await this.#ask("GET", "/v1/topology?from=0", { schema: topologyReplySchema }));
    }
  }

  /** @throws OperatingError `BadTopology` where the reply does not decode or is of another cluster. */
  #take(reply: TopologyReply): void {
    if (reply.kind === "same") return;
    const known = this.#topology;
    if (reply.kind === "delta" && known === undefined) return;
    const decoded =
      reply.kind === "whole" ? decodeTopology(reply.topology) : applyDelta(known as Topology, reply.delta);
    const fault = decoded.ok
      ? decoded.value.clusterId !== this.#clusterId && `it is of cluster ${decoded.value.clusterId}`
      : `${decoded.path}: ${decoded.message}`;
    if (!decoded.ok || fault !== false) {
      throw new OperatingError("BadTopology", `a manager's topology is refused: ${fault}`);
    }
    if (decoded.value.epoch < (known?.epoch ?? 0)) return;
    this.#topology = decoded.value;
    this.#persist(decoded.value);
    this.#notify();
  }

  /** Writes the newest topology; while one is being written, only the last of those that come is written next. */
  #persist(topology: Topology): void {
    this.#unwritten = { ...topology, managers: this.#link.managers };
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    while (this.#unwritten !== undefined) {
      const topology = this.#unwritten;
      this.#unwritten = undefined;
      try {
        await writeTopologyFile(this.#options.dataDirectory, topology);
      } catch (error) {
        this.#deps.logger.error({ error }, "the topology could not be written to the data directory");
      }
    }
  }

  /** Registers this start once; both loops wait for it. */
  #registered(): Promise<void> {
    this.#registering ??= this.#register().then(
      () => this.#admitted.resolve(),
      (error) => {
        this.#registering = undefined;
        if (codeOf(error) !== NOT_ADMITTED) this.#admitted.resolve();
        throw error;
      },
    );
    return this.#registering;
  }

  async #register(): Promise<void> {
    const options = this.#options;
    const request: RegisterRequest = {
      nodeId: options.nodeId,
      startId: this.#startId,
      name: options.name,
      host: options.host,
      peerPort: options.peerPort,
      httpPort: options.httpPort,
      announceHost: options.announceHost,
      announcePort: options.announcePort,
      zone: options.zone,
      programVersion: options.programVersion,
      maxFeatureLevel: MAX_FEATURE_LEVEL,
      knownEpoch: this.#topology?.epoch ?? 0,
      replicas: [...this.#deps.report.positions()],
    };
    const reply = await this.#ask("POST", "/v1/nodes/register", { schema: registerReplySchema, body: request });
    if (reply.state === "retired") {
      this.#fail("NodeRetired", this.#retiredText());
      return;
    }
    if (this.#clusterId === undefined) {
      await this.#deps.onJoined(reply.clusterId);
      this.#clusterId = reply.clusterId;
    }
    this.#heartbeatMs = reply.heartbeatMs;
    this.#wantsFull = true;
    this.#link.learn(reply.managers, reply.leaderUrl);
    // Registering again (a manager without memory of this start) takes nothing back: what was led is led in the same term.
    this.#confirmedEpoch ??= reply.epoch;
    this.#deps.logger.info({ epoch: reply.epoch, cluster: reply.clusterId }, "registered");
    if (this.isConfirmed) this.#notify();
  }

  async #ask<T>(
    method: string,
    path: string,
    call: {
      readonly schema: Parameters<typeof decodeJson<T>>[0];
      readonly body?: object;
      readonly timeoutMs?: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<T> {
    const answer = await this.#link.call({
      method,
      path,
      ...(call.body === undefined ? {} : { body: call.body }),
      cluster: this.#clusterId,
      timeoutMs: call.timeoutMs ?? CALL_TIMEOUT_MS,
      signal: call.signal ?? this.#stopping.signal,
    });
    if (answer.status === 200) {
      const decoded = decodeJson(call.schema, answer.text);
      if (decoded.ok) return decoded.value;
      throw new OperatingError("BadReply", `a manager's reply is not understood, ${decoded.path}: ${decoded.message}`);
    }
    const text = `a manager refuses ${method} ${path}: ${answer.code} ${answer.message}`;
    if (FATAL_CODES.includes(answer.code)) this.#fail(answer.code, text);
    throw new OperatingError(answer.code || "BadReply", text);
  }

  #retiredText(): string {
    return `node id ${this.#options.nodeId} was retired: another node took its name; set the data directory aside`;
  }

  #fail(code: string, message: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#deps.onFatal(new OperatingError(code, message));
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
