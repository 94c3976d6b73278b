/**
 * What a command may touch: the records and pages of one slot, read through the cache and written to an
 * overlay that is committed as one or dropped without a trace (DESIGN §4.7). Commands and datatypes see only this port.
 * Implementations: OverlayTransaction (over the record cache) and the tests' MapTransaction; one contract suite.
 *
 * Invariants
 * 1. Nothing outside the overlay changes before `commit`; `rollback` leaves no trace (tree ids excepted).
 * 2. A View that a read gave stays valid and unchanged until the transaction ends, or until this
 *    transaction writes the same record or page.
 * 3. What a command reads and writes depends on the slot's state, `nowMs` and `seed` alone.
 * 4. A read of what is not cached either reads synchronously or throws MISS; a command that lets MISS
 *    through is run again from the start, so it must have no effect outside the overlay and the reply.
 */

import type { HashKey } from "../base/hash.ts";
import type { Prng } from "../base/prng.ts";

/** A window onto bytes that belong to the cache, the overlay or a read buffer. */
export class View {
  buf: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** For the next `readPage`, a hint: so many bytes before the page's end the reader will look first; 0: nothing known. */
  lookBeforeEnd = 0;
}

const EMPTY = Buffer.alloc(0);

/** Thrown through a command when it needs what is not cached. It carries no stack and is never an error. */
export const MISS: unique symbol = Symbol("miss");

/** A tree's id: unique within a generation on this node, never reused; not the same on other replicas. */
export type TreeId = number;
/** A page's number within its tree, from 1; 0 is no page. */
export type PageNumber = number;

/** What an edit of a page does to it: beside its header (HEADER_BYTES of page.ts), the bytes [from, to). */
export class PageChange {
  /** The least length that the page must have, in bytes. */
  capacity = 0;
  from = 0;
  to: number = Number.MAX_SAFE_INTEGER;
}

export interface Transaction {
  /** max(wall clock, the slot's nowMs) for reads; the entry's nowMs for writes. Milliseconds since 1970. */
  readonly nowMs: number;
  /** Seeded from the log entry. Drawing from it is allowed to commands with the flag `random` only. */
  readonly random: Prng;
  /** The table's hash key: order of hashed trees, SCAN cursors. */
  readonly hashKey: HashKey;

  /**
   * Finds the record of the user key `buf[start, end)`, whatever its expiry, and points `out` at its value
   * (docs/formats/keys.md: header, then payload). False, with `out` untouched, where there is none.
   */
  readRecord(buf: Buffer, start: number, end: number, out: View): boolean;
  /**
   * Makes the record's value the bytes of `head` followed by `body[bodyStart, bodyEnd)`.
   * Key and body ranges may lie in the command's input: they are copied at commit; `head` must not change until then.
   * The first byte of the value tells whether the record has an expiry; the engine keeps the expiry index.
   */
  writeRecord(
    key: { readonly buf: Buffer; readonly start: number; readonly end: number },
    head: Buffer,
    body: Buffer,
    bodyStart: number,
    bodyEnd: number,
  ): void;
  /** Removes the record if there is one. Its trees must be discarded by the caller (`discardTree`). */
  deleteRecord(buf: Buffer, start: number, end: number): void;

  /** A new tree's id. */
  newTreeId(): TreeId;
  /** Points `out` at a page. The page must exist: a missing one is corruption (OperatingError StoreCorrupt). */
  readPage(tree: TreeId, page: PageNumber, out: View): void;
  /** Writes a whole page. `bytes` belongs to the transaction from then on: it may be handed out by readPage and must not be changed except through `editPage`. */
  writePage(tree: TreeId, page: PageNumber, bytes: Buffer): void;
  /**
   * A page for changing in place, `change.capacity` bytes long or as long as it was, whichever is more; what is added is
   * zeros. Of the bytes that have a meaning to their reader only those that `change` names may be changed: a rollback
   * brings back no others. The same bytes for each call within the transaction unless more room is asked for. The View is
   * the transaction's and holds until the next call.
   */
  editPage(tree: TreeId, page: PageNumber, change: PageChange): View;
  deletePage(tree: TreeId, page: PageNumber): void;
  /** Gives all pages of a tree to the garbage collector, at commit. */
  discardTree(tree: TreeId): void;

  /**
   * Visits records of the slot in the order of (hash, key), from hash `fromHash` on, the overlay included,
   * until `visit` returns false. All records of one hash are visited before it may stop. Returns the hash
   * to go on from, or -1 at the end. Of a value only the first SCANNED_VALUE_BYTES, its header, are sure to be there.
   */
  scanRecords(fromHash: number, visit: (key: View, value: View) => boolean): number;
  /** Records of the slot, expired ones that are not collected yet included. */
  recordCount(): number;
  /** Those of them that have an expiry. */
  expiringCount(): number;
  /** FLUSHDB: the slot continues under a new, empty generation at commit. */
  flushAll(): void;
}
