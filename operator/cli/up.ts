/**
 * `pika up -f FILE…`: a whole cluster as local processes, supervised by this one until Ctrl-C or `pika down`.
 * `pika apply` writes new manifests to the state directory and sends SIGHUP; this process makes them true.
 * Refuses a bad manifest before anything starts, a second supervisor of the same cluster, and ports in use.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { type Clock, delay } from "../../node/base/clock.ts";
import { codeOf, messageOf, OperatingError } from "../../node/base/errors.ts";
import { formatProblem, type ManifestFile, readManifest } from "../api/v1alpha1/manifest.ts";
import { describeProgress, LocalCluster, type ManagerPort, TOTAL_DEADLINE_MS } from "./local-cluster.ts";
import { type LocalPlan, planLocalCluster } from "./local-plan.ts";
import { specifyProcesses } from "./local-processes.ts";
import type { Output } from "./output.ts";
import { type ClusterRecord, isOurProcess, StateDirectory } from "./state-directory.ts";
import { type Launch, Supervisor } from "./supervisor.ts";

export interface UpOptions {
  readonly files: readonly string[];
  readonly dataDir: string;
  readonly portBase: number;
  /** Endpoints of etcd; none: the embedded store. */
  readonly etcd: readonly string[];
}

export interface UpDeps {
  readonly output: Output;
  readonly clock: Clock;
  readonly random: () => number;
  /** Starts a process of this program whose output goes to the file. */
  readonly launch: (logFile: string) => Launch;
  readonly connect: (options: { readonly urls: readonly string[]; readonly secretFile: string }) => ManagerPort;
  readonly hashPassword: (password: string) => string;
  /** Aborts at Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Calls `reload` at SIGHUP. */
  readonly onReload: (reload: () => void) => void;
}

/** Between two looks at the cluster for the status line. */
const STATUS_MS = 1000;

/** Reads manifests. @throws OperatingError `CannotRead` that names the file. */
export function readFiles(names: readonly string[]): ManifestFile[] {
  return names.map((name) => {
    try {
      return { name, text: readFileSync(name === "-" ? 0 : name, "utf8") };
    } catch (error) {
      throw new OperatingError("CannotRead", `cannot read ${name}: ${messageOf(error)}`, { cause: error });
    }
  });
}

/** The plan of manifests. @throws OperatingError `InvalidManifest` with all problems, a line each. */
export function planFiles(files: readonly ManifestFile[], options: { portBase: number; hasEtcd: boolean }): LocalPlan {
  const result = planLocalCluster(readManifest(files), options);
  if (result.ok) return result.plan;
  throw new OperatingError("InvalidManifest", result.problems.map(formatProblem).join("\n"));
}

/** Runs until the signal aborts, then stops everything in order. */
export async function runUp(options: UpOptions, deps: UpDeps): Promise<void> {
  const files = readFiles(options.files);
  const plan = planFiles(files, { portBase: options.portBase, hasEtcd: options.etcd.length > 0 });
  const state = new StateDirectory(options.dataDir, plan.cluster);
  const previous = state.readRecord();
  refuseSecondSupervisor(previous, state);
  await refuseBusyPorts(plan);
  state.prepare();
  state.writeManifest(files.map(({ text }) => text).join("\n---\n"));
  const run = new UpRun({ options, deps, state, plan, generation: (previous?.generation ?? 0) + 1 });
  await run.untilStopped();
}

function refuseSecondSupervisor(record: ClusterRecord | undefined, state: StateDirectory): void {
  if (!record) return;
  const { cluster } = record;
  if (isOurProcess(record.supervisorPid)) {
    throw new OperatingError(
      "AlreadyRunning",
      `cluster ${cluster} already runs (process ${record.supervisorPid}); change it with ${state.commandFor("apply")}, stop it with ${state.commandFor("down")}`,
    );
  }
  refuseOrphans(record, state);
}

/** @throws OperatingError where nobody supervises what still runs: an `up` that was killed. */
export function refuseOrphans({ cluster, children }: ClusterRecord, state: StateDirectory): void {
  const left = children.filter(({ pid }) => isOurProcess(pid));
  if (left.length === 0) return;
  const names = left.map(({ name, pid }) => `${name} (${pid})`).join(", ");
  throw new OperatingError(
    "ProcessesLeft",
    `the supervisor of cluster ${cluster} is gone but its processes run: ${names}; end them with ${state.commandFor("down")}`,
  );
}

async function refuseBusyPorts(plan: LocalPlan): Promise<void> {
  const ports = [
    ...plan.managerPorts,
    ...plan.nodes.flatMap(({ clientPort, peerPort, httpPort }) => [clientPort, peerPort, httpPort]),
  ];
  for (const port of ports) {
    const probe = createServer();
    try {
      probe.listen(port, "127.0.0.1");
      await once(probe, "listening");
    } catch (error) {
      if (codeOf(error) !== "EADDRINUSE") throw error;
      throw new OperatingError(
        "PortInUse",
        `port ${port} is in use; stop what uses it, or choose others with --port-base`,
      );
    } finally {
      probe.close();
    }
  }
}

interface UpRunOptions {
  readonly options: UpOptions;
  readonly deps: UpDeps;
  readonly state: StateDirectory;
  readonly plan: LocalPlan;
  readonly generation: number;
}

/** One life of the supervising process. */
class UpRun {
  readonly #options: UpOptions;
  readonly #deps: UpDeps;
  readonly #state: StateDirectory;
  readonly #supervisor: Supervisor;
  readonly #manager: ManagerPort;
  readonly #cluster: LocalCluster;
  #plan: LocalPlan;
  #generation: number;
  #phase: ClusterRecord["phase"] = "starting";
  #message = "";
  /** Aborts the running `apply` when a newer manifest comes. */
  #applying = new AbortController();

  constructor({ options, deps, state, plan, generation }: UpRunOptions) {
    this.#options = options;
    this.#deps = deps;
    this.#state = state;
    this.#plan = plan;
    this.#generation = generation;
    this.#supervisor = new Supervisor({
      launch: (spec) => deps.launch(state.logFile(spec.name))(spec),
      clock: deps.clock,
      random: deps.random,
      events: {
        onStart: () => this.#record(),
        onExit: (name, how, restartMs) => {
          this.#record();
          deps.output.line(
            `${name} ended (${how}); starting it again in ${Math.round(restartMs)} ms. Log: ${state.logFile(name)}`,
          );
        },
      },
    });
    this.#manager = deps.connect({ urls: managerUrls(plan), secretFile: state.secretFile });
    this.#cluster = new LocalCluster({
      supervisor: this.#supervisor,
      manager: this.#manager,
      clock: deps.clock,
      hashPassword: deps.hashPassword,
      specify: (wanted) => specifyProcesses(wanted, { state, etcd: options.etcd }),
    });
  }

  async untilStopped(): Promise<void> {
    const { signal, output } = this.#deps;
    this.#deps.onReload(() => this.#reload());
    try {
      await this.#apply();
      while (!signal.aborted) {
        await delay(this.#deps.clock, STATUS_MS, signal);
        await this.#showStatus();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      output.status("");
      output.line("stopping");
      this.#setPhase("stopping", "");
      await this.#supervisor.stop();
      this.#state.removeRecord();
    }
  }

  async #apply(): Promise<void> {
    const { output } = this.#deps;
    const controller = new AbortController();
    this.#applying = controller;
    const abort = () => controller.abort(new OperatingError("Stopped", "stopped"));
    this.#deps.signal.addEventListener("abort", abort, { once: true });
    for (const notice of this.#plan.notices) output.line(`note: ${notice}`);
    this.#setPhase("starting", "");
    try {
      const status = await this.#cluster.apply({
        plan: this.#plan,
        generation: this.#generation,
        signal: controller.signal,
        onProgress: ({ text, fault }) => this.#showProgress(text, fault),
      });
      output.status("");
      for (const note of status.notes) output.line(`note: ${note}`);
      for (const line of describeReady(this.#plan)) output.line(line);
      this.#setPhase("ready", status.notes.join("\n"));
    } catch (error) {
      if (controller.signal.aborted) return;
      output.status("");
      output.line(`error: ${messageOf(error)}`);
      this.#setPhase("failed", messageOf(error));
    } finally {
      this.#deps.signal.removeEventListener("abort", abort);
    }
  }

  /** A fault is a line of its own, once, as a status line may have no room for it; others read it in the record. */
  #showProgress(text: string, fault: string | undefined): void {
    const { output } = this.#deps;
    const told = fault ?? "";
    if (this.#message !== told) {
      if (told !== "") output.line(describeWaiting(told));
      this.#setPhase("starting", told);
    }
    output.status(fault === undefined ? text : "");
  }

  #reload(): void {
    const { output } = this.#deps;
    try {
      const hasEtcd = this.#options.etcd.length > 0;
      this.#plan = planFiles(readFiles([this.#state.manifestFile]), { portBase: this.#options.portBase, hasEtcd });
    } catch (error) {
      output.line(`error: ${messageOf(error)}`);
      this.#setPhase("failed", messageOf(error));
      return;
    }
    this.#generation++;
    output.line("applying new manifests");
    this.#applying.abort(new OperatingError("Superseded", "a newer manifest came"));
    void this.#apply();
  }

  async #showStatus(): Promise<void> {
    if (this.#phase === "starting") return;
    try {
      this.#deps.output.status(describeProgress(await this.#manager.status()));
    } catch (error) {
      this.#deps.output.status(`manager: ${messageOf(error)} (clients are served all the same)`);
    }
  }

  #setPhase(phase: ClusterRecord["phase"], message: string): void {
    this.#phase = phase;
    this.#message = message;
    this.#record();
  }

  #record(): void {
    const plan = this.#plan;
    this.#state.writeRecord({
      schema: "local-cluster",
      version: 1,
      cluster: plan.cluster,
      supervisorPid: process.pid,
      portBase: this.#options.portBase,
      managers: managerUrls(plan),
      nodes: plan.nodes.map(({ name, clientPort, httpPort }) => ({ name, clientPort, httpPort })),
      tables: plan.tables.map(({ name, password }) => ({ name, hasPassword: password !== "" })),
      children: this.#supervisor.running(),
      generation: this.#generation,
      phase: this.#phase,
      message: this.#message,
    });
  }
}

function managerUrls(plan: LocalPlan): string[] {
  return plan.managerPorts.map((port) => `http://127.0.0.1:${port}`);
}

/** What to tell a person while an `apply` cannot go on for a fault outside of the cluster. */
export function describeWaiting(fault: string): string {
  return `waiting, for at most ${TOTAL_DEADLINE_MS / 60_000} minutes: ${fault}`;
}

/** What to tell a person once the cluster serves. */
export function describeReady(plan: LocalPlan): string[] {
  const addresses = plan.nodes.map(({ clientPort }) => `127.0.0.1:${clientPort}`);
  const first = plan.nodes[0]?.clientPort ?? 0;
  const lines = [`ready: cluster ${plan.cluster} at ${addresses.join(", ")} (any node answers for all)`];
  for (const table of plan.tables) {
    lines.push(
      `  table ${table.name}: ${table.slots} slots × ${table.replicas}   redis-cli -p ${first}${describeLogin(table)}`,
    );
  }
  return lines;
}

function describeLogin({ name, password }: LocalPlan["tables"][number]): string {
  if (password !== "") return ` --user ${name} --pass …`;
  return name === "default" ? "" : `, then SELECT ${name}`;
}
