/**
 * One client's socket: bytes in, commands to the dispatcher, replies out in order, once a turn.
 * Invariants
 * 1. Replies leave in the order of their commands, and none before its turn is in the log.
 * 2. While a command waits (stalled), nothing behind it runs; what the client sends meanwhile is read up to a limit.
 * 3. A client that does not read its replies is not read either, whether they come from here or from peers; beyond the
 *    output limits it is closed. Nor does it run on while more than a little waits behind a reply that is not known yet.
 */

import type { Socket } from "node:net";
import type { Argv } from "../base/argv.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { Decoder } from "../resp/decoder.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type { BlockedHandle } from "./blocking.ts";
import type { BufferUse, Client, Verdict } from "./client.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { ForwardsInFlight } from "./forwards-in-flight.ts";
import { HIGH_WATER_BYTES, OutputGuard, type OutputLimits } from "./output-limits.ts";
import { errorReply } from "./refusals.ts";
import { type PendingReply, ReplyQueue } from "./reply-queue.ts";
import type { ClientSession } from "./session.ts";
import type { Statistics } from "./statistics.ts";
import type { Turn, TurnParticipant } from "./turn.ts";

/** Output of one connection in one turn, after which it waits for the next: others get their share. */
const TURN_OUTPUT_BYTES = 1024 * 1024;
/** Input that is kept for a connection whose command waits; then it is not read any more. */
const STALLED_INPUT_BYTES = 1024 * 1024;
/** Replies up to this size are handed to the socket as one-byte strings, longer ones as buffers: measured faster. */
const TEXT_BYTES = 16 * 1024;

export interface ConnectionDeps {
  readonly dispatcher: Dispatcher;
  readonly turn: Turn;
  readonly clock: Clock;
  readonly log: Logger;
  readonly statistics: Statistics;
  readonly outputLimits: () => OutputLimits;
  readonly onClosed: (connection: Connection) => void;
}

/** A reply that was executed in this turn and waits behind one that is not known yet. */
interface HeldReply {
  readonly place: PendingReply;
  readonly bytes: Buffer;
}

export class Connection implements Client, TurnParticipant {
  readonly session: ClientSession;
  readonly queue = new ReplyQueue(this);
  readonly forwards = new ForwardsInFlight();
  readonly connectedMs: number;
  readonly address: string;
  readonly localAddress: string;
  blocked: BlockedHandle | undefined;
  waitDeadlineMs = 0;
  isDelayed = false;
  lastActiveMs: number;
  lastCommand = "NULL";
  readonly #socket: Socket;
  readonly #deps: ConnectionDeps;
  readonly #decoder = new Decoder();
  readonly #guard = new OutputGuard();
  /** Start, end and count of replies of each piece of the turn's buffer; a count of 0: never to become an error. */
  #pieces: number[] = [];
  #held: HeldReply[] = [];
  #heldBytes = 0;
  #isInTurn = false;
  /** Whether the decoder's command is to be dispatched again. */
  #isDeferred = false;
  #state: "ready" | "untilEmpty" | "untilWoken" | "untilTurnEnd" | "untilDrained" | "closing" | "closed" = "ready";
  #hasEnded = false;

  constructor(socket: Socket, session: ClientSession, deps: ConnectionDeps) {
    this.#socket = socket;
    this.session = session;
    this.#deps = deps;
    this.connectedMs = deps.clock.monotonicMs();
    this.lastActiveMs = this.connectedMs;
    this.address = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    this.localAddress = `${socket.localAddress ?? "?"}:${socket.localPort ?? 0}`;
  }

  /** Begins to read. */
  open(): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("end", () => this.#onEnd());
    socket.on("drain", () => this.#onDrain());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#onClose());
  }

  get bufferUse(): BufferUse {
    const outputBytes = this.#socket.writableLength + this.queue.heldBytes;
    return { inputBytes: this.#decoder.heldBytes, outputBytes, pendingCount: this.queue.length };
  }

  wake(): void {
    this.#deps.turn.whenIdle(() => {
      if (this.#state !== "untilWoken") return;
      this.#state = "ready";
      this.#run();
    });
  }

  close(why?: string): void {
    if (this.#state === "closed") return;
    if (why !== undefined) {
      this.#deps.log.warn({ client: this.session.id, address: this.address, why, ...this.bufferUse }, "closed client");
    }
    this.#socket.destroy();
    this.#release();
  }

  /** The node stops: answers what is there and closes. */
  drain(): void {
    this.#hasEnded = true;
    this.session.endWaits();
    this.#leaveBlocked();
    if (this.#state === "ready") this.#state = "closing";
    if (this.#state === "closing") this.#joinTurn();
  }

  /** Closes what is idle or over its limits. To be called about once a second. */
  sweep(nowMs: number, idleMs: number): void {
    const isIdle = idleMs > 0 && this.blocked === undefined && nowMs - this.lastActiveMs > idleMs;
    if (isIdle) this.close("idle for longer than the parameter timeout allows");
    else this.#checkOutput(nowMs);
  }

  onHeadReady(): void {
    this.#deps.turn.whenIdle(() => this.#sendReady());
  }

  takeHead(buf: Buffer, start: number, end: number): boolean {
    const { turn } = this.#deps;
    if (turn.isBusy || this.#state === "closed") return false;
    const { reply } = turn;
    const at = reply.length;
    reply.raw(buf, start, end);
    this.#addPiece(at, reply.length, 0);
    this.#joinTurn();
    return true;
  }

  /** Moves the replies that are known now to the turn. */
  #sendReady(): void {
    if (this.#state === "closed") return;
    const { reply } = this.#deps.turn;
    for (let place = this.queue.takeReady(); place !== undefined; place = this.queue.takeReady()) {
      if (place.isMuted || place.bytes === undefined) continue;
      const start = reply.length;
      reply.raw(place.bytes);
      this.#addPiece(start, reply.length, 0);
    }
    this.#joinTurn();
    if (!this.queue.isEmpty || this.#state !== "untilEmpty") return;
    // Replies of peers fill the output as well as its own do: the end of the turn tells whether the client reads.
    const isAhead = this.#turnBytes() + this.#socket.writableLength > HIGH_WATER_BYTES || this.#deps.turn.isFull;
    if (isAhead) this.#state = "untilTurnEnd";
    else {
      this.#state = "ready";
      this.#run();
    }
  }

  /** What this connection has in the turn's buffer. */
  #turnBytes(): number {
    const pieces = this.#pieces;
    let sizeBytes = 0;
    for (let i = 0; i < pieces.length; i += 3) sizeBytes += (pieces[i + 1] as number) - (pieces[i] as number);
    return sizeBytes;
  }

  onTurnEnd(reply: ReplyWriter, error: string | undefined): void {
    this.#isInTurn = false;
    if (this.#state === "closed") return;
    this.#write(reply, error);
    if (this.#held.length > 0) {
      const held = this.#held;
      this.#held = [];
      this.#heldBytes = 0;
      for (const { place, bytes } of held) place.answer(error === undefined ? bytes : errorReply(error));
    }
    this.#checkOutput(this.lastActiveMs);
    if (this.#state === "closing") {
      if (this.queue.isEmpty && !this.#isInTurn) this.#finish();
    } else if (this.#socket.writableLength > HIGH_WATER_BYTES) {
      if (this.#state === "ready" || this.#state === "untilTurnEnd") this.#state = "untilDrained";
    } else if (this.#state === "untilTurnEnd") {
      this.#state = "ready";
      this.#run();
    }
  }

  #onData(chunk: Buffer): void {
    this.#decoder.feed(chunk);
    this.#deps.statistics.inputBytes += chunk.length;
    if (this.#state === "ready") this.#run();
    else if (this.#decoder.bufferedBytes > STALLED_INPUT_BYTES) this.#socket.pause();
  }

  /** Runs the commands that are there, as far as their order allows. */
  #run(): void {
    const { dispatcher, turn, clock, statistics } = this.#deps;
    turn.isBusy = true;
    const { reply } = turn;
    const decoder = this.#decoder;
    let start = reply.length;
    let count = 0;
    let beforeMs = clock.monotonicMs();
    while (this.#state === "ready") {
      if (this.#isDeferred) this.#isDeferred = false;
      else {
        decoder.limits = this.session.limits;
        const got = decoder.next();
        if (got === "more") break;
        if (got === "error") {
          count += this.#fail(decoder.error);
          break;
        }
      }
      const mark = reply.length;
      const isSkipped = this.session.replyMode === "skip";
      reply.protocol = this.session.protocol;
      const verdict = this.#dispatch(decoder.argv, mark);
      if (verdict === "done") {
        const nowMs = clock.monotonicMs();
        const { plan } = dispatcher;
        if (reply.buf[mark] === MINUS) statistics.countError(reply.buf, mark, reply.length);
        if (plan !== undefined) {
          statistics.count(plan, nowMs - beforeMs, reply.buf[mark] === MINUS);
          if (nowMs - beforeMs >= statistics.slowMs) statistics.noteSlow(this, decoder.argv, nowMs - beforeMs);
        }
        beforeMs = nowMs;
        if (this.session.replyMode !== "on") this.#mute(mark, isSkipped);
        else if (this.queue.isEmpty) count++;
        else {
          this.#addPiece(start, mark, count);
          this.#hold(mark);
          start = reply.length;
          count = 0;
          if (this.#heldBytes + this.queue.heldBytes > HIGH_WATER_BYTES) this.#state = "untilEmpty";
        }
        if (this.session.isClosing) this.#state = "closing";
        else if (reply.length - start > TURN_OUTPUT_BYTES || turn.isFull) this.#state = "untilTurnEnd";
      } else this.#stall(verdict, isSkipped);
    }
    if (this.#state === "ready" && this.#hasEnded) this.#state = "closing";
    this.lastActiveMs = beforeMs;
    this.#addPiece(start, reply.length, count);
    if (this.#pieces.length > 0 || this.#held.length > 0 || this.#state !== "ready") this.#joinTurn();
    turn.isBusy = false;
    if (this.#hasEnded) this.#leaveBlocked();
    if (this.#state === "ready" && this.#socket.isPaused()) this.#socket.resume();
  }

  /** A failed assertion ends its command, not the node: what it had done was an overlay. */
  #dispatch(argv: Argv, mark: number): Verdict {
    try {
      return this.#deps.dispatcher.dispatch(this, argv);
    } catch (error) {
      const { turn, dispatcher, log } = this.#deps;
      log.error({ error, command: dispatcher.plan?.command.name }, "command failed");
      turn.reply.rewind(mark);
      turn.reply.error(`ERR internal error: ${messageOf(error)}`);
      return "done";
    }
  }

  #stall(verdict: Exclude<Verdict, "done">, isSkipped: boolean): void {
    const hasPlace = verdict === "later" || verdict === "stall";
    if (hasPlace && this.session.replyMode !== "on") {
      if (this.queue.last !== undefined) this.queue.last.isMuted = true;
      if (isSkipped) this.session.replyMode = "on";
    }
    if (verdict === "later") return;
    this.#isDeferred = !hasPlace;
    this.#state = verdict === "retry" ? "untilWoken" : "untilEmpty";
  }

  /** Takes back a reply that the client does not want. */
  #mute(mark: number, isSkipped: boolean): void {
    this.#deps.turn.reply.rewind(mark);
    if (isSkipped) this.session.replyMode = "on";
  }

  #hold(mark: number): void {
    const { reply } = this.#deps.turn;
    this.#held.push({ place: this.queue.add(), bytes: Buffer.from(reply.buf.subarray(mark, reply.length)) });
    this.#heldBytes += reply.length - mark;
    reply.rewind(mark);
  }

  /** Writes a protocol error; answers the number of replies that this made in the turn's buffer. */
  #fail(text: string): number {
    this.#state = "closing";
    this.#deps.statistics.protocolErrors++;
    if (this.queue.isEmpty) {
      this.#deps.turn.reply.error(text);
      return 1;
    }
    this.queue.add().answer(errorReply(text));
    return 0;
  }

  #addPiece(start: number, end: number, count: number): void {
    if (end === start) return;
    const pieces = this.#pieces;
    const last = pieces.length - 3;
    if (count === 0 && last >= 0 && pieces[last + 2] === 0 && pieces[last + 1] === start) pieces[last + 1] = end;
    else pieces.push(start, end, count);
  }

  #joinTurn(): void {
    if (this.#isInTurn) return;
    this.#isInTurn = true;
    this.#deps.turn.join(this);
  }

  #write(reply: ReplyWriter, error: string | undefined): void {
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    this.#pieces = [];
    if (error !== undefined) {
      this.#writeFailed(reply, pieces, error);
      return;
    }
    let start = pieces[0] as number;
    let end = pieces[1] as number;
    for (let i = 3; i < pieces.length; i += 3) {
      const next = pieces[i] as number;
      if (next !== end) {
        // Others wrote in between: one write for each run of pieces.
        this.#writeBytes(reply, start, end);
        start = next;
      }
      end = pieces[i + 1] as number;
    }
    this.#writeBytes(reply, start, end);
  }

  #writeBytes(reply: ReplyWriter, start: number, end: number): void {
    const { buf } = reply;
    const sizeBytes = end - start;
    this.#deps.statistics.outputBytes += sizeBytes;
    if (sizeBytes <= TEXT_BYTES) this.#socket.write(buf.toString("latin1", start, end), "latin1");
    else {
      const bytes = buf.subarray(start, end);
      // Without a copy where the buffer is given away, unless a small part would keep a huge one alive.
      const isOurs = reply.isGivenAway && 2 * sizeBytes >= buf.length;
      this.#socket.write(isOurs ? bytes : Buffer.from(bytes));
    }
  }

  /** The turn's effects were undone: all its replies are the error. */
  #writeFailed(reply: ReplyWriter, pieces: readonly number[], error: string): void {
    for (let i = 0; i < pieces.length; i += 3) {
      const count = pieces[i + 2] as number;
      if (count > 0) this.#socket.write(Buffer.from(errorReply(error).toString("latin1").repeat(count), "latin1"));
      else this.#writeBytes(reply, pieces[i] as number, pieces[i + 1] as number);
    }
  }

  #checkOutput(nowMs: number): void {
    const { outputBytes } = this.bufferUse;
    const why = this.#guard.check(outputBytes, this.#deps.outputLimits(), nowMs);
    if (why !== undefined) this.close(why);
  }

  #onDrain(): void {
    if (this.#state !== "untilDrained") return;
    this.#state = "ready";
    this.#run();
  }

  /** The client sends no more: what it asked for is answered, what waits for data is forgotten. */
  #onEnd(): void {
    this.#hasEnded = true;
    if (this.#state === "closed") return;
    this.session.endWaits();
    this.#leaveBlocked();
    if (this.#state === "ready") this.#state = "closing";
    this.#joinTurn();
  }

  /**
   * The client sends no more and would wait for ever, as nobody could tell that it has left: its blocking command is
   * given up without a reply. What it asked for before is answered, nothing behind it is run.
   */
  #leaveBlocked(): void {
    const { blocked } = this;
    const place = this.queue.last;
    if (blocked === undefined || place === undefined || this.#state === "closed") return;
    this.#state = "closing";
    place.isMuted = true;
    blocked.unblock("timeout");
  }

  /** Closes both ways once all is sent: a client that goes on sending must not keep the connection. */
  #finish(): void {
    this.#socket.destroySoon();
    if (this.#hasEnded) this.#release();
  }

  #onClose(): void {
    this.#release();
  }

  #release(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.blocked?.cancel();
    this.blocked = undefined;
    this.session.release();
    this.#deps.onClosed(this);
  }
}

const MINUS = 45;
