/** What the list commands share: opening a list, replying with elements, and taking them from an end. */

import type { List } from "../datatypes/list.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type { DataContext } from "./command.ts";

/** Opens the list of argument `index`; false, with WRONGTYPE replied, where the key holds another type. */
export function openList({ argv, reply, tx }: DataContext, list: List, index: number): boolean {
  if (list.open(tx, argv, index)) return true;
  reply.error(ERRORS.wrongType);
  return false;
}

/** Replies with the element that `list` stands on. */
export function replyElement(reply: ReplyWriter, list: List): void {
  const { buf, start, end } = list.element;
  reply.bulk(buf, start, end);
}

/**
 * Takes the first `count` elements, which the list has, replies with each (the caller opened the array), and closes.
 */
export function popFirstElements(reply: ReplyWriter, list: List, count: number): void {
  if (count === 0) return;
  list.visitForward(0, replyUpTo(reply, list, count));
  list.removeRange(0, count);
  list.close();
}

/** The same with the last `count` elements, from the end on. */
export function popLastElements(reply: ReplyWriter, list: List, count: number): void {
  if (count === 0) return;
  const total = list.count();
  list.visitBackward(total - 1, replyUpTo(reply, list, count));
  list.removeRange(total - count, total);
  list.close();
}

/** A visitor that replies with `count` elements. */
function replyUpTo(reply: ReplyWriter, list: List, count: number): () => boolean {
  let rest = count;
  return () => {
    replyElement(reply, list);
    return --rest > 0;
  };
}
