/** What a task of a reconcile says (docs/operator.md, "Flow"). Pure. */

/** In the order in which they are done; the first that is not complete decides `Ready`. */
export type TaskName =
  | "validate"
  | "identity"
  | "secrets"
  | "config"
  | "network"
  | "etcd"
  | "managers"
  | "nodes"
  | "desired state"
  | "storage"
  | "update"
  | "scale in"
  | "slots";

export type TaskResult =
  | { readonly kind: "Complete" }
  /** What is awaited comes as an event. */
  | { readonly kind: "Wait"; readonly reason: string; readonly message: string }
  /** Nobody will tell us: look again. */
  | { readonly kind: "Retry"; readonly reason: string; readonly message: string; readonly afterMs: number }
  /** The spec alone makes it impossible: Stalled. */
  | { readonly kind: "Fail"; readonly reason: string; readonly message: string };

export interface TaskOutcome {
  readonly task: TaskName;
  readonly result: TaskResult;
}

export type Unfinished = Exclude<TaskResult, { readonly kind: "Complete" }>;

export const COMPLETE: TaskResult = { kind: "Complete" };

/** The manager's state is asked for, not watched: so often while something is on its way. */
export const POLL_MS = 1000;

export function waitFor(reason: string, message: string): Unfinished {
  return { kind: "Wait", reason, message };
}

export function retry(reason: string, message: string, afterMs: number = POLL_MS): Unfinished {
  return { kind: "Retry", reason, message, afterMs };
}

export function fail(reason: string, message: string): Unfinished {
  return { kind: "Fail", reason, message };
}

/** What decides `Ready`; undefined where all is done. */
export function firstUnfinished(outcomes: readonly TaskOutcome[]): Unfinished | undefined {
  for (const { result } of outcomes) if (result.kind !== "Complete") return result;
  return undefined;
}
