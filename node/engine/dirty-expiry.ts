/**
 * Finds what has expired among the records of a slot that the database does not have yet: the expiry index there does
 * not know of them. Walks the dirty entries, which a flush keeps to a few MiB a slot.
 */

import { ENTRY_HEADER_BYTES, FLAG_ABSENT, FLAG_PAGE, KEY_LENGTH_MASK, WORD_FLAGS, WORD_HASH } from "./cache-entry.ts";
import type { DirtyList } from "./dirty-list.ts";
import { expiryKey } from "./key-codec.ts";
import { recordExpireAtMs } from "./record-format.ts";
import type { Slab } from "./slab.ts";
import type { SlotSpace } from "./slot-space.ts";

export interface DueDirty {
  /** Keys of the expiry index that the due records have, or would have. */
  readonly keys: readonly Buffer[];
  /** The earliest expiry among the others; 0 where more than `limit` are due. */
  readonly nextMs: number;
}

/** At most `limit` of the slot's dirty records that expire at or before its own time. */
export function findDueDirty(slab: Slab, space: SlotSpace, limit: number): DueDirty {
  const keys: Buffer[] = [];
  let nextMs = Number.POSITIVE_INFINITY;
  for (const list of [space.dirty, space.frozen?.isAbandoned ? undefined : space.frozen?.list]) {
    if (list !== undefined) nextMs = Math.min(nextMs, collectDue(slab, space, { list, keys, limit }));
  }
  return { keys, nextMs };
}

function collectDue(
  slab: Slab,
  space: SlotSpace,
  into: { readonly list: DirtyList; readonly keys: Buffer[]; readonly limit: number },
): number {
  const { list, keys, limit } = into;
  const { generation, nowMs } = space;
  let nextMs = Number.POSITIVE_INFINITY;
  for (let position = 0; position < list.count; position++) {
    const ref = list.refs[position] as number;
    if (ref === 0) continue;
    const { buf, words } = slab.chunkOf(ref);
    const at = slab.wordOf(ref);
    const flags = words[at + WORD_FLAGS] as number;
    if ((flags & (FLAG_PAGE | FLAG_ABSENT)) !== 0) continue;
    const start = (at << 2) + ENTRY_HEADER_BYTES;
    const end = start + (flags & KEY_LENGTH_MASK);
    const expireAtMs = recordExpireAtMs(buf, end);
    if (expireAtMs === 0) continue;
    if (expireAtMs > nowMs) {
      if (expireAtMs < nextMs) nextMs = expireAtMs;
      continue;
    }
    if (keys.length >= limit) return 0;
    const hash = (words[at + WORD_HASH] as number) >>> 0;
    keys.push(expiryKey(generation, { expireAtMs, hash }, { buf, start, end }));
  }
  return nextMs;
}
