/**
 * The port of replication to the other nodes: one direction of a pair of nodes. PeerLink is one; the simulation's
 * network gives others. A channel that closed never opens again: a new one comes.
 */

import type { NodeId } from "../meta/ids.ts";
import type { MessageName, MessageOf } from "../wire/messages.ts";

export interface Channel {
  /** The node at the other side; known once it is open. */
  readonly peer: NodeId | undefined;
  readonly isOpen: boolean;
  /** Whether more bulk may be put on it now; `onDrain` of its listener tells when there is room again. */
  readonly hasBulkRoom: boolean;
  /** Sends in order, at the end of the turn; does nothing where the channel is closed. */
  send<N extends MessageName>(name: N, id: number, message: MessageOf<N>): void;
  /** As `send`, but ahead of all that waits. */
  sendUrgent<N extends MessageName>(name: N, id: number, message: MessageOf<N>): void;
}

/** A slot of a table as one number, for maps. */
export function slotKey(table: number, slot: number): number {
  return table * 16384 + slot;
}
