/**
 * The `count` form of SRANDMEMBER, HRANDFIELD and ZRANDMEMBER: positive, so many different elements; negative, that
 * many draws, in which elements may come again. Elements are picked by position, O(log n) each, from the entry's seed.
 */

import { samplePositions } from "../datatypes/sampling.ts";
import { ERRORS, outsideRangeText } from "../resp/error-texts.ts";
import { readInteger } from "./argument-reader.ts";
import type { DataContext } from "./command.ts";

/** Draws with repetition that one command may ask for: more would only fill memory with its reply. */
const MAX_DRAWS = 2 ** 24;
const MAX_COUNT = 2n ** 63n - 1n;

/** What picking wants of a collection. */
export interface PickedCollection {
  count(): number;
  seek(index: number): void;
  next(): boolean;
}

/**
 * The count at argument 2, brought into the safe range; undefined after an error reply.
 * With values Redis takes only half of the range, because the reply has twice as many elements.
 */
export function readRandomCount({ argv, reply }: DataContext, hasValues: boolean): number | undefined {
  const count = readInteger(argv, 2);
  if (count === undefined) {
    reply.error(ERRORS.notInteger);
    return undefined;
  }
  if (count === -MAX_COUNT - 1n) {
    reply.error(outsideRangeText(-MAX_COUNT, MAX_COUNT));
    return undefined;
  }
  const isTooFar = hasValues && (count > MAX_COUNT / 2n || count < -MAX_COUNT / 2n);
  if (isTooFar || count < -MAX_DRAWS) {
    reply.error(ERRORS.outOfRange);
    return undefined;
  }
  return typeof count === "bigint" ? Number.MAX_SAFE_INTEGER : count;
}

/** How many elements `visitRandom` visits. */
export function countRandom(collection: PickedCollection, count: number): number {
  if (collection.count() === 0) return 0;
  return count < 0 ? -count : Math.min(count, collection.count());
}

/** Stands on one element after the other, as `count` wants them, and calls `visit` for each. */
export function visitRandom(
  { tx }: DataContext,
  collection: PickedCollection,
  { count, visit }: { readonly count: number; readonly visit: () => void },
): void {
  const total = collection.count();
  if (count < 0 && total > 0) {
    for (let i = 0; i < -count; i++) {
      collection.seek(tx.random.nextBelow(total));
      collection.next();
      visit();
    }
  } else if (count >= total) {
    collection.seek(0);
    while (collection.next()) visit();
  } else {
    let standing = -1;
    for (const position of samplePositions(tx.random, count, total)) {
      if (position !== standing + 1 || standing < 0) collection.seek(position);
      collection.next();
      standing = position;
      visit();
    }
  }
}
