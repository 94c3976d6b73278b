/**
 * Makes, opens, finds and drops the replicas of this node (the port ReplicaHost).
 * Invariants: the log names a replica, durably, before the database knows it, and says that it is gone before its
 * data are dropped; so after a crash the log decides which replicas there are.
 */

import { assert } from "../base/assert.ts";
import { OperatingError } from "../base/errors.ts";
import type { HashKey } from "../base/hash.ts";
import type { SlotPositionRecord } from "../binlog/local-record.ts";
import type { SlotLog } from "../binlog/log-index.ts";
import type { RetentionSlot } from "../binlog/retention.ts";
import type { Engine } from "../engine/engine.ts";
import type { ReplicaId, TableId } from "../meta/ids.ts";
import { EngineSlotData } from "./engine-slot-data.ts";
import type { ReplicaHost, ReplicaPlacement } from "./replica-host.ts";
import type { ShardNode } from "./shard-node.ts";
import type { Shards } from "./shards.ts";
import { SlotReplica, type SlotReplicaDeps } from "./slot-replica.ts";
import { SlotShard } from "./slot-shard.ts";

const START = { term: 0, index: 0, crc: 0 };
const NO_REPLICA = 0 as ReplicaId;

export interface SlotHostDeps extends SlotReplicaDeps {
  readonly engine: Engine;
  readonly node: ShardNode;
  readonly shards: Shards;
  /** The hash key of a table; undefined where the node does not know the table. */
  readonly hashKeyOf: (table: TableId) => HashKey | undefined;
}

export class SlotHost implements ReplicaHost {
  readonly #deps: SlotHostDeps;
  readonly #replicas = new Map<SlotShard, SlotReplica>();
  /** Recovered logs of slots whose table is not known: kept as they are. */
  readonly #closed: SlotLog[] = [];

  constructor(deps: SlotHostDeps) {
    this.#deps = deps;
  }

  find(table: TableId, slot: number): SlotReplica | undefined {
    const shard = this.#deps.shards.find(table, slot);
    return shard && this.#replicas.get(shard);
  }

  all(): Iterable<SlotReplica> {
    return this.#replicas.values();
  }

  /** Slots that wait for their table to be known: they are opened at a later start. */
  get closedCount(): number {
    return this.#closed.length;
  }

  /** Opens what recovery found. Their roles are not known yet. */
  openRecovered(): void {
    const { log } = this.#deps.node;
    for (const slotLog of [...log.index.slots()]) {
      const hashKey = this.#deps.hashKeyOf(slotLog.table);
      if (hashKey === undefined) this.#closed.push(slotLog);
      else this.#open(slotLog, hashKey);
    }
  }

  /** Drops data that the log says have no replica any more: a drop that a crash interrupted. */
  async dropLeftovers(): Promise<void> {
    const { engine, node } = this.#deps;
    for (const { table, slot } of engine.storedSlots()) {
      if (node.log.index.find(table, slot) === undefined) await engine.dropSlot(table, slot);
    }
  }

  async create(placements: readonly ReplicaPlacement[]): Promise<void> {
    const { node, shards } = this.#deps;
    const { failedTurnCount } = shards;
    const created: SlotReplica[] = [];
    for (const { table, slot, replica } of placements) {
      assert(shards.find(table, slot) === undefined, "a slot has at most one replica on a node");
      const hashKey = this.#deps.hashKeyOf(table);
      assert(hashKey !== undefined, "a replica is made of a table that the node knows");
      const log = node.log.slot(table, slot, replica);
      node.log.writer.appendPosition(log, replica, START);
      const made = this.#open(log, hashKey);
      made.becomeFollower(0);
      created.push(made);
    }
    shards.requestEnd();
    await this.#written();
    if (shards.failedTurnCount !== failedTurnCount) {
      for (const { shard } of created) await this.#forget(shard);
      throw new OperatingError("ReplicaNotMade", "the log could not take the new replicas; they are tried again");
    }
    await node.log.syncer.sync();
  }

  async drop(placements: readonly ReplicaPlacement[]): Promise<void> {
    const { node, shards } = this.#deps;
    const { failedTurnCount } = shards;
    const dropped = placements.filter(({ table, slot, replica }) => this.find(table, slot)?.replica === replica);
    for (const { table, slot } of dropped) {
      const shard = shards.find(table, slot) as SlotShard;
      shard.close();
      node.log.writer.appendPosition(shard.log, NO_REPLICA, START);
      node.log.raftStates.remove(table, slot);
    }
    shards.requestEnd();
    await this.#written();
    if (shards.failedTurnCount !== failedTurnCount) {
      throw new OperatingError(
        "ReplicaNotDropped",
        "the log could not take that replicas were dropped; it is tried again",
      );
    }
    await node.log.syncer.sync();
    for (const { table, slot } of dropped) {
      const shard = shards.find(table, slot);
      if (shard) await this.#forget(shard);
    }
  }

  /** See WriterDeps.unstoredPositions. */
  *unstoredPositions(): Iterable<SlotPositionRecord> {
    const { engine, shards } = this.#deps;
    for (const { log } of shards.all()) {
      const space = engine.slot(log.table, log.slot);
      if (space === undefined || log.replica === NO_REPLICA || engine.durableIndex(space) > 0) continue;
      const { table, slot, replica, term, index, crc } = log;
      yield { table, slot, replica, term, index, crc };
    }
    for (const { table, slot, replica, term, index, crc } of this.#closed) {
      yield { table, slot, replica, term, index, crc };
    }
  }

  /** What each slot needs of the log. */
  *retention(): Iterable<RetentionSlot> {
    const { engine, shards } = this.#deps;
    for (const shard of shards.all()) {
      const space = engine.slot(shard.table, shard.slot);
      const durableIndex = space ? engine.durableIndex(space) : 0;
      const { log, followersNeedFrom, copiesNeedFrom } = shard;
      yield { log, durableIndex, followersNeedFrom, copiesNeedFrom };
    }
    const none = { followersNeedFrom: Number.POSITIVE_INFINITY, copiesNeedFrom: Number.POSITIVE_INFINITY };
    for (const log of this.#closed) yield { log, durableIndex: 0, ...none };
  }

  #open(log: SlotLog, hashKey: HashKey): SlotReplica {
    const { engine, node, shards } = this.#deps;
    const space = engine.openSlot({ table: log.table, slot: log.slot, hashKey }, log.replica);
    const data = new EngineSlotData(engine, space);
    const shard = new SlotShard(node, log, { data, state: data.state });
    const replica = new SlotReplica(shard, this.#deps);
    this.#replicas.set(shard, replica);
    shards.add(shard);
    return replica;
  }

  async #forget(shard: SlotShard): Promise<void> {
    const { shards, node, engine } = this.#deps;
    shard.close();
    shards.remove(shard);
    this.#replicas.delete(shard);
    node.log.index.remove(shard.log);
    await engine.dropSlot(shard.table, shard.slot);
  }

  /** Resolves when the current turn has ended. */
  async #written(): Promise<void> {
    const { log } = this.#deps.node;
    while (log.writer.hasUnwritten) await new Promise((resolve) => setImmediate(resolve));
  }
}
