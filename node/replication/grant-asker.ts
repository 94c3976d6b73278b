/**
 * The leading side of grants: asks the nodes that hold followers of what this node leads, one heartbeat for all slots
 * of a pair of nodes, and keeps what they promised (docs/formats/peer-wire.md, Heartbeat).
 *
 * Invariants
 * 1. A grant counts from the sending of its heartbeat, on this node's monotonic clock; an answer to a heartbeat that is
 *    not remembered, or for another set of slots than the present one, counts for nothing.
 * 2. A channel that closed takes its grants with it only when they run out: the promise was made.
 */

import type { Clock, Timer } from "../base/clock.ts";
import type { NodeId, TableId } from "../meta/ids.ts";
import type { GrantedSlot, HeartbeatReply } from "../wire/heartbeat.ts";
import { type Channel, slotKey } from "./channel.ts";
import type { WantedReplica } from "./core/replica-roles.ts";

export interface GrantAskerOptions {
  /** How often is asked, ms. */
  readonly heartbeatMs: number;
  /** For how long is asked, ms: several heartbeats, so that a lost one does no harm. */
  readonly grantMs: number;
}

export const DEFAULT_GRANT_OPTIONS: GrantAskerOptions = { heartbeatMs: 500, grantMs: 2000 };

/** Heartbeats whose sending is remembered: as many as fit a grant, and some. */
const MAX_REMEMBERED = 16;
/** Slots of one GrantSet message: 22 bytes each, so that it stays within a frame. */
const MAX_SLOTS_PER_MESSAGE = 40_000;

interface Granter {
  channel: Channel | undefined;
  /** What this node leads and that node follows. */
  slots: Map<number, GrantedSlot>;
  grantSet: number;
  isSetTold: boolean;
  sequence: number;
  sentAtMs: Map<number, number>;
  untilMs: number;
  refused: ReadonlySet<number>;
  /** Until when slots that were in an earlier set with the same replica and term were granted. */
  carriedMs: ReadonlyMap<number, number>;
}

export class GrantAsker {
  readonly #options: GrantAskerOptions;
  readonly #clock: Clock;
  readonly #epoch: () => number;
  readonly #onTick: () => void;
  readonly #granters = new Map<NodeId, Granter>();
  #timer: Timer | undefined;

  /** @param deps.onTick is called after each round of heartbeats was sent. */
  constructor(
    options: GrantAskerOptions,
    deps: { readonly clock: Clock; readonly epoch: () => number; readonly onTick: () => void },
  ) {
    this.#options = options;
    this.#clock = deps.clock;
    this.#epoch = deps.epoch;
    this.#onTick = deps.onTick;
  }

  /** What the links that this node dialled hear about grants. */
  readonly handlers = {
    heartbeatReply: (channel: Channel, _id: number, message: HeartbeatReply): void => this.#granted(channel, message),
  };

  start(): void {
    this.#timer ??= this.#clock.after(this.#options.heartbeatMs, () => {
      this.#timer = undefined;
      for (const granter of this.#granters.values()) this.#ask(granter);
      this.#onTick();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  onOpen(channel: Channel): void {
    const granter = this.#granter(channel.peer as NodeId);
    granter.channel = channel;
    granter.isSetTold = false;
    this.#ask(granter);
  }

  onClose(channel: Channel): void {
    const granter = this.#granter(channel.peer as NodeId);
    if (granter.channel === channel) granter.channel = undefined;
  }

  onDrain(): void {}

  /** What this node leads now, with the followers of each slot. */
  lead(led: readonly WantedReplica[]): void {
    const byNode = new Map<NodeId, Map<number, GrantedSlot>>();
    for (const { table, slot, replica, term, others } of led) {
      for (const { node } of others) {
        let slots = byNode.get(node);
        if (slots === undefined) {
          slots = new Map();
          byNode.set(node, slots);
        }
        slots.set(slotKey(table, slot), { table, slot, replica, term });
      }
    }
    for (const node of new Set([...byNode.keys(), ...this.#granters.keys()])) {
      const granter = this.#granter(node);
      const slots = byNode.get(node) ?? new Map();
      if (isSameSet(granter.slots, slots)) continue;
      granter.carriedMs = carryOver(granter, slots);
      granter.slots = slots;
      granter.refused = new Set();
      granter.grantSet++;
      granter.isSetTold = false;
      granter.untilMs = Number.NEGATIVE_INFINITY;
      this.#ask(granter);
    }
  }

  /** Until when a follower's node has granted a slot, monotonic ms; −Infinity: it has not. */
  grantedUntilMs(node: NodeId, table: TableId, slot: number): number {
    const granter = this.#granters.get(node);
    const key = slotKey(table, slot);
    return granter === undefined ? Number.NEGATIVE_INFINITY : grantOf(granter, key);
  }

  #granter(node: NodeId): Granter {
    let granter = this.#granters.get(node);
    if (granter === undefined) {
      granter = {
        channel: undefined,
        slots: new Map(),
        grantSet: 0,
        isSetTold: false,
        sequence: 0,
        sentAtMs: new Map(),
        untilMs: Number.NEGATIVE_INFINITY,
        refused: new Set(),
        carriedMs: new Map(),
      };
      this.#granters.set(node, granter);
    }
    return granter;
  }

  #ask(granter: Granter): void {
    const { channel, grantSet, sentAtMs } = granter;
    if (channel === undefined || granter.slots.size === 0) return;
    if (!granter.isSetTold) this.#tellSet(granter, channel);
    const sequence = ++granter.sequence;
    sentAtMs.set(sequence, this.#clock.monotonicMs());
    sentAtMs.delete(sequence - MAX_REMEMBERED);
    channel.sendUrgent("heartbeat", 0, { sequence, epoch: this.#epoch(), grantMs: this.#options.grantMs, grantSet });
  }

  #tellSet(granter: Granter, channel: Channel): void {
    granter.isSetTold = true;
    const slots = [...granter.slots.values()];
    for (let at = 0; at < slots.length; at += MAX_SLOTS_PER_MESSAGE) {
      channel.sendUrgent("grantSet", 0, {
        grantSet: granter.grantSet,
        isBeginning: at === 0,
        slots: slots.slice(at, at + MAX_SLOTS_PER_MESSAGE),
      });
    }
  }

  #granted(channel: Channel, reply: HeartbeatReply): void {
    const granter = this.#granter(channel.peer as NodeId);
    const sentAtMs = granter.sentAtMs.get(reply.sequence);
    if (granter.channel !== channel || sentAtMs === undefined || reply.grantSet !== granter.grantSet) return;
    granter.sentAtMs.delete(reply.sequence);
    granter.refused = new Set(reply.refused.map(({ table, slot }) => slotKey(table, slot)));
    const grantMs = Math.min(reply.grantMs, this.#options.grantMs);
    if (grantMs > 0) granter.untilMs = Math.max(granter.untilMs, sentAtMs + grantMs);
  }
}

function grantOf(granter: Granter, key: number): number {
  if (!granter.slots.has(key) || granter.refused.has(key)) return Number.NEGATIVE_INFINITY;
  return Math.max(granter.untilMs, granter.carriedMs.get(key) ?? Number.NEGATIVE_INFINITY);
}

/** What was promised stays promised for the slots that are led on in the same term: another set takes nothing from it. */
function carryOver(granter: Granter, slots: ReadonlyMap<number, GrantedSlot>): ReadonlyMap<number, number> {
  const carriedMs = new Map<number, number>();
  for (const [key, { term, replica }] of slots) {
    const before = granter.slots.get(key);
    if (before?.term === term && before.replica === replica) carriedMs.set(key, grantOf(granter, key));
  }
  return carriedMs;
}

function isSameSet(a: ReadonlyMap<number, GrantedSlot>, b: ReadonlyMap<number, GrantedSlot>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, slot] of a) {
    const other = b.get(key);
    if (other?.term !== slot.term || other.replica !== slot.replica) return false;
  }
  return true;
}
