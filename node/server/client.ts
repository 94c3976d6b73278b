/**
 * A connected client as the dispatcher and the directory of clients see it; connection.ts implements it.
 */

import type { BlockedHandle } from "./blocking.ts";
import type { ForwardsInFlight } from "./forwards-in-flight.ts";
import type { ReplyQueue } from "./reply-queue.ts";
import type { ClientSession } from "./session.ts";

/**
 * What became of a dispatched command. `done`: its reply is in the turn's buffer. `later`: its reply has a place in
 * the client's queue; the next command may run. `stall`: the same, and nothing runs before the queue is empty.
 * `whenEmpty`: nothing happened, to be dispatched again when the queue is empty. `retry`: nothing happened,
 * to be dispatched again when `wake` is called.
 */
export type Verdict = "done" | "later" | "stall" | "whenEmpty" | "retry";

/** What CLIENT LIST shows of a connection's buffers. */
export interface BufferUse {
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly pendingCount: number;
}

export interface Client {
  readonly session: ClientSession;
  readonly queue: ReplyQueue;
  readonly forwards: ForwardsInFlight;
  /** Of a client that waits in a blocking command. */
  blocked: BlockedHandle | undefined;
  /** When a command that could not run yet is given up (monotonic ms); 0 while none waits. */
  waitDeadlineMs: number;
  /** Whether its write was put off already. */
  isDelayed: boolean;
  /** `host:port` of the other end, and of this one. */
  readonly address: string;
  readonly localAddress: string;
  readonly bufferUse: BufferUse;
  /** Monotonic ms of the last command. */
  readonly lastActiveMs: number;
  readonly connectedMs: number;
  /** Name of the command that runs, or ran last. */
  lastCommand: string;
  /** Goes on after `retry`. */
  wake(): void;
  /** Closes at once; `why` is logged where given. */
  close(why?: string): void;
}
