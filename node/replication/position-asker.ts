/**
 * The asking side of positions: one message for all slots that are asked of a node in a turn, and the answers told
 * apart (docs/formats/peer-wire.md, Positions).
 * Invariants: an answer counts only on the channel that it was asked on; what is asked while there is no channel is
 * dropped: `onLinked` says when to ask.
 */

import type { NodeId } from "../meta/ids.ts";
import { protocolError } from "../wire/byte-reader.ts";
import type { AskedSlot, PositionsAnswer, Standing } from "../wire/positions.ts";
import { type Channel, slotKey } from "./channel.ts";

export interface PositionAskerDeps {
  readonly epoch: () => number;
  /** Runs a function once, when all that happens in this turn has happened. */
  readonly defer: (run: () => void) => void;
}

/** Who is told what comes. */
export interface PositionListener {
  /** There is a link to the node: it can be asked. */
  onLinked(node: NodeId): void;
  /** What was asked there and not answered never will be. */
  onUnlinked(node: NodeId): void;
  /** A node has answered for some slots; `onAnswered` follows once for all of them. */
  onStanding(node: NodeId, asked: AskedSlot, standing: Standing): void;
  onAnswered(): void;
}

/** Slots of one message: 42 bytes each, so that it stays within a frame. */
const MAX_SLOTS_PER_MESSAGE = 20_000;

interface Peer {
  readonly channel: Channel;
  lastId: number;
  /** By request, then by slot. */
  readonly asked: Map<number, ReadonlyMap<number, AskedSlot>>;
  /** To be asked at the end of the turn: without a promise, and with one. */
  readonly toAsk: readonly [Map<number, AskedSlot>, Map<number, AskedSlot>];
  isDeferred: boolean;
}

export class PositionAsker {
  readonly #deps: PositionAskerDeps;
  readonly #peers = new Map<NodeId, Peer>();
  #listener: PositionListener | undefined;

  constructor(deps: PositionAskerDeps) {
    this.#deps = deps;
  }

  /** What the links that this node dialled hear about positions. */
  readonly handlers = {
    positionsAnswer: (channel: Channel, id: number, message: PositionsAnswer): void =>
      this.#answered(channel, id, message),
  };

  onOpen(channel: Channel): void {
    const node = channel.peer as NodeId;
    this.#peers.set(node, { channel, lastId: 0, asked: new Map(), toAsk: [new Map(), new Map()], isDeferred: false });
    this.#listener?.onLinked(node);
  }

  onClose(channel: Channel): void {
    const node = channel.peer as NodeId;
    if (this.#peers.get(node)?.channel !== channel) return;
    this.#peers.delete(node);
    this.#listener?.onUnlinked(node);
  }

  onDrain(): void {}

  /** There is one listener. */
  listen(listener: PositionListener): void {
    this.#listener = listener;
  }

  isLinked(node: NodeId): boolean {
    return this.#peers.has(node);
  }

  /** Asks a node for one slot, together with all others of this turn. Does nothing where there is no link. */
  ask(node: NodeId, slot: AskedSlot, wantsPromise: boolean): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    peer.toAsk[wantsPromise ? 1 : 0].set(slotKey(slot.table, slot.slot), slot);
    if (peer.isDeferred) return;
    peer.isDeferred = true;
    this.#deps.defer(() => {
      peer.isDeferred = false;
      for (const promised of [false, true]) this.#send(peer, promised);
    });
  }

  #send(peer: Peer, wantsPromise: boolean): void {
    const toAsk = peer.toAsk[wantsPromise ? 1 : 0];
    const slots = [...toAsk];
    toAsk.clear();
    for (let at = 0; at < slots.length; at += MAX_SLOTS_PER_MESSAGE) {
      const asked = new Map(slots.slice(at, at + MAX_SLOTS_PER_MESSAGE));
      peer.asked.set(++peer.lastId, asked);
      const message = { epoch: this.#deps.epoch(), wantsPromise, slots: [...asked.values()] };
      peer.channel.send("positionsAsk", peer.lastId, message);
    }
  }

  #answered(channel: Channel, id: number, { slots }: PositionsAnswer): void {
    const node = channel.peer as NodeId;
    const peer = this.#peers.get(node);
    if (peer?.channel !== channel) return;
    const asked = peer.asked.get(id);
    if (asked === undefined) throw protocolError("an answer to positions that were not asked for");
    peer.asked.delete(id);
    const listed = new Map(slots.map((slot) => [slotKey(slot.table, slot.slot), slot]));
    for (const [key, slot] of asked) {
      const standing = listed.get(key) ?? { kind: "standing", term: 0, last: slot.last };
      this.#listener?.onStanding(node, slot, standing);
    }
    this.#listener?.onAnswered();
  }
}
