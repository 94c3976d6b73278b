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
}

/** Between two questions to the manager while starting. */
const POLL_MS = 100;
/** Not ready after this long is an error that says what is missing; the processes go on. */
const READY_DEADLINE_MS = 60_000;

export class LocalCluster {
  readonly #deps: LocalClusterDeps;

  constructor(deps: LocalClusterDeps) {
    this.#deps = deps;
  }

  /**
   * Makes the plan true. `generation` grows with each plan.
   * @throws OperatingError `NotReady` with what is missing, when the deadline passes; the manager's own error when it
   *   refuses the plan; the signal's reason when it aborts.
   */
  async apply(options: {
    readonly plan: LocalPlan;
    readonly generation: number;
    readonly onProgress: (progress: Progress) => void;
    readonly signal: AbortSignal;
  }): Promise<StatusReply> {
    const { plan, generation, onProgress, signal } = options;
    const deadlineMs = this.#deps.clock.monotonicMs() + READY_DEADLINE_MS;
    this.#deps.supervisor.ensure(this.#deps.specify(plan));
    const owner = `local/${plan.cluster}`;
    const hashesOf = (password: string) => (password === "" ? [] : [this.#deps.hashPassword(password)]);
    onProgress({ text: "waiting for the manager" });
    await this.#untilAccepted({ deadlineMs, signal, onProgress }, () =>
      this.#deps.manager.putCluster({
        owner,
        generation,
        spec: { nodes: plan.nodes.length, adminPasswordHashes: hashesOf(plan.adminPassword) },
      }),
    );
    for (const table of plan.tables) {
      await this.#untilAccepted({ deadlineMs, signal, onProgress }, () =>
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
    return await this.#untilReady({ deadlineMs, signal, onProgress, tableCount: plan.tables.length });
  }

  async #untilAccepted(
    limits: {
      readonly deadlineMs: number;
      readonly signal: AbortSignal;
      readonly onProgress: (progress: Progress) => void;
    },
    put: () => Promise<unknown>,
  ): Promise<void> {
    for (;;) {
      try {
        await put();
        return;
      } catch (error) {
        const isPassing = error instanceof OperatingError && PASSING.has(error.code);
        if (!isPassing || this.#deps.clock.monotonicMs() >= limits.deadlineMs) throw error;
        if (error.code === "StoreUnavailable") limits.onProgress({ text: error.message });
      }
      await delay(this.#deps.clock, POLL_MS, limits.signal);
    }
  }

  async #untilReady(options: {
    readonly deadlineMs: number;
    readonly signal: AbortSignal;
    readonly onProgress: (progress: Progress) => void;
    readonly tableCount: number;
  }): Promise<StatusReply> {
    let missing = "the manager has not answered";
    while (this.#deps.clock.monotonicMs() < options.deadlineMs) {
      try {
        const status = await this.#deps.manager.status();
        if (status.isReady && status.tables.total >= options.tableCount) return status;
        missing = describeProgress(status);
      } catch (error) {
        missing = messageOf(error);
      }
      options.onProgress({ text: missing });
      await delay(this.#deps.clock, POLL_MS, options.signal);
    }
    throw new OperatingError("NotReady", `not ready after ${READY_DEADLINE_MS / 1000} s: ${missing}`);
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
