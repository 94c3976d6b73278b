/**
 * The granting side: answers leaders' heartbeats with promises not to help replace them (DESIGN §5).
 *
 * Invariants
 * 1. A slot is granted only to the leader of the highest term that the replica here has seen.
 * 2. What was granted is remembered until it has run out by this node's clock, drift included: `grantedUntilMs`.
 * 3. A heartbeat costs the same for one slot and for ten thousand: slots are looked at when the set, the epoch or a
 *    term changed.
 */

import type { Clock } from "../base/clock.ts";
import { type NodeId, tableId } from "../meta/ids.ts";
import type { ReplicaHost } from "../shard/replica-host.ts";
import { protocolError } from "../wire/byte-reader.ts";
import type { GrantedSlot, GrantSet, Heartbeat, RefusedGrant } from "../wire/heartbeat.ts";
import { type Channel, slotKey } from "./channel.ts";

/** The longest grant that is given, ms: nobody can hold a slot longer by asking for more. */
const MAX_GRANT_MS = 60_000;
/** How much faster a leader's clock may run than this one, as a part. */
const MAX_DRIFT = 0.01;

/** Slots of one set: sixteen times those of the largest table, which is more than one node leads. */
const MAX_ASKED_SLOTS = 262_144;

interface Asked {
  grantSet: number;
  readonly slots: Map<number, GrantedSlot>;
  /** For which epochs and set the refusals below were found. */
  checkedFor: string;
  refused: readonly RefusedGrant[];
}

export class Granter {
  readonly #host: ReplicaHost;
  readonly #clock: Clock;
  readonly #epoch: () => number;
  readonly #asked = new Map<Channel, Asked>();
  readonly #untilMs = new Map<NodeId, number>();

  constructor(deps: { readonly host: ReplicaHost; readonly clock: Clock; readonly epoch: () => number }) {
    this.#host = deps.host;
    this.#clock = deps.clock;
    this.#epoch = deps.epoch;
  }

  /** What the links that this node accepted hear about grants. */
  readonly handlers = {
    grantSet: (channel: Channel, _id: number, message: GrantSet): void => {
      let asked = this.#asked.get(channel);
      if (asked === undefined || message.isBeginning) {
        asked = { grantSet: message.grantSet, slots: new Map(), checkedFor: "", refused: [] };
        this.#asked.set(channel, asked);
      }
      asked.checkedFor = "";
      const { slots } = asked;
      for (const slot of message.slots) {
        slots.set(slotKey(slot.table, slot.slot), slot);
        if (slots.size > MAX_ASKED_SLOTS) throw protocolError(`a grant set of more than ${MAX_ASKED_SLOTS} slots`);
      }
    },
    heartbeat: (channel: Channel, _id: number, message: Heartbeat): void => this.#answer(channel, message),
  };

  onOpen(): void {}

  onClose(channel: Channel): void {
    this.#asked.delete(channel);
  }

  onDrain(): void {}

  /** Until when this node is bound by what it granted to a leader's node, monotonic ms; −Infinity: by nothing. */
  grantedUntilMs(node: NodeId): number {
    return this.#untilMs.get(node) ?? Number.NEGATIVE_INFINITY;
  }

  /** Terms or roles of replicas here have changed: what is granted is looked at anew. */
  recheck(): void {
    for (const asked of this.#asked.values()) asked.checkedFor = "";
  }

  #answer(channel: Channel, { sequence, grantMs: askedMs, grantSet, epoch: theirEpoch }: Heartbeat): void {
    const epoch = this.#epoch();
    const asked = this.#asked.get(channel);
    if (asked === undefined || asked.grantSet !== grantSet) {
      channel.sendUrgent("heartbeatReply", 0, { sequence, epoch, grantMs: 0, grantSet, refused: [] });
      return;
    }
    const checking = `${epoch}/${theirEpoch}`;
    if (asked.checkedFor !== checking) {
      asked.refused = this.#refuse(asked);
      asked.checkedFor = checking;
    }
    const grantMs = Math.min(askedMs, MAX_GRANT_MS);
    const node = channel.peer as NodeId;
    const untilMs = this.#clock.monotonicMs() + grantMs * (1 + MAX_DRIFT);
    this.#untilMs.set(node, Math.max(this.grantedUntilMs(node), untilMs));
    channel.sendUrgent("heartbeatReply", 0, { sequence, epoch, grantMs, grantSet, refused: asked.refused });
  }

  #refuse(asked: Asked): RefusedGrant[] {
    const refused: RefusedGrant[] = [];
    for (const { table, slot, term } of asked.slots.values()) {
      const log = this.#host.find(tableId(table), slot);
      if (log === undefined || log.role === "leader" || log.term > term) {
        refused.push({ table, slot, term: log?.term ?? 0 });
      }
    }
    return refused;
  }
}
