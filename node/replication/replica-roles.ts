/**
 * Makes the replicas of this node what the topology wants: made, dropped, leading, following (core/replica-roles.ts).
 *
 * Invariants
 * 1. One topology is carried out at a time; of those that come meanwhile only the newest is next.
 * 2. A replica stops following before it leads or is dropped, and stops leading before it follows.
 * 3. What failed is tried again with the next topology, and after a while with the same one.
 */

import { type BackoffOptions, backoffMs } from "../base/backoff.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { NodeId } from "../meta/ids.ts";
import type { TopologySource } from "../meta/topology-source.ts";
import type { ReplicaHost } from "../shard/replica-host.ts";
import type { ReplicaLog } from "../shard/replica-log.ts";
import { planRoles, type RolePlan, type WantedReplica, wantedReplicas } from "./core/replica-roles.ts";
import type { ReplicationFollower } from "./follower.ts";
import type { ReplicationLeader } from "./leader.ts";

export interface ReplicaRolesDeps {
  readonly self: NodeId;
  readonly source: TopologySource;
  readonly host: ReplicaHost;
  readonly leader: ReplicationLeader;
  readonly follower: ReplicationFollower;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  /** A topology was carried out: what this node leads now. */
  readonly onCarriedOut: (led: readonly WantedReplica[]) => void;
}

const RETRY: BackoffOptions = { initialMs: 100, maxMs: 5000 };

export class ReplicaRoles {
  readonly #deps: ReplicaRolesDeps;
  #unsubscribe: (() => void) | undefined;
  #isWanted = false;
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #attempts = 0;

  constructor(deps: ReplicaRolesDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#unsubscribe ??= this.#deps.source.onChange(() => this.#want());
    this.#want();
  }

  /** Stops following the topology; the replicas keep their roles. Resolves when nothing is being changed. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#isWanted = false;
    this.#timer?.cancel();
    await this.#running;
  }

  /** Resolves when the newest topology has been carried out. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #want(): void {
    this.#isWanted = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      try {
        await this.#carryOut();
        this.#attempts = 0;
      } catch (error) {
        this.#deps.logger.error({ error }, `replicas could not be given their roles: ${messageOf(error)}`);
        const waitMs = backoffMs(RETRY, this.#attempts++, this.#deps.random());
        if (!this.#isWanted && this.#unsubscribe !== undefined) {
          this.#timer = this.#deps.clock.after(waitMs, () => this.#want());
        }
      }
    }
  }

  async #carryOut(): Promise<void> {
    const { source, host, self } = this.#deps;
    const topology = source.current();
    if (topology === undefined) return;
    const wanted = wantedReplicas(topology, self);
    const plan = planRoles(wanted, (table, slot) => host.find(table, slot), {
      all: host.all(),
      isConfirmed: source.isConfirmed,
    });
    await this.#drop(plan);
    if (plan.create.length > 0) await host.create(plan.create);
    await this.#follow(plan.follow);
    await this.#lead(plan.lead);
    // Also those that led before: their followers may be others now.
    const led: WantedReplica[] = [];
    for (const replica of wanted) {
      const log = host.find(replica.table, replica.slot);
      if (log?.role !== "leader" || replica.leader?.id !== replica.replica || log.term !== replica.term) continue;
      this.#deps.leader.lead(replica, log);
      led.push(replica);
    }
    this.#deps.onCarriedOut(led);
  }

  async #drop(plan: RolePlan): Promise<void> {
    const { host, leader, follower, logger } = this.#deps;
    if (plan.drop.length === 0) return;
    for (const { table, slot } of plan.drop) {
      leader.unlead(table, slot);
      await follower.unfollow(table, slot);
    }
    logger.info({ count: plan.drop.length }, "replicas are not wanted here any more and are dropped");
    await host.drop(plan.drop);
  }

  async #follow(wanted: readonly WantedReplica[]): Promise<void> {
    const { host, leader, follower } = this.#deps;
    for (const replica of wanted) {
      const log = host.find(replica.table, replica.slot);
      if (log === undefined) continue;
      const isNewTerm = log.role !== "follower" || log.term < replica.term;
      if (isNewTerm) {
        leader.unlead(replica.table, replica.slot);
        await follower.unfollow(replica.table, replica.slot);
        log.becomeFollower(Math.max(log.term, replica.term));
      }
      const target = replica.leader;
      // In an older term than its own a replica has no leader: whoever led then may not lead now.
      if (target === undefined || target.id === replica.replica || log.term > replica.term) {
        await follower.unfollow(replica.table, replica.slot);
      } else {
        await follower.follow(log, replica.term, target.node);
      }
    }
  }

  async #lead(wanted: readonly WantedReplica[]): Promise<void> {
    const { host, leader, follower } = this.#deps;
    for (const replica of wanted) {
      const log: ReplicaLog | undefined = host.find(replica.table, replica.slot);
      if (log === undefined) continue;
      leader.unlead(replica.table, replica.slot);
      await follower.unfollow(replica.table, replica.slot);
      log.setLease(Number.POSITIVE_INFINITY);
      // It serves once its log is applied; no other slot and no later topology waits for that.
      log.becomeLeader(replica.term).catch((error: unknown) => {
        const { table, slot } = replica;
        this.#deps.logger.error({ table, slot, error }, "a replica could not become the leader");
      });
    }
  }
}
