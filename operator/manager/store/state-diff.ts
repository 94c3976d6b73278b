/**
 * From one state to the next in transactions of bounded size. Pure.
 * Invariants: the state after each transaction is exactly what the store then holds, and a valid one (assignments come
 * last, so what they refer to is there); a transaction that changes what nodes see has an epoch of its own.
 */

import { encodeAssignment } from "../../../node/meta/assignment-codec.ts";
import type { ClusterState } from "../core/cluster-state.ts";
import type { MetadataKeys } from "./keys.ts";
import type { MetadataWrite } from "./metadata-store.ts";
import { encodeCounters, encodeEpoch, encodeNode, encodeSettings, encodeTable } from "./records.ts";

/** Writes of one transaction, with room to the 128 of etcd for the epoch and what callers add. */
const MAX_WRITES = 120;
/** Bytes of one transaction, below the store's limit of 1 MiB. */
const MAX_BYTES = 900 * 1024;

export interface Draft {
  /** What the store holds after it. */
  readonly state: ClusterState;
  readonly writes: readonly MetadataWrite[];
}

/** The smallest change that leaves a valid state. */
interface Change {
  readonly writes: readonly MetadataWrite[];
  readonly isVisible: boolean;
  readonly apply: (state: ClusterState) => ClusterState;
}

/** The transactions that lead from `current` to `next`, in order; none where nothing changed. */
export function diffStates(current: ClusterState, next: ClusterState, keys: MetadataKeys): Draft[] {
  const drafts: Draft[] = [];
  let state = current;
  let writes: MetadataWrite[] = [];
  let sizeBytes = 0;
  let isVisible = false;
  const flush = (): void => {
    if (writes.length === 0) return;
    if (isVisible) {
      state = { ...state, epoch: state.epoch + 1 };
      writes.push({ kind: "put", key: keys.epoch, value: encodeEpoch(state.epoch) });
    }
    drafts.push({ state, writes });
    writes = [];
    sizeBytes = 0;
    isVisible = false;
  };
  for (const change of changesOf(current, next, keys)) {
    const changeBytes = sizeOf(change.writes);
    if (writes.length + change.writes.length > MAX_WRITES || sizeBytes + changeBytes > MAX_BYTES) flush();
    writes.push(...change.writes);
    sizeBytes += changeBytes;
    isVisible ||= change.isVisible;
    state = change.apply(state);
  }
  flush();
  return drafts;
}

function* changesOf(current: ClusterState, next: ClusterState, keys: MetadataKeys): Generator<Change> {
  if (next.counters !== current.counters) {
    yield {
      writes: [put(keys.counters, encodeCounters(next.counters))],
      isVisible: false,
      apply: (state) => ({ ...state, counters: next.counters }),
    };
  }
  if (next.settings !== current.settings) {
    yield {
      writes: [put(keys.settings, encodeSettings(next.settings))],
      isVisible: visibleSettings(next) !== visibleSettings(current),
      apply: (state) => ({ ...state, settings: next.settings }),
    };
  }
  yield* nodeChanges(current, next, keys);
  yield* tableChanges(current, next, keys);
  for (const [id, slots] of next.assignments) {
    if (current.assignments.get(id) === slots) continue;
    yield {
      writes: [put(keys.assignment(id), encodeAssignment(slots))],
      isVisible: true,
      apply: (state) => ({ ...state, assignments: new Map(state.assignments).set(id, slots) }),
    };
  }
}

function* nodeChanges(current: ClusterState, next: ClusterState, keys: MetadataKeys): Generator<Change> {
  for (const [id, record] of next.nodes) {
    const before = current.nodes.get(id);
    if (before === record) continue;
    yield {
      writes: [put(keys.node(id), encodeNode(record))],
      isVisible: before?.node !== record.node,
      apply: (state) => ({ ...state, nodes: new Map(state.nodes).set(id, record) }),
    };
  }
}

function* tableChanges(current: ClusterState, next: ClusterState, keys: MetadataKeys): Generator<Change> {
  for (const [id, record] of next.tables) {
    const before = current.tables.get(id);
    if (before === record) continue;
    yield {
      writes: [put(keys.table(id), encodeTable(record))],
      isVisible: before?.table !== record.table,
      apply: (state) => ({ ...state, tables: new Map(state.tables).set(id, record) }),
    };
  }
  for (const id of current.tables.keys()) {
    if (next.tables.has(id)) continue;
    yield {
      writes: [
        { kind: "delete", key: keys.table(id) },
        { kind: "delete", key: keys.assignment(id) },
      ],
      isVisible: true,
      apply: (state) => ({ ...state, tables: without(state.tables, id), assignments: without(state.assignments, id) }),
    };
  }
}

function visibleSettings({ settings }: ClusterState): string {
  return `${settings.featureLevel} ${settings.desired?.spec.adminPasswordHashes.join() ?? ""}`;
}

function put(key: string, value: Buffer): MetadataWrite {
  return { kind: "put", key, value };
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

function sizeOf(writes: readonly MetadataWrite[]): number {
  return writes.reduce(
    (sum, { key, ...write }) => sum + key.length + (write.kind === "put" ? write.value.length : 0),
    0,
  );
}
