/**
 * Brings a local cluster to a plan and keeps it there: the local stand-in for the Kubernetes operator.
 * Flow of `apply`: start the processes that are missing → tell the manager the desired state → wait until every slot
 * has a leader and every follower is in sync. Each step is idempotent, so a newer plan simply starts over.
 */

import { type Clock, delay } from "../../node/base/clock.ts";
import { messageOf, OperatingError } from "../../node/base/errors.ts";
import type { PutClusterRequest, PutTableRequest, StatusReply } from "../../node/meta/manager-api.ts";
import type { LocalPlan } from "./local-plan.ts";
import type { ProcessSpec, Supervisor } from "./supervisor.ts";

/** What is asked of the manager; the API's client fits. */
export interface ManagerPort {
  putCluster(request: PutClusterRequest): Promise<unknown>;
  putTable(name: string, request: PutTableRequest): Promise<unknown>;
  status(): Promise<StatusReply>;
}

export interface LocalClusterDeps {
  readonly supervisor: Supervisor;
  readonly manager: ManagerPort;
  readonly clock: Clock;
  /** SHA-256 of a password, hex. */
  readonly hashPassword: (password: string) => string;
  /** Processes of a plan. */
  readonly specify: (plan: LocalPlan) => readonly ProcessSpec[];
}

export interface Progress {
  readonly text: string;
  /** What is in the way outside of this cluster: the metadata store does not answer, and why. */
  readonly fault?: string;
}

/** Between two questions to the manager while starting. */
const POLL_MS = 100;
/** Not ready after this long is an error that says what is missing; the processes go on. */
const READY_DEADLINE_MS = 60_000;
/** Time without the metadata store does not count to that, as somebody must start it; but there is an end to it, too. */
export const TOTAL_DEADLINE_MS = 600_000;

/** How long one `apply` goes on, and whom it tells what it waits for. */
class Patience {
  readonly signal: AbortSignal;
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #onProgress: (progress: Progress) => void;
  #endMs: number;

  constructor(
    clock: Clock,
    { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void },
  ) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
    this.#endMs = this.#startMs + READY_DEADLINE_MS;
    this.signal = signal;
    this.#onProgress = onProgress;
  }

  tell(text: string): void {
    this.#onProgress({ text });
  }

  /** Tells what it waits for, and waits a little. @throws OperatingError `NotReady` with what is missing when the time is over. */
  async wait(missing: string, cause?: unknown): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const isStoreAway = cause instanceof OperatingError && cause.code === "StoreUnavailable";
    if (isStoreAway) this.#endMs = Math.min(nowMs + READY_DEADLINE_MS, this.#startMs + TOTAL_DEADLINE_MS);
    this.#onProgress({ text: missing, ...(isStoreAway ? { fault: missing } : {}) });
    if (nowMs >= this.#endMs) {
      const seconds = Math.round((nowMs - this.#startMs) / 1000);
      throw new OperatingError("NotReady", `not ready after ${seconds} s: ${missing}`, { cause });
    }
    await delay(this.#clock, POLL_MS, this.signal);
  }
}

export class LocalCluster {
  readonly #deps: LocalClusterDeps;

  constructor(deps: LocalClusterDeps) {
    this.#deps = deps;
  }

  /**
   * Makes the plan true. `generation` grows with each plan.
   * @throws OperatingError `NotReady` with what is missing, 60 s after the metadata store answers or at the total
   *   deadline; the manager's own error when it refuses the plan; the signal's reason when it aborts.
   */
  async apply(options: {
    readonly plan: LocalPlan;
    readonly generation: number;
    readonly onProgress: (progress: Progress) => void;
    readonly signal: AbortSignal;
  }): Promise<StatusReply> {
    const { plan, generation, onProgress, signal } = options;
    const patience = new Patience(this.#deps.clock, { signal, onProgress });
    this.#deps.supervisor.ensure(this.#deps.specify(plan));
    const owner = `local/${plan.cluster}`;
    const hashesOf = (password: string) => (password === "" ? [] : [this.#deps.hashPassword(password)]);
    patience.tell("waiting for the manager");
    await this.#untilAccepted(patience, () =>
      this.#deps.manager.putCluster({
        owner,
        generation,
        spec: { nodes: plan.nodes.length, adminPasswordHashes: hashesOf(plan.adminPassword) },
      }),
    );
    for (const table of plan.tables) {
      await this.#untilAccepted(patience, () =>
        this.#deps.manager.putTable(table.name, {
          owner,
          generation,
          spec: {
            slots: table.slots,
            replicas: table.replicas,
            consistency: "Asynchronous",
            clientRouting: table.clientRouting,
            passwordHashes: hashesOf(table.password),
          },
        }),
      );
    }
    return await this.#untilReady(patience, plan.tables.length);
  }

  async #untilAccepted(patience: Patience, put: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await put();
        return;
      } catch (error) {
        if (!(error instanceof OperatingError && PASSING.has(error.code))) throw error;
        await patience.wait(error.message, error);
      }
    }
  }

  async #untilReady(patience: Patience, tableCount: number): Promise<StatusReply> {
    for (;;) {
      let missing: string;
      let cause: unknown;
      try {
        const status = await this.#deps.manager.status();
        if (status.isReady && status.tables.total >= tableCount) return status;
        missing = describeProgress(status);
      } catch (error) {
        missing = messageOf(error);
        cause = error;
      }
      await patience.wait(missing, cause);
    }
  }
}

/** The manager is starting, has no leader, or cannot reach its store: asked again until the deadline. */
const PASSING = new Set(["ManagerUnavailable", "NoLeader", "StoreUnavailable"]);

/** One line for people: nodes and slots, and what is being waited for. */
export function describeProgress(status: StatusReply): string {
  const { nodes, slots, tables } = status;
  const notes = status.notes.length > 0 ? ` · ${status.notes.join("; ")}` : "";
  const inSync = slots.total - slots.underReplicated;
  return (
    `nodes ${nodes.ready}/${nodes.desired} ready · tables ${tables.ready}/${tables.total} ready · ` +
    `slots ${slots.withLeader}/${slots.total} with a leader, ${inSync}/${slots.total} in sync${notes}`
  );
}
