/**
 * A slot's replica as replication sees it: the protocol of roles, the log's exchange with a leader or followers, and
 * snapshots, around a SlotShard. See replica-log.ts for the port and its invariants.
 * Refuses by assertion what the protocol forbids: a term that was seen before, entries for a leader.
 */

import { Argv } from "../base/argv.ts";
import { assert } from "../base/assert.ts";
import { crc32 } from "../base/crc32.ts";
import { OperatingError } from "../base/errors.ts";
import { EntryHeader, isWellFormedEntry, KIND_RAFT_STATE, readHeader, viewOf } from "../binlog/entry.ts";
import type { FileSystem } from "../binlog/file-system.ts";
import type { ReplicaId, TableId } from "../meta/ids.ts";
import { DurableIndex } from "./durable-index.ts";
import { writeLostWrites } from "./lost-writes.ts";
import type {
  AppendResult,
  CutResult,
  FollowerProgress,
  LogPosition,
  Promised,
  ReplicaLog,
  ReplicaRole,
  SnapshotSink,
  SnapshotSource,
  SnapshotState,
} from "./replica-log.ts";
import type { ShardNode } from "./shard-node.ts";
import type { Shards } from "./shards.ts";
import type { SlotShard } from "./slot-shard.ts";

/** Reads and replaces the data of a slot as a whole. */
export interface SlotCopies {
  open(shard: SlotShard): Promise<SnapshotSource>;
  install(shard: SlotShard, state: SnapshotState): Promise<SnapshotSink>;
  digest(shard: SlotShard): Promise<string>;
}

export interface SlotReplicaDeps {
  readonly node: ShardNode;
  readonly shards: Shards;
  readonly copies: SlotCopies;
  readonly files: FileSystem;
  readonly lostWritesDirectory: string;
  /** Told of entries that were set aside. */
  readonly onLostWrites: (lost: {
    readonly table: TableId;
    readonly slot: number;
    readonly count: number;
    readonly path: string;
  }) => void;
}

/** What the form of entries is checked with: one for all, used within a call. */
const scratch = { header: new EntryHeader(), argv: new Argv() };

const START: LogPosition = { term: 0, index: 0, crc: 0 };

export class SlotReplica implements ReplicaLog {
  readonly shard: SlotShard;
  readonly #deps: SlotReplicaDeps;
  #durable: DurableIndex;
  #term = 0;
  /** Promised to itself since the start, and not led in yet. */
  #ownTerm = 0;
  #isListening = false;

  constructor(shard: SlotShard, deps: SlotReplicaDeps) {
    this.shard = shard;
    this.#deps = deps;
    this.#durable = new DurableIndex(shard.log.index);
  }

  get table(): TableId {
    return this.shard.table;
  }

  get slot(): number {
    return this.shard.slot;
  }

  get replica(): ReplicaId {
    return this.shard.log.replica;
  }

  get role(): ReplicaRole {
    return this.shard.role;
  }

  get term(): number {
    const promised = this.#deps.node.log.raftStates.find(this.table, this.slot)?.term ?? 0;
    return Math.max(this.#term, this.shard.log.term, promised);
  }

  get last(): LogPosition {
    const { log } = this.shard;
    const written = this.#deps.node.log.writer.writtenIndex(log);
    if (written === log.index) return { term: log.term, index: log.index, crc: log.crc };
    return { term: log.savedTerm, index: log.savedIndex, crc: log.savedCrc };
  }

  get applied(): LogPosition {
    const { term, index, crc } = this.shard.state;
    return { term, index, crc };
  }

  get firstIndex(): number {
    return this.shard.log.firstIndex();
  }

  get durableIndex(): number {
    return this.#durable.at(this.#deps.node.log.syncer.durable);
  }

  get promised(): Promised | undefined {
    const state = this.#deps.node.log.raftStates.find(this.table, this.slot);
    return state && { term: state.term, vote: state.vote as ReplicaId };
  }

  async becomeLeader(term: number): Promise<void> {
    const isOwn = term === this.#ownTerm && term === this.term;
    assert(term > this.term || isOwn, "a replica leads only in a term that it has not seen");
    this.#ownTerm = 0;
    this.#term = term;
    this.shard.setRole("leader");
    await this.#settle();
    await this.shard.replayRest();
    if (this.#term !== term || this.shard.role !== "leader") return;
    this.shard.log.leadTerm = term;
    this.shard.becomeReady();
  }

  becomeFollower(term: number): void {
    assert(term >= this.term, "a replica follows in a term at least as high as any it has seen");
    this.#term = term;
    if (this.shard.role !== "follower") this.shard.setRole("follower");
    this.#listen();
  }

  async promise(term: number, vote: ReplicaId): Promise<void> {
    assert(term >= this.term, "a promise is for a term at least as high as any seen");
    const { node, shards } = this.#deps;
    const { failedTurnCount } = shards;
    node.log.writer.appendRaftState({ table: this.table, slot: this.slot, term, vote, commit: 0 });
    this.#term = term;
    shards.requestEnd();
    await nextTurn();
    if (shards.failedTurnCount === failedTurnCount) await node.log.syncer.sync();
    if (shards.failedTurnCount !== failedTurnCount) {
      throw new OperatingError("PromiseNotKept", "the log could not take a promise; it is asked for again");
    }
    if (vote === this.replica && this.term === term) this.#ownTerm = term;
  }

  setFenced(isFenced: boolean): void {
    this.shard.setFenced(isFenced);
  }

  setLease(untilMonotonicMs: number): void {
    this.shard.setLease(untilMonotonicMs);
  }

  setFollowerProgress(progress: FollowerProgress): void {
    this.shard.followersNeedFrom = progress.needFrom;
    this.shard.copiesNeedFrom = progress.copiesNeedFrom;
    this.shard.followersAcknowledged = progress.acknowledged;
  }

  entriesFrom(index: number, maxBytes: number): readonly Buffer[] | undefined {
    const bodies: Buffer[] = [];
    let sizeBytes = 0;
    const isHeld = this.#deps.node.log.reader.read(this.shard.log, { from: index, to: this.last.index }, (entry) => {
      bodies.push(Buffer.from(entry.buf.subarray(entry.start, entry.end)));
      sizeBytes += entry.end - entry.start;
      return sizeBytes < maxBytes;
    });
    return isHeld ? bodies : undefined;
  }

  positionAt(index: number): LogPosition | undefined {
    const { last } = this;
    if (index > last.index) return undefined;
    if (index === last.index) return last;
    if (index === 0) return START;
    return this.#deps.node.log.reader.positionAt(this.shard.log, index);
  }

  appendFromLeader(bodies: readonly Buffer[]): AppendResult {
    assert(this.role !== "leader", "a leader takes no entries of others");
    const { log } = this.shard;
    const { header } = scratch;
    let isAppended = false;
    for (const body of bodies) {
      if (!isWellFormedEntry(body, scratch)) return { kind: "malformed" };
      readHeader(viewOf(body), 0, header);
      const { index, previousCrc } = header;
      if (header.kind === KIND_RAFT_STATE || header.table !== this.table || header.slot !== this.slot) {
        return { kind: "malformed" };
      }
      if (index > log.index + 1) return isAppended ? { kind: "malformed" } : { kind: "gap", last: this.last };
      if (index <= log.index) {
        const ours = this.#ours(index);
        if (ours !== undefined && ours.crc === this.#crcOf(body)) continue;
        return { kind: "conflict", ours: ours ?? this.last };
      }
      if (previousCrc !== log.crc)
        return { kind: "conflict", ours: { term: log.term, index: log.index, crc: log.crc } };
      this.#deps.node.log.writer.appendBody(log, body);
      isAppended = true;
    }
    if (isAppended) this.#deps.shards.requestEnd();
    return { kind: "appended", last: { term: log.term, index: log.index, crc: log.crc } };
  }

  async cutBehind(position: LogPosition): Promise<CutResult> {
    assert(this.role !== "leader", "a leader's log is never cut");
    await this.#settle();
    const { shard } = this;
    const { writer } = this.#deps.node.log;
    const bodies = this.entriesFrom(position.index + 1, Number.POSITIVE_INFINITY);
    if (bodies === undefined) return { kind: "needsSnapshot" };
    if (bodies.length === 0) return { kind: "cut", lostCount: 0, path: undefined };
    const path = this.#setAside(position.index + 1, bodies);
    const isPast = shard.state.index > position.index && !(await shard.rewind(position.index));
    if (isPast) return { kind: "needsSnapshot" };
    writer.cutBehind(shard.log, position);
    this.#durable.reset(position.index);
    // `last` says the cut only from the next turn on, and nobody else may have a reason to end this one.
    this.#deps.shards.requestEnd();
    await this.#settle();
    return { kind: "cut", lostCount: bodies.length, path };
  }

  onWritten(listener: () => void): () => void {
    this.#listen();
    return this.#deps.shards.onWritten(this.shard, listener);
  }

  async whenDurable(): Promise<void> {
    await this.#settle();
    await this.#deps.node.log.syncer.sync();
  }

  openSnapshot(): Promise<SnapshotSource> {
    return this.#deps.copies.open(this.shard);
  }

  async installSnapshot(state: SnapshotState): Promise<SnapshotSink> {
    assert(this.role !== "leader", "a leader installs no snapshot");
    const sink = await this.#deps.copies.install(this.shard, state);
    return {
      write: (entries) => sink.write(entries),
      abort: () => sink.abort(),
      commit: async () => {
        await sink.commit();
        this.#durable = new DurableIndex(state.position.index);
      },
    };
  }

  digest(): Promise<string> {
    return this.#deps.copies.digest(this.shard);
  }

  /** From the first time that someone replicates this slot on. */
  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    this.#durable.written(this.#deps.node.log.syncer.written, this.last.index);
    this.#deps.shards.onWritten(this.shard, () => this.#afterWrite());
  }

  /** After each turn that wrote entries of this slot: a follower executes what it has taken. */
  #afterWrite(): void {
    this.#durable.written(this.#deps.node.log.syncer.written, this.shard.log.index);
    if (this.shard.role === "follower") this.shard.replayRest().catch(this.#deps.node.deps.fatal);
  }

  /** Waits until nothing of this slot is in a turn that is being made. */
  async #settle(): Promise<void> {
    const { log } = this.shard;
    while (this.#deps.node.log.writer.writtenIndex(log) !== log.index) await nextTurn();
  }

  #ours(index: number): LogPosition | undefined {
    const { log } = this.shard;
    if (index === log.index) return { term: log.term, index, crc: log.crc };
    return this.positionAt(index);
  }

  #crcOf(body: Buffer): number {
    return crc32(body, 0, body.length);
  }

  #setAside(firstIndex: number, bodies: readonly Buffer[]): string {
    const { files, lostWritesDirectory, onLostWrites } = this.#deps;
    const { table, slot } = this;
    const { term } = this.shard.log;
    const path = writeLostWrites(files, lostWritesDirectory, { table, slot, firstIndex, term, bodies });
    onLostWrites({ table, slot, count: bodies.length, path });
    return path;
  }
}

/** The end of the current turn of the event loop: what was appended before is in the log by then. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
