/**
 * The ports of forwarding: how a node asks the peer that leads a slot, and how it answers such a question.
 * A forwarded write is sent at most once (DESIGN §3): after a broken link the outcome is unknown and the client is
 * told so; only a refusal (wrong epoch, not the leader) may be tried again.
 */

import type { Argv } from "../base/argv.ts";
import type { NodeId, TableId } from "../meta/ids.ts";
import type { Protocol } from "../resp/reply.ts";

/** Whom the commands are for: one slot, or every slot of the table that the peer leads. */
export type ForwardScope = { readonly slot: number } | { readonly slot: "leading" };

export interface ForwardRequest {
  readonly table: TableId;
  readonly scope: ForwardScope;
  /** The sender's epoch: a peer that knows a newer one refuses when it does not lead. */
  readonly epoch: number;
  readonly protocol: Protocol;
  /** One command, or the commands of an EXEC, which run as one. */
  readonly commands: readonly Argv[];
  readonly isExec: boolean;
  /** Of EXEC after WATCH: the watch that must be untouched (made by `watch` on the same link). */
  readonly watchId: number | undefined;
}

export type ForwardResult =
  /** The reply's RESP bytes: for an EXEC the replies one after the other, without the array's header. */
  | { readonly kind: "reply"; readonly bytes: Buffer }
  /** Not executed; the topology that refused is of `epoch`: look again and retry. */
  | { readonly kind: "refused"; readonly epoch: number }
  /** EXEC not executed because a watched key changed. */
  | { readonly kind: "watchBroken" }
  /** Not sent: no link to the peer within the deadline. */
  | { readonly kind: "unreachable"; readonly error: string }
  /** Sent, and the link broke before the answer. */
  | { readonly kind: "unknown"; readonly error: string };

export interface PendingForward {
  /** The client left: a blocked command at the peer is forgotten at once; no result comes any more. */
  cancel(): void;
}

/** The asking side. Requests to one peer are answered in any order and executed in the order of sending. */
export interface Forwarder {
  forward(node: NodeId, request: ForwardRequest, onResult: (result: ForwardResult) => void): PendingForward;
  /** Begins to watch keys of one slot at its leader. The id is for EXEC; undefined when it could not be made. */
  watch(
    node: NodeId,
    table: TableId,
    slot: number,
    keys: readonly Buffer[],
    onResult: (watchId: number | undefined) => void,
  ): void;
  unwatch(node: NodeId, watchId: number): void;
}

/** The answering side, implemented by the dispatcher. `respond` is called once, at once or later. */
export interface ForwardHandler {
  handle(request: ForwardRequest, respond: (result: ForwardResult) => void): PendingForward;
  watch(table: TableId, slot: number, keys: readonly Buffer[]): number | undefined;
  unwatch(watchId: number): void;
}
