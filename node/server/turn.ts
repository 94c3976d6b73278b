/**
 * One turn of the event loop, as the replies see it: all that was executed since the last log append.
 * Replies are written into one shared buffer; nothing of them leaves the node before the append of the turn
 * (DESIGN §4.3), which is done once, after the sockets of the turn were read.
 * Invariants: each participant is told of the end of each turn that it joined exactly once; what is executed while
 * the turn ends belongs to the next one.
 */

import { ReplyWriter } from "../resp/reply.ts";

/** Someone who has bytes in the turn's buffer. */
export interface TurnParticipant {
  /** The turn is in the log (`error` undefined), or its effects were undone and all its replies are that error. */
  onTurnEnd(reply: ReplyWriter, error: string | undefined): void;
}

/** When a turn's replies take more room than this, connections wait for the next one: bounds the shared buffer. */
const FULL_BYTES = 16 * 1024 * 1024;

export class Turn {
  /** The replies of the turn, of all participants one behind the other. */
  reply = new ReplyWriter();
  #spare = new ReplyWriter();
  /** Run after the participants, when the turn is in the log. */
  #after: (() => void)[] = [];
  readonly #append: () => string | undefined;
  readonly #fail: (error: unknown) => void;
  #participants: TurnParticipant[] = [];
  #waiting: ((error: string | undefined) => void)[] = [];
  #isScheduled = false;
  #isEnding = false;

  /** @param append ends the turn in the log; @param fail is told what was thrown: the node must stop. */
  constructor(append: () => string | undefined, fail: (error: unknown) => void) {
    this.#append = append;
    this.#fail = fail;
  }

  /** Whether a participant is writing its piece: nobody else may write then. */
  isBusy = false;

  /** Calls `run` at once, or, while a participant is writing, right after it. */
  whenIdle(run: () => void): void {
    if (this.isBusy) queueMicrotask(run);
    else run();
  }

  get isFull(): boolean {
    return this.reply.length >= FULL_BYTES;
  }

  /** Takes part in the current turn. To be called once a turn. */
  join(participant: TurnParticipant): void {
    this.#participants.push(participant);
    this.#schedule();
  }

  /** Resolves once what was executed so far is in the log, or with the error text that its replies must be. */
  ended(): Promise<string | undefined> {
    this.#schedule();
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#waiting.push(resolve);
    return promise;
  }

  /**
   * Calls `run` once, at the end of this turn, after its append and what its participants do then. What is asked for
   * while a turn ends still runs at that end.
   */
  readonly atEnd = (run: () => void): void => {
    this.#after.push(run);
    if (!this.#isEnding) this.#schedule();
  };

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#end);
  }

  readonly #end = (): void => {
    this.#isScheduled = false;
    const reply = this.reply;
    const participants = this.#participants;
    const waiting = this.#waiting;
    this.reply = this.#spare;
    this.#participants = [];
    this.#waiting = [];
    this.#isEnding = true;
    try {
      const error = this.#append();
      for (let i = 0; i < participants.length; i++) participants[i]?.onTurnEnd(reply, error);
      for (const resolve of waiting) resolve(error);
      for (let i = 0; i < this.#after.length; i++) this.#after[i]?.();
      this.#after = [];
    } catch (error) {
      this.#fail(error);
    }
    this.#isEnding = false;
    reply.clear();
    this.#spare = reply;
  };
}
