/**
 * A slot's replica in memory: a log of real entry bodies with turns, sync and crashes, a state that is a map, snapshots
 * and cuts. Implements ReplicaLog for the simulation of replication, and checks on its own that entries are executed
 * one after the other, none twice, and that only one at a time works on the log (`violations`: those who call may
 * catch what is thrown).
 */

import { assert } from "../../node/base/assert.ts";
import { crc32 } from "../../node/base/crc32.ts";
import { EntryHeader, KIND_NOOP, readHeader, viewOf, writeHeader } from "../../node/binlog/entry.ts";
import type { ReplicaId, TableId } from "../../node/meta/ids.ts";
import type {
  AppendResult,
  CutResult,
  FollowerProgress,
  LogPosition,
  Promised,
  ReplicaLog,
  ReplicaRole,
  SnapshotEntry,
  SnapshotSink,
  SnapshotSource,
  SnapshotState,
} from "../../node/shard/replica-log.ts";

const NONE: LogPosition = { term: 0, index: 0, crc: 0 };
const KEY_COUNT = 16;

interface Logged {
  readonly position: LogPosition;
  readonly body: Buffer;
}

interface Applied {
  position: LogPosition;
  data: Map<number, string>;
}

export class MemoryReplica implements ReplicaLog {
  readonly table: TableId;
  readonly slot: number;
  readonly replica: ReplicaId;
  role: ReplicaRole = "recovering";
  term = 0;
  /** Durable. */
  promised: Promised | undefined;
  readonly violations: string[] = [];
  /** Told of each entry that a client's write makes, and of each new leadership. */
  onMade: (position: LogPosition) => void = () => undefined;
  onLead: () => void = () => undefined;
  progress: FollowerProgress = {
    needFrom: Number.POSITIVE_INFINITY,
    copiesNeedFrom: Number.POSITIVE_INFINITY,
    acknowledged: Number.POSITIVE_INFINITY,
  };
  lostCount = 0;
  snapshotCount = 0;
  isFenced = false;
  leaseUntilMs = Number.NEGATIVE_INFINITY;
  durableIndex = 0;
  /** Entries behind `#base`, in the file. */
  #log: Logged[] = [];
  /** Position before the first entry held. */
  #base: LogPosition = NONE;
  #turn: Logged[] = [];
  #state: Applied = { position: NONE, data: new Map() };
  #flushed: Applied = { position: NONE, data: new Map() };
  #listeners = new Set<() => void>();
  #ownTerm = 0;
  #work: "cut" | "install" | undefined;
  #life = 0;
  readonly #pause: () => Promise<void>;

  /** @param pause how long the disk takes for one operation. */
  constructor(
    placement: { readonly table: TableId; readonly slot: number; readonly replica: ReplicaId },
    pause: () => Promise<void>,
  ) {
    this.#pause = pause;
    this.table = placement.table;
    this.slot = placement.slot;
    this.replica = placement.replica;
  }

  get last(): LogPosition {
    return this.#log.at(-1)?.position ?? this.#base;
  }

  get applied(): LogPosition {
    return this.#state.position;
  }

  get firstIndex(): number {
    return this.#base.index + 1;
  }

  async becomeLeader(term: number): Promise<void> {
    const isOwn = term === this.#ownTerm && term === this.term;
    this.#check(term > this.term || isOwn, "a replica leads only in a term that it has not seen");
    this.#check(this.#work === undefined, "a replica leads when nobody else works on its log");
    this.#settle();
    this.#ownTerm = 0;
    this.term = term;
    this.role = "leader";
    this.#applyAll();
    this.onLead();
  }

  becomeFollower(term: number): void {
    this.#check(term >= this.term, "a replica follows in a term at least as high as any seen");
    this.#settle();
    this.term = term;
    this.role = "follower";
    this.#applyAll();
  }

  async promise(term: number, vote: ReplicaId): Promise<void> {
    this.#check(term >= this.term, "a promise is for a term at least as high as any seen");
    this.term = term;
    await this.#disk();
    this.promised = { term, vote };
    if (vote === this.replica && this.term === term) this.#ownTerm = term;
  }

  setFenced(isFenced: boolean): void {
    this.isFenced = isFenced;
  }

  setLease(untilMonotonicMs: number): void {
    this.leaseUntilMs = untilMonotonicMs;
  }

  setFollowerProgress(progress: FollowerProgress): void {
    this.progress = progress;
  }

  entriesFrom(index: number, maxBytes: number): readonly Buffer[] | undefined {
    if (index < this.firstIndex) return undefined;
    const bodies: Buffer[] = [];
    let sizeBytes = 0;
    for (const { body } of this.#log.slice(index - this.firstIndex)) {
      if (sizeBytes > 0 && sizeBytes + body.length > maxBytes) break;
      bodies.push(body);
      sizeBytes += body.length;
    }
    return bodies;
  }

  positionAt(index: number): LogPosition | undefined {
    return this.#log[index - this.firstIndex]?.position;
  }

  /** A client's write at the leader: in the file after the turn. `value` decides what it changes. */
  write(value: number): void {
    assert(this.role === "leader", "only a leader takes writes");
    const before = this.#turn.at(-1)?.position ?? this.last;
    const header = new EntryHeader();
    Object.assign(header, { kind: KIND_NOOP, table: this.table, slot: this.slot, level: 1 });
    Object.assign(header, { term: this.term, index: before.index + 1, previousCrc: before.crc, seed: value });
    const body = Buffer.alloc(48);
    writeHeader(viewOf(body), 0, header);
    const entry = loggedOf(body);
    this.#turn.push(entry);
    this.onMade(entry.position);
  }

  appendFromLeader(bodies: readonly Buffer[]): AppendResult {
    this.#check(this.role === "follower", "only a follower takes entries of a leader");
    this.#check(this.#work === undefined, "nothing is appended while the log is cut or replaced");
    for (const given of bodies) {
      const entry = loggedOf(Buffer.from(given));
      const header = new EntryHeader();
      readHeader(viewOf(entry.body), 0, header);
      const before = this.#turn.at(-1)?.position ?? this.last;
      const { index } = entry.position;
      if (index > before.index + 1) return { kind: "gap", last: this.last };
      if (index <= before.index) {
        const ours = this.positionAt(index) ?? this.#turn.find(({ position }) => position.index === index)?.position;
        if (ours?.crc === entry.position.crc) continue;
        return { kind: "conflict", ours: ours ?? before };
      }
      if (header.previousCrc !== before.crc) return { kind: "conflict", ours: before };
      this.#turn.push(entry);
    }
    return { kind: "appended", last: this.#turn.at(-1)?.position ?? this.last };
  }

  async cutBehind(position: LogPosition): Promise<CutResult> {
    this.#check(this.role === "follower", "a leader's log is never cut");
    this.#begin("cut");
    await this.#disk();
    this.#work = undefined;
    this.#settle();
    if (position.index < this.#base.index || position.index < this.#flushed.position.index) {
      return { kind: "needsSnapshot" };
    }
    const kept = position.index - this.#base.index;
    const lostCount = this.#log.length - kept;
    this.lostCount += lostCount;
    this.#log = this.#log.slice(0, kept);
    assert(this.last.crc === position.crc, "a log is cut at a position that it has");
    this.durableIndex = Math.min(this.durableIndex, this.last.index);
    this.#state = { position: this.#flushed.position, data: new Map(this.#flushed.data) };
    this.#applyAll();
    return { kind: "cut", lostCount, path: "lost-writes" };
  }

  onWritten(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async whenDurable(): Promise<void> {
    this.sync();
  }

  async openSnapshot(): Promise<SnapshotSource> {
    await this.#disk();
    const entries = [...this.#state.data].map(([key, value]) => ({
      key: Buffer.from([key]),
      value: Buffer.from(value),
    }));
    const { position } = this.#state;
    return {
      position,
      nowMs: 0,
      keyCount: entries.length,
      expiringCount: 0,
      sizeBytes: 0,
      next: async () => {
        await this.#disk();
        return entries.splice(0, 2);
      },
      close: async () => {},
    };
  }

  async installSnapshot(snapshot: SnapshotState): Promise<SnapshotSink> {
    this.#check(this.role === "follower", "only a follower installs a snapshot");
    this.#begin("install");
    const data = new Map<number, string>();
    return {
      write: async (entries: readonly SnapshotEntry[]) => {
        await this.#disk();
        for (const { key, value } of entries) data.set(key[0] as number, value.toString());
      },
      commit: async () => {
        await this.#disk();
        this.#work = undefined;
        this.#turn = [];
        this.#log = [];
        this.#base = snapshot.position;
        this.durableIndex = snapshot.position.index;
        this.#state = { position: snapshot.position, data };
        this.#flushed = { position: snapshot.position, data: new Map(data) };
        this.snapshotCount++;
      },
      abort: async () => {
        await this.#disk();
        this.#work = undefined;
      },
    };
  }

  async digest(): Promise<string> {
    const { position, data } = this.#state;
    return JSON.stringify([position, [...data].sort(([a], [b]) => a - b)]);
  }

  /** Ends the turn: what was appended is in the file, and executed by a follower. */
  endTurn(): void {
    if (this.#turn.length === 0) return;
    this.#settle();
    this.#applyAll();
    for (const listener of [...this.#listeners]) listener();
  }

  sync(): void {
    this.durableIndex = this.last.index;
  }

  /** Writes the state back to the database, as far as followers allow. */
  flush(): void {
    if (this.applied.index > this.progress.acknowledged || this.applied.index > this.durableIndex) return;
    this.#flushed = { position: this.#state.position, data: new Map(this.#state.data) };
  }

  /** Drops entries that the database has. */
  truncate(): void {
    const upTo = this.#flushed.position;
    if (upTo.index <= this.#base.index) return;
    this.#log = this.#log.slice(upTo.index - this.#base.index);
    this.#base = upTo;
  }

  /** The process dies: what was not in the file is gone, with a power loss also what was not synced. */
  crash(isPowerLoss: boolean): void {
    this.#life++;
    this.#turn = [];
    this.#listeners.clear();
    this.#work = undefined;
    this.#ownTerm = 0;
    this.role = "recovering";
    if (isPowerLoss) this.#log = this.#log.slice(0, Math.max(0, this.durableIndex - this.#base.index));
    this.durableIndex = this.last.index;
    this.term = Math.max(this.last.term, this.promised?.term ?? 0);
    this.#state = { position: this.#flushed.position, data: new Map(this.#flushed.data) };
    this.progress = {
      needFrom: Number.POSITIVE_INFINITY,
      copiesNeedFrom: Number.POSITIVE_INFINITY,
      acknowledged: Number.POSITIVE_INFINITY,
    };
  }

  #begin(work: "cut" | "install"): void {
    this.#check(this.#work === undefined, `one at a time works on the log: a ${work} while there is a ${this.#work}`);
    this.#work = work;
  }

  #check(condition: boolean, message: string): void {
    if (!condition) this.violations.push(message);
    assert(condition, message);
  }

  /** Waits for the disk; what a process that has died was waiting for never comes. */
  async #disk(): Promise<void> {
    const life = this.#life;
    await this.#pause();
    if (life !== this.#life) await new Promise(() => {});
  }

  #settle(): void {
    this.#log.push(...this.#turn);
    this.#turn = [];
  }

  #applyAll(): void {
    for (const { position, body } of this.#log.slice(this.#state.position.index - this.#base.index)) {
      assert(position.index === this.#state.position.index + 1, "entries are executed one after the other, none twice");
      const value = body.readUInt32BE(32);
      const before = this.#state.data.get(value % KEY_COUNT) ?? "";
      this.#state.data.set(value % KEY_COUNT, `${before.slice(-30)},${position.term}.${position.index}.${value}`);
      this.#state.position = position;
    }
  }
}

function loggedOf(body: Buffer): Logged {
  const header = new EntryHeader();
  readHeader(viewOf(body), 0, header);
  return { position: { term: header.term, index: header.index, crc: crc32(body, 0, body.length) }, body };
}
