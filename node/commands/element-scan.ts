/**
 * HSCAN, SSCAN and ZSCAN: one walk for all. The cursor is the hash of the next element, a plain number below 2^32,
 * and no state is kept: what is there from the first call to the last is seen, whatever changes in between. All
 * elements of one hash are answered together. Small collections are answered whole, with cursor 0, as Redis does.
 */

import type { Argv } from "../base/argv.ts";
import type { ByteRange } from "../datatypes/collection.ts";
import { matchesGlob } from "../datatypes/glob.ts";
import type { Transaction } from "../engine/transaction.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type { DataContext } from "./command.ts";
import { readCursor, readScanOptions, type ScanOptions } from "./scan-options.ts";

/** What a scan wants of a collection. */
export interface ScannedCollection {
  readonly isTree: boolean;
  readonly element: ByteRange;
  open(tx: Transaction, argv: Argv, index: number): boolean;
  exists(): boolean;
  seekHash(hash: number): void;
  nextByHash(): boolean;
  hash(): number;
}

/** Runs a scan of argument 1; `replyValue` writes what follows the name of the element stood on, if anything does. */
export function executeElementScan(
  context: DataContext,
  collection: ScannedCollection,
  replyValue?: (reply: ReplyWriter) => void,
): void {
  const { argv, reply, tx } = context;
  const cursor = readCursor(argv, 2);
  if (cursor === undefined) {
    reply.error(ERRORS.invalidCursor);
    return;
  }
  if (!collection.open(tx, argv, 1)) {
    reply.error(ERRORS.wrongType);
    return;
  }
  if (!collection.exists()) {
    reply.array(2);
    reply.bulkText("0");
    reply.array(0);
    return;
  }
  const options = readScanOptions(argv, { from: 3, allowsType: false });
  if (typeof options === "string") reply.error(options);
  else scan(context, collection, { cursor, options, replyValue });
}

interface Scan {
  readonly cursor: number;
  readonly options: ScanOptions;
  readonly replyValue: ((reply: ReplyWriter) => void) | undefined;
}

function scan({ reply }: DataContext, collection: ScannedCollection, { cursor, options, replyValue }: Scan): void {
  const mark = reply.mark();
  let visited = 0;
  let replied = 0;
  let lastHash = -1;
  let next = 0;
  collection.seekHash(cursor);
  while (collection.nextByHash()) {
    if (collection.isTree) {
      const hash = collection.hash();
      if (visited >= options.count && hash !== lastHash) {
        next = hash;
        break;
      }
      lastHash = hash;
    }
    visited++;
    const { element } = collection;
    if (options.pattern !== undefined && !matchesGlob(options.pattern, element)) continue;
    reply.bulk(element.buf, element.start, element.end);
    replyValue?.(reply);
    replied++;
  }
  const from = reply.mark();
  reply.array(2);
  reply.bulkText(String(next));
  reply.array(replyValue === undefined ? replied : 2 * replied);
  reply.putBefore(mark, from);
}
