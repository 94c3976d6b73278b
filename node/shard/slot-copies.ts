/**
 * Copies of a slot as a whole: snapshots to send and to take in, and the digest by which replicas are compared.
 */

import { OperatingError } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { Store } from "../engine/store.ts";
import type { SnapshotSink, SnapshotSource, SnapshotState } from "./replica-log.ts";
import type { ShardNode } from "./shard-node.ts";
import type { SlotCopies } from "./slot-replica.ts";
import type { SlotShard } from "./slot-shard.ts";

export interface SlotCopiesDeps {
  readonly engine: Engine;
  readonly store: Store;
  readonly node: ShardNode;
}

export class EngineSlotCopies implements SlotCopies {
  readonly deps: SlotCopiesDeps;

  constructor(deps: SlotCopiesDeps) {
    this.deps = deps;
  }

  open(_shard: SlotShard): Promise<SnapshotSource> {
    return Promise.reject(new OperatingError("NotBuilt", "snapshots are not built yet"));
  }

  install(_shard: SlotShard, _state: SnapshotState): Promise<SnapshotSink> {
    return Promise.reject(new OperatingError("NotBuilt", "snapshots are not built yet"));
  }

  digest(_shard: SlotShard): Promise<string> {
    return Promise.reject(new OperatingError("NotBuilt", "digests are not built yet"));
  }
}
