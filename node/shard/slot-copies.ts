/**
 * Copies of a slot as a whole, over the engine: snapshots to send and to take in, and the digest by which replicas
 * are compared.
 *
 * Invariants
 * 1. A snapshot is the state at the applied index that the slot record read in it says; writes go on meanwhile.
 * 2. What is taken in lies under a generation of its own until `commit`, which the log knows of before the database.
 *    A commit that the log refuses has not happened; one that the database refuses behind the log ends the node.
 */

import { createHash } from "node:crypto";
import { Argv } from "../base/argv.ts";
import { assert } from "../base/assert.ts";
import { OperatingError } from "../base/errors.ts";
import { writeU64 } from "../base/u64.ts";
import type { Command, DataCommand } from "../commands/command.ts";
import type { Engine } from "../engine/engine.ts";
import {
  type Generation,
  generationRange,
  KIND_DROPPED_TREE,
  KIND_PAGE,
  RECORD_KEY_OFFSET,
  recordRange,
  slotKey,
} from "../engine/key-codec.ts";
import { isRecordExpired, recordExpireAtMs } from "../engine/record-format.ts";
import { decodeSlotRecord, type SlotRecord } from "../engine/slot-record.ts";
import type { SlotSpace } from "../engine/slot-space.ts";
import type { Store, StoreIterator, StoreSnapshot } from "../engine/store.ts";
import { ReplyWriter } from "../resp/reply.ts";
import type { SnapshotEntry, SnapshotSink, SnapshotSource, SnapshotState } from "./replica-log.ts";
import type { ShardNode } from "./shard-node.ts";
import type { Shards } from "./shards.ts";
import type { SlotCopies } from "./slot-replica.ts";
import type { SlotShard } from "./slot-shard.ts";
import { SnapshotTransaction } from "./snapshot-transaction.ts";

const GENERATION_BYTES = 8;
/** Entries read from the database at a time: a page has about 4 KiB. */
const READ_ENTRIES = 64;
const DIGEST_BYTES = 32;
/** Records digested between two turns of the event loop. */
const DIGEST_SLICE = 256;

export interface SlotCopiesDeps {
  readonly engine: Engine;
  readonly store: Store;
  readonly node: ShardNode;
  readonly shards: Shards;
}

export class EngineSlotCopies implements SlotCopies {
  readonly #deps: SlotCopiesDeps;

  constructor(deps: SlotCopiesDeps) {
    this.#deps = deps;
  }

  /** @throws OperatingError StoreFull, when what is dirty cannot be flushed. */
  async open(shard: SlotShard): Promise<SnapshotSource> {
    const { snapshot, record } = await this.#freeze(shard);
    return new EngineSnapshotSource(this.#deps.store, snapshot, record);
  }

  async install(shard: SlotShard, state: SnapshotState): Promise<SnapshotSink> {
    const generation = await this.#deps.engine.newIncoming();
    return new EngineSnapshotSink(this.#deps, { shard, state, generation });
  }

  /**
   * The exclusive or of a SHA-256 of each record: key, expiry, and what DUMP says of it, which does not depend on the
   * layout. Of records that have not expired by the slot's own time.
   */
  async digest(shard: SlotShard): Promise<string> {
    const { store, engine } = this.#deps;
    const { snapshot, record } = await this.#freeze(shard);
    const sum = Buffer.alloc(DIGEST_BYTES);
    const space = spaceOf(engine, shard);
    if (record !== undefined) {
      const { generation, nowMs } = record;
      const tx = new SnapshotTransaction({ snapshot, generation, nowMs, counts: record, hashKey: space.hashKey });
      const dump = this.#dumpCommand();
      const iterator = store.iterate(recordRange(generation, 0), snapshot);
      for (;;) {
        const entries = await iterator.next(DIGEST_SLICE);
        if (entries.length === 0) break;
        for (const { key, value } of entries) {
          if (!isRecordExpired(value, 0, nowMs)) addToDigest(sum, { key, value, dump, tx });
        }
      }
      await iterator.close();
    }
    await snapshot.close();
    return sum.toString("hex");
  }

  /** Flushes the slot and takes a snapshot; the record is undefined where the slot has never had data. */
  async #freeze(shard: SlotShard): Promise<{ snapshot: StoreSnapshot; record: SlotRecord | undefined }> {
    const { engine, store } = this.#deps;
    await engine.flusher.flush(spaceOf(engine, shard));
    const snapshot = store.snapshot();
    const value = snapshot.getSync(slotKey(shard.table, shard.slot));
    return { snapshot, record: value && decodeSlotRecord(value) };
  }

  #dumpCommand(): DataCommand {
    const command: Command<never> | string = this.#deps.node.deps.resolve(Argv.of("DUMP", "key"));
    assert(typeof command !== "string" && command.scope === "data", "DUMP is a command over data");
    return command;
  }
}

class EngineSnapshotSource implements SnapshotSource {
  readonly position;
  readonly nowMs: number;
  readonly keyCount: number;
  readonly expiringCount: number;
  readonly sizeBytes: number;
  readonly #snapshot: StoreSnapshot;
  readonly #iterator: StoreIterator | undefined;

  constructor(store: Store, snapshot: StoreSnapshot, record: SlotRecord | undefined) {
    this.position = record?.applied ?? { term: 0, index: 0, crc: 0 };
    this.nowMs = record?.nowMs ?? 0;
    this.keyCount = record?.keyCount ?? 0;
    this.expiringCount = record?.expiringCount ?? 0;
    this.sizeBytes = record?.sizeBytes ?? 0;
    this.#snapshot = snapshot;
    this.#iterator = record && store.iterate(generationRange(record.generation), snapshot);
  }

  async next(maxBytes: number): Promise<readonly SnapshotEntry[]> {
    const found: SnapshotEntry[] = [];
    for (let sizeBytes = 0; sizeBytes < maxBytes; ) {
      const entries = (await this.#iterator?.next(READ_ENTRIES)) ?? [];
      if (entries.length === 0) break;
      for (const { key, value } of entries) {
        // Trees that wait for the collector: their pages may be half gone.
        if (key[GENERATION_BYTES] === KIND_DROPPED_TREE) continue;
        found.push({ key: key.subarray(GENERATION_BYTES), value });
        sizeBytes += key.length + value.length;
      }
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#iterator?.close();
    await this.#snapshot.close();
  }
}

class EngineSnapshotSink implements SnapshotSink {
  readonly #deps: SlotCopiesDeps;
  readonly #shard: SlotShard;
  readonly #state: SnapshotState;
  readonly #generation: Generation;
  #nextTreeId = 1;
  #isEnded = false;

  constructor(
    deps: SlotCopiesDeps,
    target: { readonly shard: SlotShard; readonly state: SnapshotState; readonly generation: Generation },
  ) {
    this.#deps = deps;
    this.#shard = target.shard;
    this.#state = target.state;
    this.#generation = target.generation;
  }

  async write(entries: readonly SnapshotEntry[]): Promise<void> {
    assert(!this.#isEnded, "a snapshot that has ended takes no more");
    const { store } = this.#deps;
    const batch = store.newBatch();
    for (const { key, value } of entries) {
      const whole = Buffer.allocUnsafe(GENERATION_BYTES + key.length);
      writeU64(whole, 0, this.#generation);
      key.copy(whole, GENERATION_BYTES);
      if (key[0] === KIND_PAGE) this.#nextTreeId = Math.max(this.#nextTreeId, key.readUIntBE(1, 6) + 1);
      batch.put(whole, value);
    }
    // LevelDB's later synced batches do not cover it (docs/decisions/0010): it must be durable before the switch.
    await store.write(batch, { sync: true });
  }

  async commit(): Promise<void> {
    assert(!this.#isEnded, "a snapshot is committed once");
    this.#isEnded = true;
    const shard = this.#shard;
    const { position, nowMs, keyCount, expiringCount, sizeBytes } = this.#state;
    const { engine, node } = this.#deps;
    await shard.whileIdle(async () => {
      try {
        await this.#recordPosition();
      } catch (error) {
        // The log stands where it stood: nothing has happened but for the generation.
        await engine.discard(this.#generation);
        throw error;
      }
      try {
        await engine.adopt(spaceOf(engine, shard), {
          replica: shard.log.replica,
          generation: this.#generation,
          applied: position,
          nowMs,
          keyCount,
          expiringCount,
          nextTreeId: this.#nextTreeId,
          sizeBytes,
        });
      } catch (error) {
        // The log is at the snapshot's position, the data are not: a recovery knows what to do with that, nothing else.
        node.deps.fatal(error);
        throw error;
      }
      shard.resetState({ ...position, nowMs });
    });
  }

  async abort(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#deps.engine.discard(this.#generation);
  }

  /** The log knows of the switch, durably, before the database. */
  async #recordPosition(): Promise<void> {
    const { node, shards } = this.#deps;
    const { log } = this.#shard;
    const { writer, syncer } = node.log;
    const { failedTurnCount } = shards;
    while (writer.hasUnwritten) await nextTurn(shards);
    writer.appendPosition(log, log.replica, this.#state.position);
    while (writer.hasUnwritten) await nextTurn(shards);
    if (shards.failedTurnCount !== failedTurnCount) {
      throw new OperatingError("SnapshotRefused", "the log could not take the snapshot's position; it is tried again");
    }
    await syncer.sync();
  }
}

function nextTurn(shards: Shards): Promise<void> {
  shards.requestEnd();
  return new Promise((resolve) => setImmediate(resolve));
}

function spaceOf(engine: Engine, shard: SlotShard): SlotSpace {
  const space = engine.slot(shard.table, shard.slot);
  assert(space !== undefined, "a replica's slot is open");
  return space;
}

const reply = new ReplyWriter();

function addToDigest(
  sum: Buffer,
  record: {
    readonly key: Buffer;
    readonly value: Buffer;
    readonly dump: DataCommand;
    readonly tx: SnapshotTransaction;
  },
): void {
  const { key, value, dump, tx } = record;
  const userKey = key.subarray(RECORD_KEY_OFFSET);
  reply.rewind(0);
  dump.execute({ argv: Argv.of("DUMP", userKey), reply, tx });
  const head = Buffer.alloc(16);
  writeU64(head, 0, userKey.length);
  writeU64(head, 8, recordExpireAtMs(value, 0));
  const hash = createHash("sha256").update(head).update(userKey).update(reply.buf.subarray(0, reply.length)).digest();
  for (let at = 0; at < DIGEST_BYTES; at++) sum[at] = (sum[at] as number) ^ (hash[at] as number);
}
