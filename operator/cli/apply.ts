/**
 * `pika apply -f FILE…`: gives a running local cluster new manifests (more nodes, tables, replicas), as kubectl would.
 * Checks them first, hands them to the supervising `pika up`, and waits until they are true.
 * Refuses what would lose data or is not built: fewer nodes, other slot counts, tables left out are kept.
 */

import { type Clock, delay } from "../../node/base/clock.ts";
import { OperatingError } from "../../node/base/errors.ts";
import { TOTAL_DEADLINE_MS } from "./local-cluster.ts";
import type { LocalPlan } from "./local-plan.ts";
import type { Output } from "./output.ts";
import { type ClusterRecord, isOurProcess, StateDirectory } from "./state-directory.ts";
import { describeReady, describeWaiting, planFiles, readFiles, refuseOrphans } from "./up.ts";

/** The supervising process itself gives up before. */
const DEADLINE_MS = TOTAL_DEADLINE_MS + 30_000;
const POLL_MS = 50;

export interface ApplyDeps {
  readonly output: Output;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** @throws OperatingError that says what is wrong with the manifest, or why it did not become true. */
export async function runApply(
  options: { readonly files: readonly string[]; readonly dataDir: string },
  deps: ApplyDeps,
): Promise<void> {
  const files = readFiles(options.files);
  const draft = planFiles(files, { portBase: 0, hasEtcd: true });
  const state = new StateDirectory(options.dataDir, draft.cluster);
  const record = state.readRecord();
  if (!record || !isOurProcess(record.supervisorPid)) {
    if (record) refuseOrphans(record, state);
    throw new OperatingError(
      "NotRunning",
      `no local cluster ${draft.cluster} runs from ${options.dataDir}; start it with ${state.commandFor("up")}`,
    );
  }
  refuseUnbuilt(draft, record);
  for (const notice of describeChange(draft, record)) deps.output.line(notice);
  state.writeManifest(files.map(({ text }) => text).join("\n---\n"));
  process.kill(record.supervisorPid, "SIGHUP");
  await untilApplied(state, record.generation, deps);
  const plan = planFiles(files, { portBase: record.portBase, hasEtcd: true });
  for (const line of describeReady(plan)) deps.output.line(line);
}

function refuseUnbuilt(plan: LocalPlan, record: ClusterRecord): void {
  if (plan.nodes.length < record.nodes.length) {
    throw new OperatingError(
      "NotSupported",
      `spec.nodes.replicas: ${record.nodes.length} → ${plan.nodes.length} is not supported: this release cannot drain nodes yet`,
    );
  }
}

/** What will and will not happen, before it does. */
function describeChange(plan: LocalPlan, record: ClusterRecord): string[] {
  const lines: string[] = [];
  const added = plan.nodes.length - record.nodes.length;
  if (added > 0) {
    lines.push(
      `${added} more node${added === 1 ? "" : "s"}: new tables and replicas are placed there; ` +
        "the data of existing tables stay where they are in this release",
    );
  }
  const wanted = new Set(plan.tables.map(({ name }) => name));
  for (const { name } of record.tables) {
    if (!wanted.has(name)) lines.push(`table ${name} is not in the manifests: it is kept with its data`);
  }
  return lines;
}

async function untilApplied(state: StateDirectory, generation: number, deps: ApplyDeps): Promise<void> {
  const deadlineMs = deps.clock.monotonicMs() + DEADLINE_MS;
  let told = "";
  while (deps.clock.monotonicMs() < deadlineMs) {
    const record = state.readRecord();
    if (!record) throw new OperatingError("NotRunning", "the cluster was stopped meanwhile");
    if (record.generation > generation && record.phase === "ready") {
      deps.output.status("");
      for (const note of record.message.split("\n").filter((line) => line !== "")) deps.output.line(`note: ${note}`);
      return;
    }
    if (record.generation > generation && record.phase === "failed") {
      throw new OperatingError("NotApplied", record.message);
    }
    if (record.generation > generation && record.phase === "starting" && record.message !== told) {
      told = record.message;
      if (told !== "") deps.output.line(describeWaiting(told));
    }
    deps.output.status("applying");
    await delay(deps.clock, POLL_MS, deps.signal);
  }
  throw new OperatingError(
    "NotReady",
    `not ready after ${DEADLINE_MS / 1000} s; ${state.commandFor("status")} says what is missing`,
  );
}
