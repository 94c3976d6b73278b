/**
 * Makes one batch of the frozen sets of some slots: entries by key, what changed since as it was, markers of dropped
 * trees and generations, the slot record, and the node's counters.
 * Invariant: a batch holds a slot's frozen set whole or not at all. Where a slot's data is dropped while it is being
 * encoded, the batch is thrown away and made again without that slot.
 */

import type { Clock } from "../base/clock.ts";
import { encodeEntry } from "./entry-encoder.ts";
import { countersKey, droppedGenerationKey, droppedTreeKey, slotKey } from "./key-codec.ts";
import { Pace } from "./pace.ts";
import type { RecordCache } from "./record-cache.ts";
import { encodeSlotRecord } from "./slot-record.ts";
import type { FrozenSet, SlotSpace } from "./slot-space.ts";
import type { Store, StoreBatch } from "./store.ts";

const NOTHING = Buffer.alloc(0);

export interface FlushPart {
  readonly space: SlotSpace;
  readonly frozen: FrozenSet;
}

export interface FlushJobDeps {
  readonly store: Store;
  readonly cache: RecordCache;
  readonly clock: Clock;
  /** Encodes the node's counters. */
  readonly counters: () => Buffer;
}

/** The batch, and the parts that it holds: those not abandoned meanwhile, now in the phase `writing`. */
export async function assembleBatch(
  job: readonly FlushPart[],
  deps: FlushJobDeps,
): Promise<{ readonly batch: StoreBatch; readonly parts: readonly FlushPart[] }> {
  for (;;) {
    const parts = job.filter(({ frozen }) => !frozen.isAbandoned);
    const batch = deps.store.newBatch();
    for (const part of parts) await encodeEntries(part, batch, deps);
    if (parts.some(({ frozen }) => frozen.isAbandoned)) {
      batch.discard();
      continue;
    }
    for (const part of parts) finishPart(part, batch);
    batch.put(countersKey(), deps.counters());
    return { batch, parts };
  }
}

async function encodeEntries({ frozen }: FlushPart, batch: StoreBatch, deps: FlushJobDeps): Promise<void> {
  const { slab } = deps.cache;
  const { list } = frozen;
  const target = { frozen, out: batch };
  const pace = new Pace(deps.clock);
  frozen.phase = "encoding";
  for (const key of frozen.staleExpiryKeys) batch.delete(key);
  const order = list.order();
  for (let step = 0; step < order.length && !frozen.isAbandoned; step++) {
    const ref = list.refs[order[step] as number] as number;
    if (ref !== 0 && !deps.cache.isOfTrees(ref, frozen.droppedTrees)) encodeEntry(slab, ref, target);
    if (pace.isDue(step)) await pace.nextTurn();
  }
}

function finishPart({ space, frozen }: FlushPart, batch: StoreBatch): void {
  const { generation } = frozen.record;
  frozen.early.addTo(batch);
  for (const tree of frozen.droppedTrees) batch.put(droppedTreeKey(generation, tree), NOTHING);
  for (const dropped of frozen.droppedGenerations) batch.put(droppedGenerationKey(dropped), NOTHING);
  batch.put(slotKey(space.table, space.slot), encodeSlotRecord(frozen.record));
  frozen.phase = "writing";
}
