/**
 * One TCP connection between two nodes: frames, CRC, handshake, liveness, bounded queues (docs/formats/peer-wire.md).
 * Frames of a turn are gathered and written at its end with one call.
 *
 * Invariants
 * 1. No message is sent or handled before the handshake is done; what does not fit the protocol closes the link.
 * 2. Messages of one kind of urgency arrive in the order of sending.
 * 3. `onClose` comes exactly once, after it nothing else does.
 * 4. While more than `maxQueuedBytes` wait to be written, nothing more is read: who does not take answers gets none.
 * 5. A link is alive while bytes come, or while a full socket takes more: a long message is not silence. What the peer
 *    needs to execute one is added to its time.
 */

import type { Socket } from "node:net";
import type { Clock, Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { NodeId } from "../meta/ids.ts";
import { FrameReader, FrameWriter, MAX_FRAME_PAYLOAD_BYTES } from "../wire/frame.ts";
import { MAX_HANDSHAKE_PAYLOAD_BYTES } from "../wire/handshake-messages.ts";
import type { MessageCodec } from "../wire/message-codec.ts";
import { type LinkRole, MESSAGES, type MessageName, type MessageOf } from "../wire/messages.ts";
import type { Handshake, HandshakeStep } from "./core/handshake.ts";
import { type InboundTable, isProtocolError } from "./inbound-table.ts";

export interface PeerLinkLimits {
  /** Bytes waiting to be written above which this side takes no more work for the link. */
  readonly maxQueuedBytes: number;
  /** The same for bulk (logs, snapshots): answers to clients wait behind no more than this. */
  readonly maxBulkQueuedBytes: number;
  /** How often the dialer says something, ms. */
  readonly pingIntervalMs: number;
  /** Intervals without a byte from the other side after which the link is given up. */
  readonly maxSilentIntervals: number;
  /** How long a handshake may take, ms. */
  readonly handshakeMs: number;
}

/** 64 MiB hold a second of a busy link, 2 MiB keep a fast one busy for a turn; five silent seconds are longer than any pause of a healthy node. */
export const DEFAULT_LINK_LIMITS: PeerLinkLimits = {
  maxQueuedBytes: 64 * 1024 * 1024,
  maxBulkQueuedBytes: 2 * 1024 * 1024,
  pingIntervalMs: 1000,
  maxSilentIntervals: 5,
  handshakeMs: 5000,
};

export interface PeerLinkEvents {
  onOpen(link: PeerLink): void;
  onClose(link: PeerLink, reason: string): void;
  /** What was queued has been written; there is room again. */
  onDrain(link: PeerLink): void;
}

export interface PeerLinkOptions {
  readonly role: LinkRole;
  readonly socket: Socket;
  readonly handshake: Handshake;
  readonly inbound: InboundTable<PeerLink>;
  readonly limits: PeerLinkLimits;
  readonly events: PeerLinkEvents;
  readonly clock: Clock;
  /** Calls `run` once, at the end of this turn and after its append: when answers may leave the node. */
  readonly atTurnEnd: (run: () => void) => void;
}

/** A write of this size is handed over as its own: urgent messages wait for no more than one. */
const CHUNK_BYTES = 256 * 1024;
/** How long a closed link may take to write its last words (why it refused), ms. */
const FAREWELL_MS = 1000;
/** A message of this size gives the peer one interval more to be silent in: it is executed in one turn. */
const BYTES_AN_INTERVAL = 16 * 1024 * 1024;
/** A buffer that grew beyond this is not kept. */
const MAX_KEPT_BUFFER_BYTES = MAX_FRAME_PAYLOAD_BYTES;

export class PeerLink {
  readonly role: LinkRole;
  readonly #options: PeerLinkOptions;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #out = new MessageWriter();
  readonly #urgent = new MessageWriter(4096);
  #chunks: Buffer[] = [];
  #chunkBytes = 0;
  #state: "handshake" | "open" | "closed" = "handshake";
  #peer: NodeId | undefined;
  #isFlushScheduled = false;
  #isReadingPaused = false;
  #isHeld = false;
  /** Someone was told that there is no room, and waits to hear of it again. */
  #wasFull = false;
  #hasHeard = false;
  #silentIntervals = 0;
  /** Intervals of silence that are allowed beyond the limit, for long messages; one less with each that was not silent. */
  #extraIntervals = 0;
  /** The system's buffer was full: what it takes next, the peer has taken before. */
  #isBlocked = false;
  #timer: Timer | undefined;
  #handshakeTimer: Timer | undefined;
  readonly #flush = (): void => {
    this.#isFlushScheduled = false;
    this.#pump();
  };

  constructor(options: PeerLinkOptions) {
    this.role = options.role;
    this.#options = options;
    this.#socket = options.socket;
    this.#reader.maxPayloadBytes = MAX_HANDSHAKE_PAYLOAD_BYTES;
  }

  /** The node at the other side; known once the link is open. */
  get peer(): NodeId | undefined {
    return this.#peer;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Bytes that wait to be written. */
  get queuedBytes(): number {
    return this.#out.length + this.#urgent.length + this.#chunkBytes + this.#socket.writableLength;
  }

  /** Whether more work may be put on the link. */
  get hasRoom(): boolean {
    return this.#isBelow(this.#options.limits.maxQueuedBytes);
  }

  /** Whether more bulk may be put on the link: less than that, so that what clients wait for is not held up. */
  get hasBulkRoom(): boolean {
    return this.#isBelow(this.#options.limits.maxBulkQueuedBytes);
  }

  /** Begins the handshake on a connected socket. */
  start(): void {
    const { clock, limits, handshake } = this.#options;
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.on("drain", () => this.#drained());
    socket.on("error", (error) => this.close(messageOf(error)));
    socket.on("close", () => this.close("the peer closed the connection"));
    this.#handshakeTimer = clock.after(limits.handshakeMs, () => this.close("the handshake took too long"));
    this.#take(handshake.start());
  }

  /**
   * Puts a message on the link, to be written at the end of the turn. On a link that is not open it does nothing:
   * `onClose` has told, or will tell. The caller looks at `hasRoom` where it can hold back.
   */
  send<N extends MessageName>(name: N, id: number, message: MessageOf<N>): void {
    if (this.#state !== "open") return;
    const out = this.#out;
    const lengthBefore = out.length;
    out.writeMessage(name, id, message);
    const intervals = Math.floor((out.length - lengthBefore) / BYTES_AN_INTERVAL);
    if (intervals > this.#extraIntervals) this.#extraIntervals = intervals;
    if (out.length >= CHUNK_BYTES) this.#cutChunk();
    this.#scheduleFlush();
  }

  /** As `send`, but ahead of all that waits: for pings, heartbeats and their answers. */
  sendUrgent<N extends MessageName>(name: N, id: number, message: MessageOf<N>): void {
    if (this.#state !== "open") return;
    this.#urgent.writeMessage(name, id, message);
    this.#scheduleFlush();
  }

  /** Calls `run` once, at the end of this turn. */
  atTurnEnd(run: () => void): void {
    this.#options.atTurnEnd(run);
  }

  /** Writes what waits: for who sends at the end of the turn, when it would else wait for the next. */
  flush(): void {
    this.#pump();
  }

  /** No message is taken from the link, whatever it is, until `release`: for a turn or so, as pings wait, too. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Messages are taken again. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#readOn();
  }

  /** Ends the link; what is queued is dropped. */
  close(reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#timer?.cancel();
    this.#handshakeTimer?.cancel();
    this.#chunks = [];
    this.#chunkBytes = 0;
    this.#socket.destroySoon();
    this.#options.clock.after(FAREWELL_MS, () => this.#socket.destroy());
    this.#options.events.onClose(this, reason);
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#options.atTurnEnd(this.#flush);
  }

  #cutChunk(): void {
    const out = this.#out;
    this.#chunks.push(...out.pieces(CHUNK_BYTES));
    this.#chunkBytes += out.length;
    out.replace();
  }

  /** Writes what waits, urgent first, as long as the socket takes it. */
  #pump(): void {
    if (this.#state === "closed") return;
    const socket = this.#socket;
    while (!socket.writableNeedDrain) {
      const chunk = this.#urgent.length === 0 ? this.#chunks.shift() : undefined;
      if (chunk !== undefined) {
        this.#chunkBytes -= chunk.length;
        socket.write(chunk);
      } else if (this.#urgent.length > 0) this.#writeOut(this.#urgent);
      else if (this.#out.length > 0) this.#writeOut(this.#out);
      else break;
    }
    this.#isBlocked = socket.writableLength > 0;
    // The system may take all at once, without a drain of the socket ever to come.
    if (this.#wasFull && this.hasBulkRoom) this.#tellRoom();
  }

  #isBelow(limitBytes: number): boolean {
    if (this.queuedBytes < limitBytes) return true;
    this.#wasFull = true;
    return false;
  }

  #writeOut(out: FrameWriter): void {
    this.#socket.write(out.written());
    // Nothing waits in the socket: the system has taken all bytes, and the buffer is ours again.
    if (this.#socket.writableLength === 0 && out.buf.length <= MAX_KEPT_BUFFER_BYTES) out.clear();
    else out.replace();
  }

  #drained(): void {
    if (this.#isBlocked) this.#hasHeard = true;
    this.#pump();
  }

  #tellRoom(): void {
    this.#wasFull = false;
    if (this.#state !== "open") return;
    this.#readOn();
    this.#options.events.onDrain(this);
  }

  #readOn(): void {
    if (this.#state !== "open" || !this.#isReadingPaused) return;
    this.#isReadingPaused = false;
    this.#handleFrames();
    if (!this.#isReadingPaused) this.#socket.resume();
  }

  #received(chunk: Buffer): void {
    this.#hasHeard = true;
    if (this.#state === "closed") return;
    this.#reader.push(chunk);
    this.#handleFrames();
  }

  #handleFrames(): void {
    const reader = this.#reader;
    try {
      while (this.#state !== "closed") {
        if (this.#state === "open" && (this.#isHeld || !this.hasRoom)) {
          this.#isReadingPaused = true;
          this.#socket.pause();
          return;
        }
        if (!reader.next()) return;
        if (this.#state === "open") this.#options.inbound.dispatch(this, reader);
        else
          this.#take(
            this.#options.handshake.receive(reader.type, Buffer.from(reader.buf.subarray(reader.start, reader.end))),
          );
      }
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      this.close(messageOf(error));
    }
  }

  #take(steps: readonly HandshakeStep[]): void {
    for (const step of steps) {
      if (step.kind === "send") {
        this.#out.beginFrame(step.type, 0);
        this.#out.raw(step.payload, 0, step.payload.length);
        this.#out.endFrame();
        this.#pump();
      } else if (step.kind === "open") this.#opened(step.peer);
      else this.close(step.text);
    }
  }

  #opened(peer: NodeId): void {
    this.#state = "open";
    this.#peer = peer;
    this.#reader.maxPayloadBytes = MAX_FRAME_PAYLOAD_BYTES;
    this.#handshakeTimer?.cancel();
    this.#scheduleTick();
    this.#options.events.onOpen(this);
  }

  #scheduleTick(): void {
    this.#timer = this.#options.clock.after(this.#options.limits.pingIntervalMs, () => this.#tick());
  }

  /** Counts intervals and not time: a node that was stopped for long has had no chance to hear. */
  #tick(): void {
    if (this.#hasHeard) {
      this.#silentIntervals = 0;
      if (this.#chunks.length === 0 && this.#extraIntervals > 0) this.#extraIntervals--;
    } else this.#silentIntervals++;
    this.#hasHeard = false;
    if (this.#silentIntervals >= this.#options.limits.maxSilentIntervals + this.#extraIntervals) {
      this.#socket.destroy();
      this.close("the peer is silent");
      return;
    }
    if (this.role === "dialer") this.sendUrgent("ping", 0, {});
    this.#scheduleTick();
  }
}

/** Writes messages as frames. */
class MessageWriter extends FrameWriter {
  writeMessage<N extends MessageName>(name: N, id: number, message: MessageOf<N>): void {
    const { type, codec } = MESSAGES[name];
    this.beginFrame(type, id);
    (codec as MessageCodec<MessageOf<N>>).write(this, message);
    this.endFrame();
  }
}
