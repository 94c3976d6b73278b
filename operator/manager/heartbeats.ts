/**
 * What nodes said last, in memory: life, loads, positions, reports of peers, and what was granted to them.
 * Lost with the manager, and asked for again in full by the next leader. Times are monotonic milliseconds.
 */

import type { NodeId, ReplicaId } from "../../node/meta/ids.ts";
import type { HeartbeatRequest, NodeLoad, PeerReport, ReplicaPosition } from "../../node/meta/manager-api.ts";
import type { ObservedPosition } from "./core/cluster-state.ts";

export interface NodeObservation {
  readonly lastHeardMs: number;
  readonly knownEpoch: number;
  readonly isReady: boolean;
  readonly load: NodeLoad | undefined;
  readonly peers: readonly PeerReport[];
}

interface Entry extends NodeObservation {
  readonly startId: string;
  readonly positions: Map<ReplicaId, ObservedPosition>;
  /** All positions came once. */
  readonly isComplete: boolean;
}

/** What a clock may drift while a grant runs (DESIGN §5): the granter waits longer by this share. */
const DRIFT_BOUND = 0.01;

export class HeartbeatBook {
  readonly #entries = new Map<NodeId, Entry>();
  readonly #owners = new Map<ReplicaId, NodeId>();
  readonly #grantedUntilMs = new Map<NodeId, number>();

  /** A node registered: everything known of an earlier start is forgotten. */
  register(node: NodeId, start: { startId: string; positions: readonly ReplicaPosition[]; nowMs: number }): void {
    this.#forget(node);
    this.#entries.set(node, {
      startId: start.startId,
      lastHeardMs: start.nowMs,
      knownEpoch: 0,
      isReady: false,
      load: undefined,
      peers: [],
      positions: new Map(),
      isComplete: true,
    });
    this.#record(node, start.positions);
  }

  /** Takes a heartbeat; whether all of the node's positions are known now. */
  heartbeat(request: HeartbeatRequest, nowMs: number): boolean {
    const before = this.#entries.get(request.nodeId);
    const isSameStart = before?.startId === request.startId;
    if (!isSameStart || request.isFull) this.#forget(request.nodeId);
    const entry: Entry = {
      startId: request.startId,
      lastHeardMs: nowMs,
      knownEpoch: request.knownEpoch,
      isReady: request.isReady,
      load: request.load,
      peers: request.peers,
      positions: isSameStart && !request.isFull ? before.positions : new Map(),
      isComplete: request.isFull || (isSameStart && before.isComplete),
    };
    this.#entries.set(request.nodeId, entry);
    this.#record(request.nodeId, request.positions);
    return entry.isComplete;
  }

  /** Remembers a promise made at `nowMs` for `grantMs`, as long as the node may count on it. */
  grant(node: NodeId, grantMs: number, nowMs: number): void {
    this.#grantedUntilMs.set(node, nowMs + grantMs * (1 + DRIFT_BOUND) + 1);
  }

  /** When what was granted to a node has run out; −Infinity where nothing was granted. */
  grantedUntilMs(node: NodeId): number {
    return this.#grantedUntilMs.get(node) ?? Number.NEGATIVE_INFINITY;
  }

  of(node: NodeId): NodeObservation | undefined {
    return this.#entries.get(node);
  }

  positionOf(replica: ReplicaId): ObservedPosition | undefined {
    const owner = this.#owners.get(replica);
    return owner === undefined ? undefined : this.#entries.get(owner)?.positions.get(replica);
  }

  #record(node: NodeId, positions: readonly ReplicaPosition[]): void {
    const entry = this.#entries.get(node);
    for (const [replica, term, index, state] of positions) {
      entry?.positions.set(replica, { term, index, state });
      this.#owners.set(replica, node);
    }
  }

  #forget(node: NodeId): void {
    for (const replica of this.#entries.get(node)?.positions.keys() ?? []) this.#owners.delete(replica);
  }
}
