/**
 * Keeps processes running, as Kubernetes would: starts each, starts it again when it dies (with backoff that
 * forgets after a while of running well), and stops all of them in reverse order of the groups.
 * How a process is made is injected, so that nothing here knows nodes or managers.
 * Invariant: after `stop()` no process of it runs.
 */

import { backoffMs } from "../../node/base/backoff.ts";
import type { Clock, Timer } from "../../node/base/clock.ts";

export interface ProcessSpec {
  /** Unique: `node-0`. */
  readonly name: string;
  /** Lower groups start first and stop last. */
  readonly group: number;
  /** What the program is called with. A spec with other arguments replaces a running process. */
  readonly args: readonly string[];
}

export interface ChildProcess {
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

export type Launch = (spec: ProcessSpec) => ChildProcess;

export interface SupervisorEvents {
  onStart(name: string, pid: number): void;
  onExit(name: string, how: string, restartMs: number): void;
}

export interface SupervisorDeps {
  readonly launch: Launch;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: SupervisorEvents;
}

/** A process that ran for this long starts again at the first step of the backoff. */
const HEALTHY_AFTER_MS = 10_000;
const RESTART = { initialMs: 200, maxMs: 10_000 } as const;
/** A process that does not end after SIGTERM is killed after this long. */
const STOP_DEADLINE_MS = 15_000;

interface Managed {
  spec: ProcessSpec;
  child: ChildProcess | undefined;
  startedAtMs: number;
  attempt: number;
  restart: Timer | undefined;
  isStopping: boolean;
}

export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #processes = new Map<string, Managed>();
  #isStopped = false;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
  }

  /** Processes that run now. */
  running(): { readonly name: string; readonly pid: number }[] {
    return [...this.#processes.values()].flatMap(({ spec, child }) =>
      child ? [{ name: spec.name, pid: child.pid }] : [],
    );
  }

  /** Starts what is new in `specs`. What runs and is no longer there, or has other arguments, is left as it is. */
  ensure(specs: readonly ProcessSpec[]): void {
    for (const spec of specs.toSorted((a, b) => a.group - b.group)) {
      const existing = this.#processes.get(spec.name);
      if (existing) {
        existing.spec = spec;
        continue;
      }
      const managed: Managed = {
        spec,
        child: undefined,
        startedAtMs: 0,
        attempt: 0,
        restart: undefined,
        isStopping: false,
      };
      this.#processes.set(spec.name, managed);
      this.#start(managed);
    }
  }

  /** Ends all processes, the highest group first, each group at once. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const groups = new Set([...this.#processes.values()].map(({ spec }) => spec.group));
    for (const group of [...groups].toSorted((a, b) => b - a)) {
      const members = [...this.#processes.values()].filter(({ spec }) => spec.group === group);
      await Promise.all(members.map((managed) => this.#end(managed)));
    }
  }

  #start(managed: Managed): void {
    if (this.#isStopped) return;
    managed.restart = undefined;
    managed.startedAtMs = this.#deps.clock.monotonicMs();
    const child = this.#deps.launch(managed.spec);
    managed.child = child;
    this.#deps.events.onStart(managed.spec.name, child.pid);
    void child.exited.then(({ code, signal }) => {
      managed.child = undefined;
      if (managed.isStopping || this.#isStopped) return;
      const ranMs = this.#deps.clock.monotonicMs() - managed.startedAtMs;
      managed.attempt = ranMs >= HEALTHY_AFTER_MS ? 0 : managed.attempt + 1;
      const waitMs = backoffMs(RESTART, managed.attempt, this.#deps.random());
      this.#deps.events.onExit(managed.spec.name, signal ?? `exit code ${code}`, waitMs);
      managed.restart = this.#deps.clock.after(waitMs, () => this.#start(managed));
    });
  }

  async #end(managed: Managed): Promise<void> {
    managed.isStopping = true;
    managed.restart?.cancel();
    const { child } = managed;
    if (!child) return;
    child.kill("SIGTERM");
    const deadline = this.#deps.clock.after(STOP_DEADLINE_MS, () => child.kill("SIGKILL"));
    await child.exited;
    deadline.cancel();
  }
}
