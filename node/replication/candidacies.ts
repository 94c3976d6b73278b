/**
 * The replicas here that are to lead and have not asked the others yet: asks them, fetches what one of them has more,
 * and says when each may lead and in which term (core/candidacy.ts, docs/formats/peer-wire.md).
 *
 * Invariants
 * 1. A candidate follows nobody but the one that it fetches from.
 * 2. Whoever cannot be reached is waited for so long (WAIT_MS) and no longer where a manager gave the term: the slot
 *    must not stay away because one node does. What only that node had is lost then: it sets it aside when it returns.
 * 3. Where no manager gave the term nobody is led without: every other replica has promised the term, durably.
 */

import type { Clock, Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { NodeId, ReplicaId } from "../meta/ids.ts";
import type { ReplicaLog } from "../shard/replica-log.ts";
import type { AskedSlot, Standing } from "../wire/positions.ts";
import { slotKey } from "./channel.ts";
import { decideCandidacy } from "./core/candidacy.ts";
import type { WantedReplica } from "./core/replica-roles.ts";
import type { ReplicationFollower } from "./follower.ts";
import type { PositionAsker } from "./position-asker.ts";

export interface CandidaciesDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly asker: PositionAsker;
  readonly follower: ReplicationFollower;
  /** Some replicas may lead now: `termOf` says which. */
  readonly onMayLead: () => void;
}

/** A replica that is to lead. */
export interface CandidateWish {
  readonly wanted: WantedReplica;
  readonly log: ReplicaLog;
  /** The term is of the replica's own making: `wanted.term` is only the lowest that it may not be. */
  readonly needsAll: boolean;
}

/** How long others are waited for: a process of the same cluster that starts at the same time is there by then. */
const WAIT_MS = 3000;
/** How long after the start a manager is waited for before terms are raised without one. */
const MANAGER_WAIT_MS = 1000;
/** How often is asked again where an answer decided nothing. */
const ASK_AGAIN_MS = 500;
/** How often is looked at what a candidate waits for: sooner while one fetches, rarely where only a link can help. */
const LOOK_MS = 100;
const LOOK_AT_FETCHES_MS = 20;
const LOOK_AT_IDLE_MS = 1000;

interface Other {
  readonly node: NodeId;
  standing: Standing | undefined;
  /** What was asked last, and when, monotonic ms; −Infinity: nothing, on the present link. */
  askedTerm: number;
  askedMs: number;
  isGivenUp: boolean;
}

interface Candidate extends CandidateWish {
  term: number;
  readonly others: readonly Other[];
  /** Until when those without a link are waited for, and when others that do not answer, monotonic ms. */
  readonly unlinkedUntilMs: number;
  readonly untilMs: number;
  fetch: { readonly other: Other; stalledSinceMs: number } | undefined;
  state: "asking" | "fetching" | "promising" | "yielded" | "mayLead";
  isGone: boolean;
  /** What touches the log and must end before anybody else does. */
  busy: Promise<void>;
}

export class Candidacies {
  readonly #deps: CandidaciesDeps;
  readonly #candidates = new Map<number, Candidate>();
  readonly #byReplica = new Map<ReplicaId, Candidate>();
  #startedMs = 0;
  #timer: Timer | undefined;
  #waiting: (() => void)[] = [];
  #hasNews = false;
  /** Since the last line of the log about them. */
  #fetchedCount = 0;
  #raisedCount = 0;

  constructor(deps: CandidaciesDeps) {
    this.#deps = deps;
  }

  /** The links are being made from now on. */
  start(): void {
    this.#startedMs = this.#deps.clock.monotonicMs();
    this.#deps.asker.listen({
      onLinked: (node) => this.#linkChanged(node),
      onUnlinked: (node) => this.#linkChanged(node),
      onStanding: (node, asked, standing) => this.#take(node, asked, standing),
      onAnswered: () => this.#tell(),
    });
  }

  /** Ends all candidacies. */
  async stop(): Promise<void> {
    await this.retain([]);
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The term that a candidate may lead in now; undefined while it may not. */
  termOf(replica: ReplicaId): number | undefined {
    const candidate = this.#byReplica.get(replica);
    return candidate?.state === "mayLead" ? candidate.term : undefined;
  }

  /** Ends the candidacies of all others. Resolves when nothing of them touches a log any more. */
  async retain(wishes: readonly CandidateWish[]): Promise<void> {
    const kept = new Set<Candidate>();
    for (const wish of wishes) {
      const candidate = this.#candidates.get(slotKey(wish.wanted.table, wish.wanted.slot));
      if (candidate !== undefined && isSameWish(candidate, wish)) kept.add(candidate);
    }
    const ended = [...this.#candidates.values()].filter((candidate) => !kept.has(candidate));
    for (const candidate of ended) {
      candidate.isGone = true;
      this.#candidates.delete(slotKey(candidate.log.table, candidate.log.slot));
      this.#byReplica.delete(candidate.log.replica);
    }
    await Promise.all(ended.map((candidate) => this.#end(candidate)));
    this.#wakeSettled();
  }

  /** Begins those candidacies that are not under way. */
  async pursue(wishes: readonly CandidateWish[]): Promise<void> {
    for (const wish of wishes) {
      const { table, slot } = wish.wanted;
      const key = slotKey(table, slot);
      if (this.#candidates.has(key)) continue;
      await this.#deps.follower.unfollow(table, slot);
      const candidate = this.#begin(wish);
      this.#candidates.set(key, candidate);
      this.#byReplica.set(wish.log.replica, candidate);
      this.#decide(candidate);
    }
    this.#tell();
    this.#look();
  }

  /** Resolves when no candidate has anything to wait for that is bounded in time. */
  async settled(): Promise<void> {
    while (this.#isUnsettled()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
  }

  #begin(wish: CandidateWish): Candidate {
    const { wanted, log, needsAll } = wish;
    const nowMs = this.#deps.clock.monotonicMs();
    return {
      ...wish,
      term: needsAll ? Math.max(log.term, wanted.term) + 1 : wanted.term,
      others: wanted.others.map(({ node }) => ({
        node,
        standing: undefined,
        askedTerm: 0,
        askedMs: Number.NEGATIVE_INFINITY,
        isGivenUp: false,
      })),
      // By the start and not by the role: a replica may have become a follower of nobody in the meantime. Later on, who
      // has no link is known to be away, and whoever promotes has asked for the positions itself.
      unlinkedUntilMs: this.#startedMs + WAIT_MS,
      untilMs: nowMs + WAIT_MS,
      fetch: undefined,
      state: "asking",
      isGone: false,
      busy: Promise.resolve(),
    };
  }

  async #end(candidate: Candidate): Promise<void> {
    await candidate.busy;
    if (candidate.fetch !== undefined) await this.#deps.follower.unfollow(candidate.log.table, candidate.log.slot);
  }

  #linkChanged(node: NodeId): void {
    for (const candidate of this.#candidates.values()) {
      const other = candidate.others.find((one) => one.node === node);
      if (other === undefined) continue;
      other.askedMs = Number.NEGATIVE_INFINITY;
      other.isGivenUp = false;
      // What it said may have changed by the time that it is back; a promise it has kept.
      if (this.#deps.asker.isLinked(node)) other.standing = undefined;
      this.#decide(candidate);
    }
    this.#tell();
  }

  #take(node: NodeId, asked: AskedSlot, standing: Standing): void {
    const candidate = this.#byReplica.get(asked.replica as ReplicaId);
    const other = candidate?.others.find((one) => one.node === node);
    if (candidate === undefined || other === undefined || asked.term !== candidate.term) return;
    other.standing = standing;
    this.#decide(candidate);
  }

  #decide(candidate: Candidate): void {
    if (candidate.isGone || candidate.state !== "asking") return;
    const { clock, asker } = this.#deps;
    const { log, term, needsAll } = candidate;
    const nowMs = clock.monotonicMs();
    if (needsAll && nowMs < this.#startedMs + MANAGER_WAIT_MS) return;
    for (const other of candidate.others) this.#ask(candidate, other, nowMs);
    const step = decideCandidacy({
      term,
      needsAll,
      seenTerm: log.term,
      last: log.last,
      others: candidate.others.map((other) => ({
        node: other.node,
        standing: other.standing,
        isGivenUp: other.isGivenUp,
        isAwaited: nowMs < (asker.isLinked(other.node) ? candidate.untilMs : candidate.unlinkedUntilMs),
      })),
    });
    switch (step.kind) {
      case "wait":
        return;
      case "fetch":
        this.#fetch(candidate, step.node);
        return;
      case "raise":
        candidate.term = step.term;
        for (const other of candidate.others) this.#ask(candidate, other, nowMs);
        return;
      case "yield":
        candidate.state = "yielded";
        this.#deps.logger.warn(
          { table: log.table, slot: log.slot, term },
          "the term to lead in is used; waits for a newer",
        );
        return;
      case "lead":
        if (needsAll) this.#promiseItself(candidate);
        else this.#mayLead(candidate);
    }
  }

  /** Asks where the term was not asked for on this link, or long ago and to no avail. */
  #ask(candidate: Candidate, other: Other, nowMs: number): void {
    const { log, term, needsAll } = candidate;
    const isNew = other.askedMs === Number.NEGATIVE_INFINITY || other.askedTerm !== term;
    const kind = other.standing?.kind;
    const decidesNothing = kind === "leading" || kind === "refusing" || (needsAll && kind === "absent");
    if (!isNew && !(decidesNothing && nowMs >= other.askedMs + ASK_AGAIN_MS)) return;
    if (!this.#deps.asker.isLinked(other.node)) return;
    if (other.askedTerm !== term) other.standing = undefined;
    other.askedMs = nowMs;
    other.askedTerm = term;
    const { table, slot, replica, last } = log;
    this.#deps.asker.ask(other.node, { table, slot, replica, term, last }, needsAll);
  }

  #fetch(candidate: Candidate, node: NodeId): void {
    const { log, term } = candidate;
    const other = candidate.others.find((one) => one.node === node) as Other;
    this.#fetchedCount++;
    this.#deps.logger.debug(
      { table: log.table, slot: log.slot, node, from: log.last.index, to: other.standing?.last.index },
      "another replica has more than this one, which is to lead: it is fetched first",
    );
    candidate.state = "fetching";
    candidate.fetch = { other, stalledSinceMs: this.#deps.clock.monotonicMs() };
    this.#occupy(candidate, async () => {
      log.becomeFollower(log.term);
      await this.#deps.follower.follow(log, term, { node, isFetch: true });
    });
    this.#look();
  }

  /** Looks how far a fetch is; ends it where it is done, or where nothing comes. */
  #followUp(candidate: Candidate, nowMs: number): void {
    const { fetch, log, needsAll } = candidate;
    if (fetch === undefined || candidate.state !== "fetching") return;
    const stream = this.#deps.follower.streamOf(log.table, log.slot);
    if (stream === undefined) return;
    const { isInSync, state } = stream;
    const isMoving = state === "streaming" || state === "copying" || state === "probing" || state === "cutting";
    if (isMoving) fetch.stalledSinceMs = nowMs;
    if (!isInSync && nowMs < fetch.stalledSinceMs + WAIT_MS) return;
    if (!isInSync) {
      const { table, slot } = log;
      this.#deps.logger.warn(
        { table, slot, node: fetch.other.node },
        "what another replica has more could not be fetched",
      );
      fetch.other.isGivenUp = !needsAll;
    } else fetch.other.standing = { kind: "standing", term: fetch.other.standing?.term ?? 0, last: log.last };
    this.#occupy(candidate, async () => {
      await this.#deps.follower.unfollow(log.table, log.slot);
      candidate.fetch = undefined;
      candidate.state = "asking";
      this.#decide(candidate);
      this.#tell();
    });
  }

  #promiseItself(candidate: Candidate): void {
    const { log, term } = candidate;
    candidate.state = "promising";
    this.#occupy(candidate, async () => {
      await log.promise(term, log.replica);
      this.#raisedCount++;
      this.#mayLead(candidate);
      this.#tell();
    });
  }

  #mayLead(candidate: Candidate): void {
    candidate.state = "mayLead";
    this.#hasNews = true;
  }

  #occupy(candidate: Candidate, work: () => Promise<void>): void {
    candidate.busy = candidate.busy.then(work).catch((error: unknown) => {
      const { table, slot } = candidate.log;
      this.#deps.logger.error(
        { table, slot, reason: messageOf(error) },
        "a replica could not prepare to lead; tries again",
      );
      candidate.fetch = undefined;
      candidate.state = "asking";
    });
  }

  /** Looks again and again at what may have changed by itself, while a candidate waits for something. */
  #look(): void {
    const states = new Set([...this.#candidates.values()].map(({ state }) => state));
    const isFetching = states.has("fetching");
    if (!isFetching && !states.has("asking") && !states.has("promising")) return;
    if (this.#timer !== undefined && !isFetching) return;
    this.#timer?.cancel();
    const soonMs = isFetching ? LOOK_AT_FETCHES_MS : LOOK_MS;
    this.#timer = this.#deps.clock.after(this.#isUnsettled() ? soonMs : LOOK_AT_IDLE_MS, () => {
      this.#timer = undefined;
      const nowMs = this.#deps.clock.monotonicMs();
      for (const candidate of this.#candidates.values()) {
        this.#followUp(candidate, nowMs);
        this.#decide(candidate);
      }
      this.#tell();
      this.#look();
    });
  }

  #tell(): void {
    this.#wakeSettled();
    if (!this.#hasNews) return;
    this.#hasNews = false;
    this.#logCounts();
    this.#deps.onMayLead();
  }

  /** One line for many slots. */
  #logCounts(): void {
    const [fetched, raised] = [this.#fetchedCount, this.#raisedCount];
    this.#fetchedCount = 0;
    this.#raisedCount = 0;
    const { logger } = this.#deps;
    if (fetched > 0) logger.info({ slots: fetched }, "what other replicas had more was fetched before leading");
    if (raised > 0) logger.info({ slots: raised }, "leads without a manager: all other replicas have promised");
  }

  #isUnsettled(): boolean {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const { state, needsAll, untilMs, unlinkedUntilMs } of this.#candidates.values()) {
      if (state === "fetching" || state === "promising") return true;
      if (state === "asking" && nowMs < (needsAll ? unlinkedUntilMs : Math.max(untilMs, unlinkedUntilMs))) return true;
    }
    return false;
  }

  #wakeSettled(): void {
    if (this.#waiting.length === 0 || this.#isUnsettled()) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

function isSameWish(a: CandidateWish, b: CandidateWish): boolean {
  if (a.log !== b.log || a.needsAll !== b.needsAll || a.wanted.replica !== b.wanted.replica) return false;
  // A term of its own making goes on growing whatever the topology says.
  if (!a.needsAll && a.wanted.term !== b.wanted.term) return false;
  const others = new Set(a.wanted.others.map(({ id }) => id));
  return others.size === b.wanted.others.length && b.wanted.others.every(({ id }) => others.has(id));
}
