/**
 * The ports of forwarding: how a node asks the peer that leads a slot, and how it answers such a question.
 * A forwarded write is sent at most once (DESIGN §3): after a broken link the outcome is unknown and the client is
 * told so; only a refusal (wrong epoch, not the leader) may be tried again.
 * Both sides are objects with methods and not closures, so that a forwarded command costs one small object a side.
 * What is not done here: that one connection sends nothing for a slot to a new destination before the old one has
 * answered, is the caller's to keep.
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
  /** Of EXEC after WATCH: the watch that must be untouched. It is used up, whatever comes back. */
  readonly watchId: number | undefined;
}

export type ForwardResult =
  /**
   * The reply's RESP bytes are `buf[start, end)`: for an EXEC the array of all replies, or one error if nothing was
   * executed. They stay as they are for as long as they are kept, but keep a whole read buffer alive: copy what waits.
   */
  | { readonly kind: "reply"; readonly buf: Buffer; readonly start: number; readonly end: number }
  /** Not executed; the topology that refused is of `epoch`: look again and retry. */
  | { readonly kind: "refused"; readonly epoch: number }
  /** EXEC not executed because a watched key changed, or because the watch was lost with its link. */
  | { readonly kind: "watchBroken" }
  /** Not sent: no link to the peer within the deadline, or a limit reached. */
  | { readonly kind: "unreachable"; readonly error: string }
  /** Sent, and the link broke before the answer. */
  | { readonly kind: "unknown"; readonly error: string };

/** Who waits for a forward's result. Called at most once, never from within `forward`. */
export interface ForwardWaiter {
  onForwardResult(result: ForwardResult): void;
}

/**
 * One command of a client for one slot, that cannot block, and its waiter in one object: the way of most commands.
 * It goes out with all others of the turn in one frame.
 */
export interface ForwardedOne extends ForwardWaiter {
  readonly table: TableId;
  readonly slot: number;
  readonly epoch: number;
  readonly protocol: Protocol;
  readonly argv: Argv;
  /** As the result `reply`. */
  onForwardReply(buf: Buffer, start: number, end: number): void;
}

export interface PendingForward {
  /** The client left: a blocked command at the peer is forgotten at once; no result comes any more. */
  cancel(): void;
}

/** The keys of one slot to watch. */
export interface WatchRequest {
  readonly table: TableId;
  readonly slot: number;
  readonly keys: readonly Buffer[];
}

/** The asking side. Requests to one peer are answered in any order and executed in the order of sending. */
export interface Forwarder {
  /** `request` and its arguments are read before this returns; nothing of it is kept. */
  forward(node: NodeId, request: ForwardRequest, waiter: ForwardWaiter): PendingForward;
  /** As `forward` of one command that cannot block, in order with all other calls. */
  forwardOne(node: NodeId, one: ForwardedOne): void;
  /** Begins to watch keys of one slot at its leader. The id is for EXEC; undefined when it could not be made. */
  watch(node: NodeId, request: WatchRequest, onResult: (watchId: number | undefined) => void): void;
  /** Ends a watch that no EXEC used up. Unknown ids are ignored. */
  unwatch(watchId: number): void;
}

/** Takes the answer to one forwarded request: exactly one call, at once or later. Calls after the peer left do nothing. */
export interface ForwardResponder {
  /** The reply's RESP bytes, of an EXEC an array or one error. They are copied. Only after the turn's append. */
  reply(buf: Buffer, start: number, end: number): void;
  /** Not executed, because this node does not lead by its topology of `epoch`. */
  refuse(epoch: number): void;
  /** EXEC not executed because a watched key changed or the watch is not known. */
  breakWatch(): void;
}

/** Commands of many clients, each for itself. Valid during the call only: what waits owns its copy. */
export interface ForwardedRun {
  readonly table: TableId;
  readonly epoch: number;
  readonly protocol: Protocol;
  readonly count: number;
  readonly slots: readonly number[];
  readonly commands: readonly Argv[];
}

/** Replies to commands of a run that follow each other. */
export interface RunReplies {
  readonly first: number;
  readonly count: number;
  /** Bytes of each reply; 0: refused. */
  readonly lengths: readonly number[];
  /** The replies one behind the other from `buf[start]` on. They are copied. */
  readonly buf: Buffer;
  readonly start: number;
  /** The epoch of the topology that refused. */
  readonly epoch: number;
}

/** Takes the answers to a run: each of its commands once, at once or later. Only after the turn's append. */
export interface ForwardRunResponder {
  /** False once the peer is gone: what was not run yet is not to be run. */
  readonly isWanted: boolean;
  answer(replies: RunReplies): void;
  /** The rest of the run waits for the next turn: what the peer sent after it must wait, too. May come again. */
  hold(): void;
  /** The run is through. */
  release(): void;
}

/** The answering side, implemented by the dispatcher. */
export interface ForwardHandler {
  /**
   * Runs a request. Its arguments keep a whole read buffer alive: what waits long (a blocked command) owns its copy.
   * Returns how to cancel where the answer comes later and may be cancelled. `cancel` also comes when the link breaks.
   * A watch that the request names is released by whoever called, after the answer.
   */
  handle(request: ForwardRequest, responder: ForwardResponder): PendingForward | undefined;
  /** Runs the commands of a run, one after the other, over as many turns as their replies need. */
  handleRun(run: ForwardedRun, responder: ForwardRunResponder): void;
  watch(request: WatchRequest): number | undefined;
  unwatch(watchId: number): void;
}
