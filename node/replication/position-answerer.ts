/**
 * The answering side of positions: says where the logs of the replicas here end, and promises terms
 * (docs/formats/peer-wire.md, Positions).
 *
 * Invariants
 * 1. A promise is durable before it is answered, and so is that the replica follows nobody in an older term.
 * 2. A term is promised to one replica only, and only when it is higher than any seen.
 */

import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type ReplicaId, tableId } from "../meta/ids.ts";
import type { TopologySource } from "../meta/topology-source.ts";
import type { ReplicaHost } from "../shard/replica-host.ts";
import type { ReplicaLog } from "../shard/replica-log.ts";
import type { AskedSlot, PositionsAsk, SlotStanding, StandingKind } from "../wire/positions.ts";
import type { Channel } from "./channel.ts";
import { NO_POSITION } from "./core/log-comparison.ts";
import type { ReplicationFollower } from "./follower.ts";

export interface PositionAnswererDeps {
  readonly host: ReplicaHost;
  readonly follower: ReplicationFollower;
  readonly source: TopologySource;
  readonly logger: Logger;
  /** Promises were made: who is followed may have changed. */
  readonly onPromised: () => void;
}

export class PositionAnswerer {
  readonly #deps: PositionAnswererDeps;
  /** Questions are answered one after the other: a promise is weighed when the one before it is made. */
  #promising: Promise<void> = Promise.resolve();

  constructor(deps: PositionAnswererDeps) {
    this.#deps = deps;
  }

  /** What the links that this node accepted hear about positions. */
  readonly handlers = {
    positionsAsk: (channel: Channel, id: number, message: PositionsAsk): void => {
      if (!message.wantsPromise) this.#answer(channel, id, { slots: message.slots, refused: new Set() });
      else this.#promising = this.#promising.then(() => this.#promiseAndAnswer(channel, id, message));
    },
  };

  onOpen(): void {}
  onClose(): void {}
  onDrain(): void {}

  /** Resolves when no promise is being made. */
  stop(): Promise<void> {
    return this.#promising;
  }

  async #promiseAndAnswer(channel: Channel, id: number, message: PositionsAsk): Promise<void> {
    const refused = new Set<AskedSlot>();
    await Promise.all(
      message.slots.map(async (asked) => {
        if (!(await this.#promise(asked, message.epoch))) refused.add(asked);
      }),
    );
    this.#answer(channel, id, { slots: message.slots, refused });
    if (refused.size < message.slots.length) this.#deps.onPromised();
  }

  async #promise(asked: AskedSlot, epoch: number): Promise<boolean> {
    const { host, follower, logger } = this.#deps;
    const log = host.find(tableId(asked.table), asked.slot);
    if (log === undefined || log.role === "leader") return false;
    const vote = asked.replica as ReplicaId;
    const isMade = log.promised?.term === asked.term && log.promised.vote === vote && log.term === asked.term;
    if (!isMade && (log.term >= asked.term || this.#isLedByAnother(asked, epoch))) return false;
    try {
      await log.promise(asked.term, vote);
      await follower.unfollow(log.table, log.slot);
      return log.term === asked.term;
    } catch (error) {
      logger.error({ table: log.table, slot: log.slot, reason: messageOf(error) }, "a promise could not be kept");
      return false;
    }
  }

  /** By a topology at least as new as the asker's. */
  #isLedByAnother(asked: AskedSlot, epoch: number): boolean {
    const topology = this.#deps.source.current();
    if (topology === undefined || topology.epoch < epoch) return false;
    const assignment = topology.assignments.get(tableId(asked.table))?.[asked.slot];
    return assignment?.replicas[assignment.leader]?.id !== asked.replica;
  }

  #answer(
    channel: Channel,
    id: number,
    { slots, refused }: { readonly slots: readonly AskedSlot[]; readonly refused: ReadonlySet<AskedSlot> },
  ): void {
    const standings: SlotStanding[] = [];
    for (const asked of slots) {
      const log = this.#deps.host.find(tableId(asked.table), asked.slot);
      const { table, slot } = asked;
      if (log === undefined) {
        standings.push({ table, slot, kind: "absent", term: 0, last: NO_POSITION });
        continue;
      }
      const kind = this.#kindOf(log, refused.has(asked));
      const { term, last } = log;
      if (kind !== "standing" || term > asked.term || last.index !== asked.last.index || last.crc !== asked.last.crc) {
        standings.push({ table, slot, kind, term, last });
      }
    }
    channel.send("positionsAnswer", id, { slots: standings });
  }

  #kindOf(log: ReplicaLog, isRefused: boolean): StandingKind {
    if (log.role === "leader") return "leading";
    if (isRefused) return "refusing";
    return this.#deps.follower.isCopying(log.table, log.slot) ? "copying" : "standing";
  }
}
