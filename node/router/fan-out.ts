/**
 * Splits a command whose keys lie in several slots into one command a slot, and joins replies. Pure.
 * Invariant: of replies of which one is an error, the joined reply is the first error: the parts have run all the same
 * (DESIGN §3: commands over several slots are not atomic).
 */

import { Argv } from "../base/argv.ts";
import type { FanOut } from "../commands/command.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import { headerNumber, isErrorReply, lineEnd, replyEnd } from "../resp/reply-scan.ts";

const RESP3_NIL = 95;

/** The part of a command that goes to one slot. */
export interface SlotPart {
  readonly slot: number;
  readonly argv: Argv;
  /** For each key of the part, its place among the keys of the whole command. */
  readonly places: readonly number[];
}

export interface SplitOptions {
  /** Argument positions of the keys; from each to the next belong together. */
  readonly positions: readonly number[];
  /** Arguments that belong to a key, itself included. */
  readonly step: number;
  readonly slotOf: (buf: Buffer, start: number, end: number) => number;
}

/** One part a slot, in the order in which the slots first appear. The parts lie in the command's own bytes. */
export function splitByKeys(argv: Argv, options: SplitOptions): readonly SlotPart[] {
  const parts = new Map<number, { slot: number; argv: Argv; places: number[] }>();
  options.positions.forEach((position, place) => {
    const slot = options.slotOf(argv.buf, argv.start(position), argv.end(position));
    let part = parts.get(slot);
    if (part === undefined) {
      part = { slot, argv: new Argv(argv.buf), places: [] };
      part.argv.push(argv.start(0), argv.end(0));
      parts.set(slot, part);
    }
    for (let i = position; i < position + options.step; i++) part.argv.push(argv.start(i), argv.end(i));
    part.places.push(place);
  });
  return [...parts.values()];
}

/** A part's reply, and which of the command's keys it is about. */
export interface AnsweredPart {
  readonly places: readonly number[];
  readonly reply: Buffer;
}

/** Writes one reply for the replies to the parts of a command that was split by keys. */
export function joinParts(
  join: Extract<FanOut, { over: "keys" }>["join"],
  parts: readonly AnsweredPart[],
  into: ReplyWriter,
): void {
  const error = parts.find((part) => isErrorReply(part.reply));
  if (error !== undefined) into.raw(error.reply);
  else if (join === "ok") into.ok();
  else if (join === "sum") into.integer(sumOf(parts.map((part) => part.reply)));
  else joinArrays(parts, into);
}

function joinArrays(parts: readonly { places: readonly number[]; reply: Buffer }[], into: ReplyWriter): void {
  const elements: { buf: Buffer; start: number; end: number }[] = [];
  for (const { places, reply } of parts) {
    let at = lineEnd(reply, 0);
    for (const place of places) {
      const end = replyEnd(reply, at);
      elements[place] = { buf: reply, start: at, end };
      at = end;
    }
  }
  into.array(elements.length);
  for (const { buf, start, end } of elements) into.raw(buf, start, end);
}

/** How the replies of all leaders are joined. */
export interface LeaderJoin {
  readonly join: Extract<FanOut, { over: "leaders" }>["join"];
  /** In [0, 1): which of several values `anyValue` takes. */
  readonly pick: number;
}

/** Writes one reply for the replies of all slots or leaders of a table. */
export function joinLeaders(how: LeaderJoin, replies: readonly Buffer[], into: ReplyWriter): void {
  const error = replies.find(isErrorReply);
  if (error !== undefined) into.raw(error);
  else if (how.join === "ok") into.ok();
  else if (how.join === "sum") into.integer(sumOf(replies));
  else if (how.join === "arrays") {
    into.array(sumOf(replies));
    for (const reply of replies) into.raw(reply, lineEnd(reply, 0));
  } else {
    const values = replies.filter((reply) => reply[0] !== RESP3_NIL && headerNumber(reply, 0) >= 0);
    const chosen = values[Math.floor(how.pick * values.length)];
    if (chosen === undefined) into.nil();
    else into.raw(chosen);
  }
}

function sumOf(replies: readonly Buffer[]): number {
  return replies.reduce((sum, reply) => sum + headerNumber(reply, 0), 0);
}
