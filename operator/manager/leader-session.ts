/**
 * What the leading manager does, from its election to its end: hears nodes, plans, commits, answers.
 * A new session starts with the metadata alone; nodes tell the rest. Every change goes through the executor, so after
 * its end (`close`) a session can change nothing, whoever still holds it.
 */

import type { Clock, Timer } from "../../node/base/clock.ts";
import { messageOf, OperatingError } from "../../node/base/errors.ts";
import type { Logger } from "../../node/base/log.ts";
import type { ClusterId, NodeId } from "../../node/meta/ids.ts";
import type {
  DeleteTableRequest,
  HeartbeatReply,
  HeartbeatRequest,
  PutClusterRequest,
  PutTableRequest,
  RegisterReply,
  RegisterRequest,
} from "../../node/meta/manager-api.ts";
import { type ApiReply, answer, fault } from "./api/api-reply.ts";
import { type ClusterState, findTable, type Observations, toTopology } from "./core/cluster-state.ts";
import { type DesiredResult, deleteTable, putCluster, putTable } from "./core/desired-state.ts";
import { planState } from "./core/plan.ts";
import { judgeRegistration, type RegistrationVerdict, raiseTerms, recordStart } from "./core/registration.ts";
import { Executor } from "./executor.ts";
import { HeartbeatBook } from "./heartbeats.ts";
import type { MetadataKeys } from "./store/keys.ts";
import type { MetadataStore } from "./store/metadata-store.ts";
import { TopologyFeed } from "./topology-feed.ts";

export interface SessionOptions {
  /** The fencing token of this leadership. */
  readonly token: number;
  readonly selfId: string;
  readonly selfUrl: string;
  readonly heartbeatMs: number;
  readonly grantMs: number;
  /** A node is alive while it was heard of within so long. */
  readonly aliveMs: number;
}

export interface SessionDeps {
  readonly store: MetadataStore;
  readonly keys: MetadataKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Random bytes as hex. */
  readonly randomHex: (sizeBytes: number) => string;
  /** Whether this manager leads by its own clock: only then it grants. */
  readonly isLeading: () => boolean;
  readonly managerUrls: () => readonly string[];
  /** The session cannot go on. */
  readonly onFailed: (reason: string) => void;
}

/** How often what waits for time or positions is planned again … */
const TICK_MS = 500;
/** … but the wait is at least so many times as long as the last planning took. */
const TICK_SHARE = 20;

export class LeaderSession {
  readonly options: SessionOptions;
  readonly feed: TopologyFeed;
  readonly heartbeats = new HeartbeatBook();
  readonly #deps: SessionDeps;
  readonly #executor: Executor;
  readonly #electedMs: number;
  #tick: Timer | undefined;
  #isClosed = false;

  constructor(options: SessionOptions, deps: SessionDeps) {
    this.options = options;
    this.#deps = deps;
    this.feed = new TopologyFeed(deps.clock);
    this.#electedMs = deps.clock.monotonicMs();
    this.#executor = new Executor({
      store: deps.store,
      keys: deps.keys,
      token: options.token,
      onState: (state) => this.#publish(state),
    });
  }

  /** The state as last committed; undefined until `load` is done. */
  get state(): ClusterState | undefined {
    return this.#executor.state;
  }

  /** Reads or makes the cluster, and begins to plan. */
  async load(clusterId: ClusterId): Promise<void> {
    await this.#executor.load({ clusterId, nowMs: this.#deps.clock.wallMs() });
    this.#tickLater();
  }

  close(): void {
    this.#isClosed = true;
    this.#tick?.cancel();
    this.feed.close();
  }

  get observed(): Observations {
    return {
      isAlive: (node) => this.#isAlive(node),
      positionOf: (replica) => this.heartbeats.positionOf(replica),
    };
  }

  /** The list of managers changed: nodes are told with their next call. */
  refreshManagers(): void {
    if (this.state !== undefined) this.#publish(this.state);
  }

  async register(request: RegisterRequest): Promise<ApiReply> {
    const { clock } = this.#deps;
    let verdict: RegistrationVerdict = judgeRegistration(this.#loaded, request, (node) => this.#mayBeAlive(node));
    if (verdict.kind === "refused") return fault(verdict.code, verdict.message);
    if (verdict.kind === "accepted") {
      await this.#executor.mutate((state) => raiseTerms(state, request));
      await this.#executor.mutate((state) => {
        verdict = judgeRegistration(state, request, (node) => this.#mayBeAlive(node));
        return verdict.kind === "accepted" ? recordStart(state, request) : state;
      });
      const settled = verdict as RegistrationVerdict;
      if (settled.kind === "refused") return fault(settled.code, settled.message);
      const nowMs = clock.monotonicMs();
      this.heartbeats.register(request.nodeId, { startId: request.startId, positions: request.replicas, nowMs });
      await this.plan();
    }
    const state = this.#loaded;
    const reply: RegisterReply = {
      clusterId: state.clusterId,
      state: state.nodes.get(request.nodeId)?.node.state ?? "active",
      epoch: state.epoch,
      heartbeatMs: this.options.heartbeatMs,
      managers: [...this.#deps.managerUrls()],
      leaderUrl: this.options.selfUrl,
    };
    return answer(reply);
  }

  heartbeat(request: HeartbeatRequest): ApiReply {
    const nowMs = this.#deps.clock.monotonicMs();
    const state = this.#loaded;
    const record = state.nodes.get(request.nodeId);
    const isCurrent = record !== undefined && record.startId === request.startId;
    const isMember = isCurrent && record.node.state !== "retired";
    const isComplete = isMember && this.heartbeats.heartbeat(request, nowMs);
    const grantMs = isMember && this.#deps.isLeading() ? this.options.grantMs : 0;
    if (grantMs > 0) this.heartbeats.grant(request.nodeId, grantMs, nowMs);
    const reply: HeartbeatReply = {
      epoch: state.epoch,
      state: record?.node.state ?? "active",
      mustRegister: !isCurrent,
      wantsFull: isMember && !isComplete,
      grantMs,
      managers: [...this.#deps.managerUrls()],
      leaderUrl: this.options.selfUrl,
    };
    return answer(reply);
  }

  async putCluster(request: PutClusterRequest): Promise<ApiReply> {
    return await this.#putDesired((state) => putCluster(state, request));
  }

  async putTable(name: string, request: PutTableRequest): Promise<ApiReply> {
    const input = { name, request, nowMs: this.#deps.clock.wallMs(), hashSeed: this.#deps.randomHex(8) };
    return await this.#putDesired((state) => putTable(state, input));
  }

  async deleteTable(name: string, request: DeleteTableRequest): Promise<ApiReply> {
    return await this.#putDesired((state) => deleteTable(state, name, request));
  }

  /** Does what can be done now. Errors of the store are logged: the next tick tries again. */
  async plan(): Promise<void> {
    try {
      await this.#executor.mutate((state) =>
        planState(state, {
          ...this.observed,
          nowMs: this.#deps.clock.wallMs(),
          mayReplaceLeaders: this.#mayReplaceLeaders(state),
        }),
      );
    } catch (error) {
      this.#failed(error, "planning failed");
    }
  }

  /** Passes an error of the store on, and ends the session where another manager leads. */
  #failed(error: unknown, message: string): void {
    if (this.#isClosed) return;
    this.#deps.logger.warn({ error: messageOf(error) }, message);
    if (error instanceof OperatingError && error.code === "StoreUnavailable") return;
    this.#deps.onFailed(messageOf(error));
  }

  get #loaded(): ClusterState {
    if (this.state === undefined) throw new OperatingError("NotLeader", "this manager is still reading the metadata");
    return this.state;
  }

  async #putDesired(change: (state: ClusterState) => DesiredResult): Promise<ApiReply> {
    let result: DesiredResult | undefined;
    const state = await this.#executor.mutate((current) => {
      result = change(current);
      return result.ok ? result.state : current;
    });
    if (result?.ok === false) return fault(result.fault.code, result.fault.message, result.fault.path);
    await this.plan();
    return answer({ clusterId: state.clusterId, epoch: this.#loaded.epoch });
  }

  #publish(state: ClusterState): void {
    this.feed.publish(toTopology(state, this.#deps.managerUrls()));
  }

  #tickLater(lastPlanMs = 0): void {
    const { clock } = this.#deps;
    this.#tick = clock.after(Math.max(TICK_MS, TICK_SHARE * lastPlanMs), () => {
      const startMs = clock.monotonicMs();
      this.plan().then(() => {
        if (!this.#isClosed) this.#tickLater(clock.monotonicMs() - startMs);
      });
    });
  }

  #isAlive(node: NodeId): boolean {
    const heard = this.heartbeats.of(node)?.lastHeardMs ?? Number.NEGATIVE_INFINITY;
    return this.#deps.clock.monotonicMs() - heard < this.options.aliveMs;
  }

  /** Alive, or this manager has not led for long enough to know. */
  #mayBeAlive(node: NodeId): boolean {
    return this.#isAlive(node) || this.#deps.clock.monotonicMs() - this.#electedMs < this.options.aliveMs;
  }

  /** DESIGN §5: one full grant after the election, and after whatever retired nodes were granted. */
  #mayReplaceLeaders(state: ClusterState): boolean {
    const nowMs = this.#deps.clock.monotonicMs();
    if (!this.#deps.isLeading() || nowMs - this.#electedMs < this.options.grantMs * 1.01 + 1) return false;
    for (const [id, { node }] of state.nodes) {
      if (node.state === "retired" && this.heartbeats.grantedUntilMs(id) > nowMs) return false;
    }
    return true;
  }

  /** The table of a name with what nodes said of it. */
  loadOf(name: string): { keys: number; bytes: number } {
    const id = findTable(this.#loaded, name)?.table.id;
    let keys = 0;
    let bytes = 0;
    for (const node of this.#loaded.nodes.keys()) {
      for (const [table, tableKeys, tableBytes] of this.heartbeats.of(node)?.load?.tables ?? []) {
        if (table !== id) continue;
        keys += tableKeys;
        bytes += tableBytes;
      }
    }
    return { keys, bytes };
  }
}
