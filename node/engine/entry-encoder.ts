/**
 * Turns a cache entry into the database writes that stand for it (docs/formats/keys.md).
 * A record with an expiry also gets its entry in the expiry index; entries of earlier expiries stay behind as stale
 * ones until they are due.
 */

import {
  ENTRY_HEADER_BYTES,
  FLAG_ABSENT,
  FLAG_PAGE,
  KEY_LENGTH_MASK,
  WORD_FLAGS,
  WORD_HASH,
  WORD_LENGTH,
} from "./cache-entry.ts";
import { expiryKey, rawPageKey, recordKey } from "./key-codec.ts";
import { hasRecordExpiry, recordExpireAtMs } from "./record-format.ts";
import type { Ref, Slab } from "./slab.ts";
import type { FrozenSet } from "./slot-space.ts";
import type { StoreBatch } from "./store.ts";

const NOTHING = Buffer.alloc(0);

/** Adds what the entry at `ref` is to `out`, which copies it. */
export function encodeEntry(
  slab: Slab,
  ref: Ref,
  target: {
    readonly frozen: FrozenSet;
    readonly out: Pick<StoreBatch, "put" | "delete">;
  },
): void {
  const { buf, words } = slab.chunkOf(ref);
  const at = slab.wordOf(ref);
  const flags = words[at + WORD_FLAGS] as number;
  const start = (at << 2) + ENTRY_HEADER_BYTES;
  const end = start + (flags & KEY_LENGTH_MASK);
  const hash = (words[at + WORD_HASH] as number) >>> 0;
  const { frozen, out } = target;
  const { generation } = frozen.record;
  const range = { buf, start, end };
  const key = flags & FLAG_PAGE ? rawPageKey(generation, range) : recordKey(generation, hash, range);
  if (flags & FLAG_ABSENT) {
    out.delete(key);
    return;
  }
  out.put(key, buf.subarray(end, end + (words[at + WORD_LENGTH] as number)));
  if ((flags & FLAG_PAGE) === 0 && hasRecordExpiry(buf, end)) {
    const expireAtMs = recordExpireAtMs(buf, end);
    out.put(expiryKey(generation, { expireAtMs, hash }, range), NOTHING);
    if (expireAtMs < frozen.nextExpiryMs) frozen.nextExpiryMs = expireAtMs;
  }
}
