/**
 * Whether the replicas that a node held at its start are back: leading and serving, or following and in sync
 * (DESIGN §7, readiness). Replicas that were added later, or dropped since, do not matter.
 */

import { type Clock, delay } from "./base/clock.ts";
import type { ReplicaId } from "./meta/ids.ts";
import type { Peering } from "./replication/peering.ts";
import type { SlotHost } from "./shard/slot-host.ts";
import type { SlotReplica } from "./shard/slot-replica.ts";

const LOOK_EVERY_MS = 100;

export interface HeldReplicasDeps {
  readonly clock: Clock;
  readonly host: Pick<SlotHost, "all">;
  readonly peering: Pick<Peering, "peers" | "following">;
}

export class HeldReplicas {
  readonly #deps: HeldReplicasDeps;
  #missing: ReadonlySet<ReplicaId>;

  /** Made when the data are recovered and before anything is changed. */
  constructor(deps: HeldReplicasDeps) {
    this.#deps = deps;
    this.#missing = new Set([...deps.host.all()].map(({ replica }) => replica));
  }

  /** What is not there yet; undefined: everything is. */
  missing(): string | undefined {
    const { host, peering } = this.#deps;
    const undialled = peering.peers().filter(({ wasTried }) => !wasTried);
    if (undialled.length > 0) return `the links to ${undialled.map(({ name }) => name).join(", ")}`;
    const inSync = new Set<ReplicaId>();
    for (const { replica, isInSync } of peering.following()) if (isInSync) inSync.add(replica);
    const isAway = (one: SlotReplica) => this.#missing.has(one.replica) && !isBack(one, inSync);
    const away = [...host.all()].filter(isAway);
    this.#missing = new Set(away.map(({ replica }) => replica));
    const [first] = away;
    if (first === undefined) return undefined;
    const lacks = { follower: "is not in sync", leader: "is being applied", recovering: "has no role" }[first.role];
    const { slot, table } = first;
    return `${away.length} replicas that it held at its start: that of slot ${slot}, table ${table}, ${lacks} yet`;
  }

  /** Resolves when nothing is missing, or after `limitMs`; rejects with the signal's reason. */
  async back(limitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#deps;
    const deadlineMs = clock.monotonicMs() + limitMs;
    while (this.missing() !== undefined && clock.monotonicMs() < deadlineMs) await delay(clock, LOOK_EVERY_MS, signal);
  }
}

/** What was back once stays so: a later change is not the start's concern. */
function isBack(replica: SlotReplica, inSync: ReadonlySet<ReplicaId>): boolean {
  return replica.role === "leader" ? replica.shard.isServing : inSync.has(replica.replica);
}
