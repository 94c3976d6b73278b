/**
 * Makes the replicas of this node what the topology wants: made, dropped, leading, following (core/replica-roles.ts).
 *
 * Invariants
 * 1. One topology is carried out at a time; of those that come meanwhile only the newest is next.
 * 2. A replica stops following before it leads or is dropped, and stops leading before it follows.
 *    It leads once the others were asked (candidacies.ts), but for those that lead already or are new like their slot.
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
import type { Candidacies, CandidateWish } from "./candidacies.ts";
import { heedPromise, planRoles, type RolePlan, type WantedReplica, wantedReplicas } from "./core/replica-roles.ts";
import type { ReplicationFollower } from "./follower.ts";
import type { ReplicationLeader } from "./leader.ts";

export interface ReplicaRolesDeps {
  readonly self: NodeId;
  readonly source: TopologySource;
  readonly host: ReplicaHost;
  readonly leader: ReplicationLeader;
  readonly follower: ReplicationFollower;
  readonly candidacies: Candidacies;
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
    this.#deps.candidacies.start();
    this.#unsubscribe ??= this.#deps.source.onChange(() => this.recheck());
    this.recheck();
  }

  /** Stops following the topology; the replicas keep their roles. Resolves when nothing is being changed. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#isWanted = false;
    this.#timer?.cancel();
    await this.#running;
    await this.#deps.candidacies.stop();
  }

  /** Resolves when the newest topology has been carried out, but for leaders that wait for others that do not come. */
  async settled(): Promise<void> {
    do {
      while (this.#running !== undefined) await this.#running;
      await this.#deps.candidacies.settled();
    } while (this.#running !== undefined);
  }

  /** What is wanted, or what may be done for it, has changed. */
  recheck(): void {
    if (this.#unsubscribe === undefined) return;
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
          this.#timer = this.#deps.clock.after(waitMs, () => this.recheck());
        }
      }
    }
  }

  async #carryOut(): Promise<void> {
    const { source, host, self, candidacies } = this.#deps;
    const topology = source.current();
    if (topology === undefined) return;
    const wanted = wantedReplicas(topology, self).map((replica) => {
      const log = host.find(replica.table, replica.slot);
      return log?.replica === replica.replica ? heedPromise(replica, self, log.promised) : replica;
    });
    const plan = planRoles(wanted, (table, slot) => host.find(table, slot), {
      all: host.all(),
      isConfirmed: source.isConfirmed,
      raisedTerm: (replica) => candidacies.termOf(replica),
    });
    const { leadNow, wishes } = this.#splitLeaders(plan);
    await candidacies.retain(wishes);
    await this.#drop(plan);
    if (plan.create.length > 0) await host.create(plan.create);
    await this.#follow(plan.follow);
    await this.#lead(leadNow);
    // Again: those that are to be raised may have been made just now.
    await candidacies.pursue(this.#splitLeaders(plan).wishes);
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

  /** Those that may lead at once, and those that ask the others first. */
  #splitLeaders(plan: RolePlan): { leadNow: readonly WantedReplica[]; wishes: readonly CandidateWish[] } {
    const { host, candidacies } = this.#deps;
    const leadNow: WantedReplica[] = [...plan.leadRaised];
    const wishes: CandidateWish[] = [];
    // What is made now of a slot that a confirmed topology has it lead is as new as the slot: nobody has more.
    const made = new Set(plan.create.map(({ replica }) => replica));
    for (const wanted of plan.lead) {
      const log = host.find(wanted.table, wanted.slot);
      const isAsked = candidacies.termOf(wanted.replica) === wanted.term;
      const isAlone = wanted.others.length === 0 || made.has(wanted.replica);
      if (log === undefined || isAlone || isAsked || log.role === "leader") leadNow.push(wanted);
      else wishes.push({ wanted, log, needsAll: false });
    }
    for (const wanted of plan.raise) {
      const log = host.find(wanted.table, wanted.slot);
      if (log?.replica === wanted.replica) wishes.push({ wanted, log, needsAll: true });
    }
    return { leadNow, wishes };
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
        await follower.follow(log, replica.term, { node: target.node, isFetch: false });
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
