/**
 * The replies to a forwarded run, as its commands are executed in one turn: they lie one behind the other in the
 * turn's buffer and leave after its append in as few messages as their order allows. A command that has to wait
 * is left out and answered by itself.
 */

import type { ReplyWriter } from "../resp/reply.ts";
import type { ForwardResponder, ForwardRunResponder } from "../router/forwarding.ts";
import { errorReply } from "./refusals.ts";
import type { TurnParticipant } from "./turn.ts";

/** Replies of more bytes than this begin a new message. */
const FULL_BYTES = 256 * 1024;

/** Replies to commands that follow each other, in bytes that follow each other. */
interface Piece {
  readonly first: number;
  readonly start: number;
  end: number;
  readonly lengths: number[];
}

export class RunReplies implements TurnParticipant {
  readonly #responder: ForwardRunResponder;
  readonly #epoch: number;
  readonly #pieces: Piece[] = [];
  #piece: Piece | undefined;

  /** @param epoch of the topology by which commands of the run are refused. */
  constructor(responder: ForwardRunResponder, epoch: number) {
    this.#responder = responder;
    this.#epoch = epoch;
  }

  get isEmpty(): boolean {
    return this.#piece === undefined;
  }

  /** The reply to command `index` is what the turn's buffer holds at [start, end); empty: it is refused. */
  add(index: number, start: number, end: number): void {
    let piece = this.#piece;
    const follows =
      piece !== undefined &&
      piece.first + piece.lengths.length === index &&
      piece.end === start &&
      end - piece.start <= FULL_BYTES;
    if (piece === undefined || !follows) {
      piece = { first: index, start, end, lengths: [] };
      this.#pieces.push(piece);
      this.#piece = piece;
    }
    piece.lengths.push(end - start);
    piece.end = end;
  }

  /** Takes the answer to command `index`, which waits, when it comes. */
  responderOf(index: number): ForwardResponder {
    return new LateResponder(this.#responder, index);
  }

  onTurnEnd(reply: ReplyWriter, error: string | undefined): void {
    for (const { first, start, lengths } of this.#pieces) {
      const piece = error === undefined ? { lengths, buf: reply.buf, start } : failed(lengths, error);
      this.#responder.answer({ first, count: lengths.length, epoch: this.#epoch, ...piece });
    }
  }
}

/** The turn's effects were undone: all that was executed replies the error; what was refused stays so. */
function failed(lengths: readonly number[], text: string): { lengths: number[]; buf: Buffer; start: number } {
  const error = errorReply(text);
  const changed = lengths.map((length) => (length > 0 ? error.length : 0));
  return { lengths: changed, buf: Buffer.concat(changed.filter((length) => length > 0).map(() => error)), start: 0 };
}

class LateResponder implements ForwardResponder {
  readonly #responder: ForwardRunResponder;
  readonly #index: number;
  #isDone = false;

  constructor(responder: ForwardRunResponder, index: number) {
    this.#responder = responder;
    this.#index = index;
  }

  reply(buf: Buffer, start: number, end: number): void {
    this.#answer({ buf, start, lengths: [end - start], epoch: 0 });
  }

  refuse(epoch: number): void {
    this.#answer({ buf: EMPTY, start: 0, lengths: [0], epoch });
  }

  /** No command of a run has a watch. */
  breakWatch(): void {}

  #answer(reply: { buf: Buffer; start: number; lengths: readonly number[]; epoch: number }): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#responder.answer({ first: this.#index, count: 1, ...reply });
  }
}

const EMPTY = Buffer.alloc(0);
