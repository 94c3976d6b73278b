/**
 * A network in memory for replication: ordered pairs of nodes, messages in order with delays from a seed, through the
 * real codecs. A broken link loses what is on its way and is told to both sides as closed.
 */

import type { Prng } from "../../node/base/prng.ts";
import type { NodeId } from "../../node/meta/ids.ts";
import type { Channel } from "../../node/replication/channel.ts";
import { ByteReader } from "../../node/wire/byte-reader.ts";
import { ByteWriter } from "../../node/wire/byte-writer.ts";
import type { MessageCodec } from "../../node/wire/message-codec.ts";
import { MESSAGES, type MessageName, type MessageOf } from "../../node/wire/messages.ts";
import type { VirtualClock } from "./virtual-clock.ts";

type Handlers = Readonly<Record<string, (channel: Channel, id: number, message: never) => void>>;

interface Sent<N extends MessageName> {
  readonly name: N;
  readonly id: number;
  readonly message: MessageOf<N>;
}

/** What one side of a link does with it. */
export interface NetworkSide {
  readonly node: NodeId;
  readonly handlers: Handlers;
  onOpen(channel: Channel): void;
  onClose(channel: Channel): void;
  onDrain(channel: Channel): void;
}

const MAX_QUEUED = 6;
const MAX_DELAY_MS = 20;

class End implements Channel {
  readonly peer: NodeId;
  readonly #link: MemoryLink;
  queuedCount = 0;
  lastArrivalMs = 0;

  constructor(link: MemoryLink, peer: NodeId) {
    this.#link = link;
    this.peer = peer;
  }

  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  get hasBulkRoom(): boolean {
    return this.queuedCount < MAX_QUEUED;
  }

  send<N extends MessageName>(name: N, id: number, message: MessageOf<N>): void {
    this.#link.carry(this, { name, id, message });
  }

  sendUrgent<N extends MessageName>(name: N, id: number, message: MessageOf<N>): void {
    this.send(name, id, message);
  }
}

export class MemoryLink {
  isOpen = true;
  readonly #clock: VirtualClock;
  readonly #prng: Prng;
  readonly #dialer: NetworkSide;
  readonly #acceptor: NetworkSide;
  readonly #dialerEnd: End;
  readonly #acceptorEnd: End;

  constructor(
    sides: { readonly dialer: NetworkSide; readonly acceptor: NetworkSide },
    clock: VirtualClock,
    prng: Prng,
  ) {
    this.#clock = clock;
    this.#prng = prng;
    this.#dialer = sides.dialer;
    this.#acceptor = sides.acceptor;
    this.#dialerEnd = new End(this, sides.acceptor.node);
    this.#acceptorEnd = new End(this, sides.dialer.node);
  }

  open(): void {
    this.#acceptor.onOpen(this.#acceptorEnd);
    this.#dialer.onOpen(this.#dialerEnd);
  }

  /** @param dead a node that is not told, because it is not there any more. */
  break(dead?: NodeId): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    if (this.#dialer.node !== dead) this.#dialer.onClose(this.#dialerEnd);
    if (this.#acceptor.node !== dead) this.#acceptor.onClose(this.#acceptorEnd);
  }

  carry<N extends MessageName>(from: End, sent: Sent<N>): void {
    const { name, id, message } = sent;
    if (!this.isOpen) return;
    const codec = MESSAGES[name].codec as unknown as MessageCodec<MessageOf<N>>;
    const out = new ByteWriter();
    codec.write(out, message);
    const payload = Buffer.from(out.written());
    const isToAcceptor = from === this.#dialerEnd;
    const side = isToAcceptor ? this.#acceptor : this.#dialer;
    const end = isToAcceptor ? this.#acceptorEnd : this.#dialerEnd;
    from.queuedCount++;
    const now = this.#clock.monotonicMs();
    from.lastArrivalMs = Math.max(from.lastArrivalMs, now + this.#prng.nextBelow(MAX_DELAY_MS));
    this.#clock.after(from.lastArrivalMs - now, () => {
      from.queuedCount--;
      if (!this.isOpen) return;
      const input = new ByteReader();
      input.reset(payload, 0, payload.length);
      const received = codec.read(input);
      input.finish();
      const handler = side.handlers[name];
      if (handler === undefined) throw new Error(`no handler for ${name}`);
      handler(end, id, received as never);
      if (this.isOpen && from.queuedCount === MAX_QUEUED - 1)
        (isToAcceptor ? this.#dialer : this.#acceptor).onDrain(from);
    });
  }
}
