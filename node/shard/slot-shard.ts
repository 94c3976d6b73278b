/**
 * One slot's replica: executes commands on its data and makes their log entries; replays entries of others.
 *
 * Invariants
 * 1. While it serves, its data is the state behind the last entry of its log, the turn's included.
 * 2. An entry is made exactly when a command changed something; its nowMs never goes back.
 * 3. A command that misses, blocks or fails leaves no trace.
 * Refuses commands unless it leads, unfenced, within its lease, with all of its log applied.
 */

import type { Argv } from "../base/argv.ts";
import { assert } from "../base/assert.ts";
import { messageOf } from "../base/errors.ts";
import type { SlotLog } from "../binlog/log-index.ts";
import type { EntryBytes } from "../binlog/reader.ts";
import { MAX_BODY_BYTES } from "../binlog/segment.ts";
import { BLOCK, type DataCommand } from "../commands/command.ts";
import { recordExpireAtMs } from "../engine/record-format.ts";
import { MISS, View } from "../engine/transaction.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import { executeInBatch, type MutableState, replayEntry, seedInBatch } from "./entry-replay.ts";
import type { Outcome, Refusal, SlotExecutor } from "./executor.ts";
import { KeyWatchers } from "./key-watchers.ts";
import type { ReplicaRole } from "./replica-log.ts";
import type { ShardNode } from "./shard-node.ts";
import type { SlotData, SlotState } from "./slot-data.ts";
import { SteadyTime } from "./steady-time.ts";

/** After this many misses of one command it reads on the main thread, so that it ends (DESIGN §4.7). */
export const MAX_MISSES = 8;
/** An EXEC whose arguments take more cannot be logged as one entry. */
const MAX_ENTRY_BYTES = MAX_BODY_BYTES - 1024 * 1024;
/** Entries that are replayed in one go before others get their turn: about a millisecond. */
const REPLAY_SLICE = 200;

const NOT_LEADER: Refusal = { reason: "notLeader" };
const FENCED: Refusal = { reason: "fenced" };
const RECOVERING: Refusal = { reason: "recovering" };
const TOO_LARGE = "ERR the command is too large for the log";

export class SlotShard implements SlotExecutor {
  readonly log: SlotLog;
  readonly data: SlotData;
  refusal: Refusal | undefined;
  /** The position that the data is at. */
  readonly state: MutableState;
  /** Called after each turn that put entries of this slot into the log. */
  readonly writtenListeners: (() => void)[] = [];
  /** See FollowerProgress. */
  followersNeedFrom = Number.POSITIVE_INFINITY;
  copiesNeedFrom = Number.POSITIVE_INFINITY;
  followersAcknowledged = Number.POSITIVE_INFINITY;
  readonly #node: ShardNode;
  /** Made when someone watches for the first time. */
  #watchers: KeyWatchers | undefined;
  #role: ReplicaRole = "recovering";
  #isFenced = false;
  #isReady = false;
  #leaseUntilMs = Number.POSITIVE_INFINITY;
  #missCount = 0;
  #replaying: Promise<void> | undefined;
  #undoing: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** The slot's time while the clock is behind it: its last leader's clock was ahead. */
  #aheadTime: SteadyTime | undefined;

  constructor(node: ShardNode, log: SlotLog, start: { readonly data: SlotData; readonly state: SlotState }) {
    this.#node = node;
    this.log = log;
    this.data = start.data;
    this.state = { ...start.state };
  }

  get table(): SlotLog["table"] {
    return this.log.table;
  }

  get slot(): number {
    return this.log.slot;
  }

  get role(): ReplicaRole {
    return this.#role;
  }

  get isServing(): boolean {
    return (
      this.#isReady &&
      (this.#leaseUntilMs === Number.POSITIVE_INFINITY || this.#node.turnMonotonicMs() < this.#leaseUntilMs)
    );
  }

  get recordCount(): number {
    return this.data.recordCount;
  }

  execute(command: DataCommand, argv: Argv, reply: ReplyWriter): Outcome {
    if (!this.isServing) return this.#refuse();
    const node = this.#node;
    if (this.#leaseUntilMs !== Number.POSITIVE_INFINITY) node.noteLease(this.#leaseUntilMs);
    const traits = node.traits.of(command);
    if (traits.isLimited && this.#isLimited()) return "refused";
    const mark = reply.mark();
    const { context, stamp } = node;
    this.#begin(traits.isRandom);
    context.argv = argv;
    context.reply = reply;
    context.tx = this.data.tx;
    let result: typeof BLOCK | void;
    try {
      result = command.execute(context);
    } catch (thrown) {
      return this.#abort(thrown, reply, mark);
    }
    this.#missCount = 0;
    if (result === BLOCK) {
      this.data.rollback();
      return "block";
    }
    if (!this.data.hasChanges()) {
      this.data.rollback();
      return "done";
    }
    assert(traits.isWrite, "only a command with the flag write changes data");
    if (argv.buf.length > MAX_ENTRY_BYTES && argv.sizeBytes() > MAX_ENTRY_BYTES)
      return this.#refuseTooLarge(reply, mark);
    node.log.writer.append(this.log, stamp, argv);
    this.#commit();
    return "done";
  }

  executeAll(batch: readonly { readonly command: DataCommand; readonly argv: Argv }[], reply: ReplyWriter): Outcome {
    if (!this.isServing) return this.#refuse();
    const node = this.#node;
    if (this.#leaseUntilMs !== Number.POSITIVE_INFINITY) node.noteLease(this.#leaseUntilMs);
    if (batch.some(({ command }) => node.traits.of(command).isLimited) && this.#isLimited()) return "refused";
    const mark = reply.mark();
    const { context } = node;
    this.#begin(batch.some(({ command }) => node.traits.of(command).isRandom));
    context.reply = reply;
    context.tx = this.data.tx;
    const writes: { readonly argv: Argv }[] = [];
    try {
      for (const one of batch) {
        context.argv = one.argv;
        context.tx.random.reseed(seedInBatch(node.stamp.seed, writes.length));
        executeInBatch(one.command, context);
        if (node.traits.of(one.command).isWrite) writes.push(one);
      }
    } catch (thrown) {
      return this.#abort(thrown, reply, mark);
    }
    this.#missCount = 0;
    if (!this.data.hasChanges()) {
      this.data.rollback();
      return "done";
    }
    if (writes.reduce((sum, { argv }) => sum + argv.sizeBytes() + 4 * argv.count, 0) > MAX_ENTRY_BYTES) {
      return this.#refuseTooLarge(reply, mark);
    }
    node.log.writer.appendAll(this.log, node.stamp, writes);
    this.#commit();
    return "done";
  }

  loaded(): Promise<void> {
    return this.data.loaded();
  }

  /** Whether records here have expired and only the time of the slot's last entry keeps them from being removed. */
  isExpiryDue(): boolean {
    const dueMs = this.data.nextExpiryMs;
    return dueMs > this.state.nowMs && dueMs <= this.#nowMs() && this.isServing;
  }

  /** Moves the slot's time on by an entry without commands, within the current turn. False: not here, or not now. */
  advanceTime(): boolean {
    const node = this.#node;
    if (!this.isServing || node.deps.refuseForRoom() !== undefined) return false;
    if (this.#leaseUntilMs !== Number.POSITIVE_INFINITY) node.noteLease(this.#leaseUntilMs);
    this.#begin(false);
    node.log.writer.appendNoop(this.log, node.stamp);
    this.#commit();
    return true;
  }

  watchVersion(key: Buffer): number {
    const nowMs = this.#nowMs();
    this.#watchers ??= new KeyWatchers();
    return this.#watchers.versionOf(key, nowMs, () => this.#expireAtMs(key));
  }

  onTouched(key: Buffer, changed: () => void): () => void {
    this.#watchers ??= new KeyWatchers();
    return this.#watchers.onTouched(key, changed);
  }

  /** Takes the role. A leader serves once it is `ready`; see SlotReplica for the protocol around it. */
  setRole(role: ReplicaRole): void {
    this.#role = role;
    this.#isReady = false;
  }

  /** All of the log is applied, in its role. */
  becomeReady(): void {
    assert(this.state.index === this.log.index, "a replica is ready when all of its log is applied");
    this.#isReady = this.#role === "leader" && !this.#isFenced;
  }

  setFenced(isFenced: boolean): void {
    this.#isFenced = isFenced;
    if (isFenced) this.#isReady = false;
    else if (this.#role === "leader" && this.state.index === this.log.index) this.becomeReady();
  }

  setLease(untilMonotonicMs: number): void {
    this.#leaseUntilMs = untilMonotonicMs;
  }

  /** Executes one entry of the log; false where something must be read first. */
  replay(entry: EntryBytes, mayMiss: boolean): boolean {
    if (this.#watchers?.isActive) this.#watchers.touchAll();
    return replayEntry(this.#node, { data: this.data, state: this.state, mayMiss }, entry);
  }

  /** Executes all that is written in the log, in slices between turns. Resolves when there is nothing left. */
  async replayRest(): Promise<void> {
    for (;;) {
      if (this.#replaying) await this.#replaying;
      else if (this.#isClosed || this.state.index >= this.#node.log.writer.writtenIndex(this.log)) return;
      else await this.#startReplay(this.#replaySlices(Number.POSITIVE_INFINITY));
    }
  }

  /**
   * The turn could not be logged, and the log stands where it stood before: the data goes back there too, in the
   * background; commands are refused meanwhile.
   */
  undoTurn(): void {
    this.#watchers?.touchAll();
    this.#watchers?.notify();
    if (this.state.index <= this.log.index) return;
    this.#isReady = false;
    this.#undoing = this.rewind(this.log.index).then((isRewound) => {
      assert(isRewound, "the database never knows what the log does not");
      if (this.#role === "leader" && !this.#isClosed) this.becomeReady();
    });
    this.#undoing.catch(this.#node.deps.fatal);
  }

  /** Resolves when what `undoTurn` began is done. */
  undone(): Promise<void> {
    return this.#undoing;
  }

  /** Drops what the database lacks and replays up to `index`. False: the database is past it already. */
  async rewind(index: number): Promise<boolean> {
    while (this.#replaying) await this.#replaying;
    await this.#startReplay(this.#dropAndReplay(index));
    return this.state.index <= index;
  }

  /** Runs `work`, which replaces the slot's data, while nothing is replayed. The replica is not ready. */
  async whileIdle(work: () => Promise<void>): Promise<void> {
    assert(!this.#isReady, "a slot's data is replaced while it serves nobody");
    while (this.#replaying) await this.#replaying;
    await this.#startReplay(work());
  }

  /** The data was replaced by an installed snapshot. */
  resetState(state: SlotState): void {
    Object.assign(this.state, state);
    this.#aheadTime = undefined;
    this.#watchers?.touchAll();
    this.#watchers?.notify();
  }

  /** The replica leaves this node: nothing is executed any more. */
  close(): void {
    this.setRole("recovering");
    this.#isClosed = true;
    this.#watchers?.touchAll();
    this.#watchers?.notify();
  }

  /** Resolves when nothing is being replayed or replaced. */
  async idle(): Promise<void> {
    while (this.#replaying) await this.#replaying.catch(() => undefined);
  }

  #nowMs(): number {
    const wallMs = this.#node.turnWallMs();
    const { nowMs } = this.state;
    if (wallMs >= nowMs && this.#aheadTime === undefined) return wallMs;
    this.#aheadTime ??= new SteadyTime();
    const steadyMs = this.#aheadTime.advance(Math.max(wallMs, nowMs), this.#node.turnMonotonicMs());
    if (steadyMs === wallMs) this.#aheadTime = undefined;
    return steadyMs;
  }

  #begin(isRandom: boolean): void {
    const { stamp, deps } = this.#node;
    stamp.nowMs = this.#nowMs();
    stamp.seed = isRandom ? deps.seeds.nextUint32() : 0;
    stamp.level = deps.level();
    stamp.mayMiss = this.#missCount < MAX_MISSES;
    this.data.begin(stamp);
  }

  /** The entry is in the turn's buffer: keeps the changes. */
  #commit(): void {
    const { state, log } = this;
    const watchers = this.#watchers?.isActive ? this.#watchers : undefined;
    if (watchers) this.#touchWatched(watchers);
    state.index = log.index;
    state.term = log.term;
    state.crc = log.crc;
    state.nowMs = this.#node.stamp.nowMs;
    this.data.commit(state);
    watchers?.notify();
  }

  #touchWatched(watchers: KeyWatchers): void {
    watchers.sweep(this.#node.stamp.nowMs);
    const areListed = this.data.visitTouched((buf, start, end) => watchers.touch(buf.toString("latin1", start, end)));
    if (!areListed) watchers.flush();
  }

  #abort(thrown: unknown, reply: ReplyWriter, mark: number): Outcome {
    reply.rewind(mark);
    if (thrown !== MISS) {
      // A fault of a command ends the command, whoever waits for it, and not the node: all it did was an overlay.
      this.data.rollback();
      this.#node.deps.onCommandFailed(thrown);
      this.refusal = { reason: "limit", error: `ERR internal error: ${messageOf(thrown)}` };
      return "refused";
    }
    this.data.rollbackMiss();
    this.#missCount++;
    return "miss";
  }

  #refuse(): Outcome {
    if (this.#role === "follower") this.refusal = NOT_LEADER;
    else if (this.#isFenced) this.refusal = FENCED;
    else this.refusal = this.#isReady ? FENCED : RECOVERING;
    return "refused";
  }

  #isLimited(): boolean {
    const error = this.#node.deps.refuseForRoom();
    if (error === undefined) return false;
    this.refusal = { reason: "limit", error };
    return true;
  }

  #refuseTooLarge(reply: ReplyWriter, mark: number): Outcome {
    this.data.rollback();
    reply.rewind(mark);
    this.refusal = { reason: "limit", error: TOO_LARGE };
    return "refused";
  }

  #expireAtMs(key: Buffer): number | undefined {
    const { stamp, deps } = this.#node;
    stamp.nowMs = this.#nowMs();
    stamp.seed = 0;
    stamp.level = deps.level();
    stamp.mayMiss = false;
    this.data.begin(stamp);
    const value = new View();
    const isFound = this.data.tx.readRecord(key, 0, key.length, value);
    const expireAtMs = isFound ? recordExpireAtMs(value.buf, value.start) : undefined;
    this.data.rollback();
    return expireAtMs;
  }

  /** One replay at a time: others wait for it, and only who started it is told of its failure. */
  #startReplay(replay: Promise<void>): Promise<void> {
    const ended = replay.finally(() => {
      this.#replaying = undefined;
    });
    this.#replaying = ended.catch(() => undefined);
    return ended;
  }

  async #dropAndReplay(index: number): Promise<void> {
    Object.assign(this.state, await this.data.dropUnflushed());
    await this.#replaySlices(index);
  }

  /** Executes what is written up to `limit`. */
  async #replaySlices(limit: number): Promise<void> {
    const { log } = this.#node;
    for (let misses = 0; ; ) {
      const to = Math.min(limit, log.writer.writtenIndex(this.log));
      if (this.#isClosed || this.state.index >= to) return;
      let isMissing = false;
      let count = 0;
      const isHeld = log.reader.read(this.log, { from: this.state.index + 1, to }, (entry) => {
        isMissing = !this.replay(entry, misses < MAX_MISSES);
        misses = isMissing ? misses + 1 : 0;
        return !isMissing && ++count < REPLAY_SLICE;
      });
      assert(isHeld, "the log holds what the database lacks");
      if (isMissing) await this.data.loaded();
      else if (count === REPLAY_SLICE) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
