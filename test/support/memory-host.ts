/** The replicas of one node in memory, of one table. It survives the node's process. */

import type { TableId } from "../../node/meta/ids.ts";
import type { ReplicaHost, ReplicaPlacement } from "../../node/shard/replica-host.ts";
import { MemoryReplica } from "./memory-replica.ts";

export class MemoryHost implements ReplicaHost {
  readonly replicas = new Map<number, MemoryReplica>();
  readonly #pause: () => Promise<void>;

  constructor(pause: () => Promise<void>) {
    this.#pause = pause;
  }

  find(table: TableId, slot: number): MemoryReplica | undefined {
    const replica = this.replicas.get(slot);
    return replica?.table === table ? replica : undefined;
  }

  all(): Iterable<MemoryReplica> {
    return this.replicas.values();
  }

  async create(placements: readonly ReplicaPlacement[]): Promise<void> {
    for (const placement of placements) this.replicas.set(placement.slot, new MemoryReplica(placement, this.#pause));
  }

  async drop(placements: readonly ReplicaPlacement[]): Promise<void> {
    for (const { slot } of placements) this.replicas.delete(slot);
  }
}
