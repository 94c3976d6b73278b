/**
 * The port by which the parts of a node see the cluster. The manager's agent implements it (server/manager-agent.ts).
 * Invariants: the epoch of `current` never goes back; listeners are called after `current` changed, in order.
 */

import type { Topology } from "./topology.ts";

export interface TopologySource {
  /** The newest topology that is known: from a manager, or the one persisted by an earlier start. Undefined before. */
  current(): Topology | undefined;
  /**
   * Whether `current` has the terms that a manager gave to this process start. Before that a replica leads in no term
   * of the topology (DESIGN §5: after every start a replica leads only in a new term).
   */
  readonly isConfirmed: boolean;
  /** Until when (monotonic ms) the manager promised not to help replace this node as a leader; −Infinity without one. */
  readonly grantedUntilMs: number;
  /** Calls `changed` after each change of `current` or `isConfirmed`. Returns how to stop that. */
  onChange(changed: () => void): () => void;
}
