/**
 * SCAN over the slots of a table, one slot after the other: which slot to ask next and with what, and the one reply
 * made of the slots' replies. Pure: the dispatcher asks the slots, here or at a peer.
 *
 *   const join = new ScanJoin(argv, table.slots);
 *   while (!join.isDone) { run `join.question()` on `join.slot`; join.add(its reply's bytes); }
 *   join.write(reply);
 *
 * `stop` ends it early after any answer (the slots of another node can wait for the client's next call). A slot's error
 * becomes the reply. A cursor that was never given out is taken as it is; beyond the last slot it ends the walk.
 */

import { Argv } from "../base/argv.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import { readCursor, readScanOptions } from "./scan-options.ts";

const TWO_32 = 2 ** 32;
const ERROR_REPLY = 45;
const LF = 10;
/** So many empty slots are asked in one call at most, so that a call on a sparse table ends soon. */
const MAX_SLOTS_PER_CALL = 512;

export class ScanJoin {
  /** The slot to ask next. */
  slot = 0;
  /** Whether the reply can be written. */
  isDone = false;
  readonly #argv: Argv;
  readonly #slotCount: number;
  readonly #parts: Buffer[] = [];
  #hash = 0;
  #wanted = 0;
  #keyCount = 0;
  #askedSlots = 0;
  #error: Buffer | string | undefined;

  /** @param argv the client's SCAN, its arity checked; @param slotCount of the table. */
  constructor(argv: Argv, slotCount: number) {
    this.#argv = argv.own();
    this.#slotCount = slotCount;
    const cursor = readCursor(this.#argv, 1);
    const options = readScanOptions(this.#argv, { from: 2, allowsType: true });
    if (cursor === undefined || typeof options === "string") {
      this.#error = cursor === undefined ? ERRORS.invalidCursor : (options as string);
      this.isDone = true;
      return;
    }
    this.slot = Math.floor(cursor / TWO_32);
    this.#hash = cursor % TWO_32;
    this.#wanted = options.count;
    this.isDone = this.slot >= slotCount;
  }

  /** The SCAN for the slot to ask next: as the client's, from that slot's hash on, for what is still wanted. */
  question(): Argv {
    const parts: (string | Buffer)[] = ["SCAN", String(this.#hash)];
    for (let i = 2; i < this.#argv.count; i++) parts.push(this.#argv.view(i));
    parts.push("COUNT", String(Math.max(1, this.#wanted - this.#keyCount)));
    return Argv.of(...parts);
  }

  /** Takes the reply (RESP bytes) of the slot that was to be asked. */
  add(reply: Buffer): void {
    if (reply[0] === ERROR_REPLY) {
      this.#error = Buffer.from(reply);
      this.isDone = true;
      return;
    }
    // *2 LF, $n LF, cursor LF, *count LF, keys
    const cursorAt = lineEnd(reply, lineEnd(reply, 0));
    const countAt = lineEnd(reply, cursorAt);
    const keysAt = lineEnd(reply, countAt);
    this.#hash = Number(reply.toString("latin1", cursorAt, countAt - 2));
    this.#keyCount += Number(reply.toString("latin1", countAt + 1, keysAt - 2));
    if (keysAt < reply.length) this.#parts.push(Buffer.from(reply.subarray(keysAt)));
    this.#askedSlots++;
    if (this.#hash === 0) this.slot++;
    const isFull = this.#keyCount >= this.#wanted || this.#askedSlots >= MAX_SLOTS_PER_CALL;
    if (this.#hash !== 0 || isFull || this.slot >= this.#slotCount) this.isDone = true;
  }

  /** Ends the call here: the client goes on at `slot` with its next one. */
  stop(): void {
    this.isDone = true;
  }

  /** Writes the reply of the whole call. */
  write(reply: ReplyWriter): void {
    if (typeof this.#error === "string") reply.error(this.#error);
    else if (this.#error !== undefined) reply.raw(this.#error);
    else {
      reply.array(2);
      reply.bulkText(this.slot >= this.#slotCount ? "0" : String(this.slot * TWO_32 + this.#hash));
      reply.array(this.#keyCount);
      for (const part of this.#parts) reply.raw(part);
    }
  }
}

/** The position behind the line that begins at `at`. */
function lineEnd(buf: Buffer, at: number): number {
  return buf.indexOf(LF, at) + 1;
}
