/**
 * Visits a slot's records in the order of (hash, key) by merging three sources: the piece that was read from the
 * database, what is dirty in the cache, and the transaction's overlay; the later ones override the earlier.
 * Invariant: nothing between `fromHash` and the hash that is answered is left out or visited twice.
 */

import { FLAG_PAGE } from "./cache-entry.ts";
import { type DirtyList, orderByKey } from "./dirty-list.ts";
import type { StoredPiece } from "./loaded-range.ts";
import { OVERLAY_DELETED, OVERLAY_WRITTEN, type OverlayEntry } from "./overlay-entry.ts";
import type { RecordCache } from "./record-cache.ts";
import type { RecordPack } from "./record-pack.ts";
import type { Ref } from "./slab.ts";
import type { SlotSpace } from "./slot-space.ts";
import { View } from "./transaction.ts";

/** No hash is as large. */
const END = 2 ** 32;

interface Candidate {
  readonly key: View;
  /** Undefined: there is no such record. */
  readonly value: View | undefined;
}

export interface ScanSources {
  readonly cache: RecordCache;
  readonly space: SlotSpace;
  /** Records of the database from `fromHash` on. */
  readonly stored: StoredPiece;
  /** The overlay's records; others are ignored. */
  readonly overlay: readonly OverlayEntry[];
  /** The overlay begins with an empty slot. */
  readonly isFlushed: boolean;
}

/** Visits until `visit` answers false. Answers the hash to go on from (`endHash` at most), or END. */
export function scanMerged(sources: ScanSources, fromHash: number, visit: (key: View, value: View) => boolean): number {
  const cached = dirtyRecords(sources, fromHash);
  const overlay = sources.overlay.filter((entry) => isRecordChange(entry) && isWithin(entry.hash, fromHash, sources));
  overlay.sort((left, right) => left.hash - right.hash);
  const { pack, endHash } = sources.stored;
  let storedAt = sources.stored.from;
  const key = new View();
  const value = new View();
  let cachedAt = 0;
  let overlayAt = 0;
  for (;;) {
    const storedHash = storedAt < pack.count ? pack.hashAt(storedAt) : END;
    const cachedHash = cached.hashes[cached.order[cachedAt] as number] ?? END;
    const changedHash = Math.min(cachedHash, overlay[overlayAt]?.hash ?? END);
    const hash = Math.min(storedHash, changedHash);
    if (hash >= endHash) return endHash;
    if (hash !== changedHash && (storedAt + 1 === pack.count || pack.hashAt(storedAt + 1) !== hash)) {
      // One record of the database alone, as most are: no garbage, which a scan of a large slot would make much of.
      pack.viewKey(storedAt, key);
      pack.viewValue(storedAt++, value);
      if (!visit(key, value)) return nextHash(hash, endHash);
      continue;
    }
    const group = new Map<string, Candidate>();
    for (; storedAt < pack.count && pack.hashAt(storedAt) === hash; storedAt++) addStored(group, pack, storedAt);
    for (; cached.hashes[cached.order[cachedAt] as number] === hash; cachedAt++) {
      addCached(group, sources, cached.refs[cached.order[cachedAt] as number] as Ref);
    }
    for (let next = overlay[overlayAt]; next && next.hash === hash; next = overlay[++overlayAt])
      addOverlay(group, next);
    if (!visitGroup(group, visit)) return nextHash(hash, endHash);
  }
}

function nextHash(hash: number, endHash: number): number {
  return Math.min(hash + 1, endHash);
}

function visitGroup(group: Map<string, Candidate>, visit: (key: View, value: View) => boolean): boolean {
  let goesOn = true;
  const names = group.size === 1 ? group.keys() : [...group.keys()].sort();
  for (const name of names) {
    const candidate = group.get(name);
    if (candidate?.value !== undefined && !visit(candidate.key, candidate.value)) goesOn = false;
  }
  return goesOn;
}

function addTo(group: Map<string, Candidate>, key: View, value: View | undefined): void {
  group.set(key.buf.toString("latin1", key.start, key.end), { key, value });
}

function addStored(group: Map<string, Candidate>, pack: RecordPack, index: number): void {
  const key = new View();
  pack.viewKey(index, key);
  const value = new View();
  pack.viewValue(index, value);
  addTo(group, key, value);
}

function addCached(group: Map<string, Candidate>, { cache }: ScanSources, ref: Ref): void {
  const key = new View();
  cache.viewKey(ref, key);
  const value = new View();
  addTo(group, key, cache.view(ref, value) ? value : undefined);
}

function addOverlay(group: Map<string, Candidate>, entry: OverlayEntry): void {
  const key = rangeView(entry.keyBuf, entry.keyStart, entry.keyEnd);
  if (entry.state === OVERLAY_DELETED) {
    addTo(group, key, undefined);
    return;
  }
  const value = new View();
  entry.view(value);
  addTo(group, key, value);
}

function isRecordChange(entry: OverlayEntry): boolean {
  return entry.pageFlag === 0 && (entry.state === OVERLAY_WRITTEN || entry.state === OVERLAY_DELETED);
}

function isWithin(hash: number, fromHash: number, { stored }: ScanSources): boolean {
  return hash >= fromHash && hash < stored.endHash;
}

/** The slot's dirty records within the scan: `order` has the numbers of `hashes` and `refs` by hash. */
interface DirtyRecords {
  readonly fromHash: number;
  readonly hashes: number[];
  readonly refs: Ref[];
  order: Uint32Array;
}

function dirtyRecords(sources: ScanSources, fromHash: number): DirtyRecords {
  const { space, isFlushed } = sources;
  const found: DirtyRecords = { fromHash, hashes: [], refs: [], order: new Uint32Array(0) };
  if (isFlushed) return found;
  if (space.frozen !== undefined && !space.frozen.isAbandoned) collect(sources, space.frozen.list, found);
  if (space.dirty !== undefined) collect(sources, space.dirty, found);
  found.order = orderByKey(found.hashes, found.hashes.length);
  return found;
}

function collect({ cache, stored }: ScanSources, list: DirtyList, into: DirtyRecords): void {
  const { endHash } = stored;
  const { fromHash } = into;
  for (let position = 0; position < list.count; position++) {
    const hash = list.sortKeys[position] as number;
    const ref = list.refs[position] as Ref;
    // Pages sort behind all hashes.
    if (hash < fromHash || hash >= endHash || hash >= END || ref === 0) continue;
    if (cache.flagsOf(ref) & FLAG_PAGE) continue;
    into.hashes.push(hash);
    into.refs.push(ref);
  }
}

function rangeView(buf: Buffer, start: number, end: number): View {
  const view = new View();
  view.buf = buf;
  view.start = start;
  view.end = end;
  return view;
}
