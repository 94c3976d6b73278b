/** `pika up -d`: starts the supervising process in the background and returns when the cluster is ready or failed. */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Clock, delay } from "../../node/base/clock.ts";
import { makeDirectory } from "../../node/base/directories.ts";
import { OperatingError } from "../../node/base/errors.ts";
import { TOTAL_DEADLINE_MS } from "./local-cluster.ts";
import type { Output } from "./output.ts";
import { isOurProcess, StateDirectory } from "./state-directory.ts";
import { describeReady, describeWaiting, planFiles, readFiles, type UpOptions } from "./up.ts";

export interface DetachDeps {
  readonly output: Output;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly detach: (args: readonly string[], logFile: string) => number;
}

/** The background process itself gives up before. */
const DEADLINE_MS = TOTAL_DEADLINE_MS + 30_000;
const POLL_MS = 50;

/** @throws OperatingError with what the background process said when it failed to start. */
export async function startDetached(options: UpOptions, deps: DetachDeps): Promise<void> {
  const plan = planFiles(readFiles(options.files), { portBase: options.portBase, hasEtcd: options.etcd.length > 0 });
  const state = new StateDirectory(options.dataDir, plan.cluster);
  const before = state.readRecord();
  if (before && isOurProcess(before.supervisorPid)) {
    throw new OperatingError(
      "AlreadyRunning",
      `cluster ${plan.cluster} already runs (process ${before.supervisorPid}); change it with ${state.commandFor("apply")}, stop it with ${state.commandFor("down")}`,
    );
  }
  makeDirectory(state.path);
  const logFile = join(state.path, "up.log");
  const fileArgs = options.files.flatMap((file) => ["-f", resolve(file)]);
  const etcdArgs = options.etcd.flatMap((url) => ["--etcd", url]);
  const args = [
    "up",
    ...fileArgs,
    "--data-dir",
    resolve(options.dataDir),
    "--port-base",
    `${options.portBase}`,
    ...etcdArgs,
  ];
  const pid = deps.detach(args, logFile);
  deps.output.status(`starting ${plan.cluster}`);
  const deadlineMs = deps.clock.monotonicMs() + DEADLINE_MS;
  let told = "";
  while (deps.clock.monotonicMs() < deadlineMs) {
    const record = state.readRecord();
    if (record?.supervisorPid === pid && record.phase === "starting" && record.message !== told) {
      told = record.message;
      if (told !== "") deps.output.line(describeWaiting(told));
    }
    if (record?.supervisorPid === pid && record.phase === "ready") {
      deps.output.status("");
      for (const line of describeReady(plan)) deps.output.line(line);
      deps.output.line(
        `runs in the background (process ${pid}, log ${logFile}); stop it with ${state.commandFor("down")}`,
      );
      return;
    }
    if (record?.supervisorPid === pid && record.phase === "failed")
      throw new OperatingError("NotReady", record.message);
    if (!isOurProcess(pid)) throw new OperatingError("NotStarted", lastSaid(logFile));
    await delay(deps.clock, POLL_MS, deps.signal);
  }
  throw new OperatingError(
    "NotReady",
    `not ready after ${DEADLINE_MS / 1000} s; ${logFile} and ${state.commandFor("status")} say what is missing`,
  );
}

/** The reason that the background process gave, which is the last line of its log. */
function lastSaid(logFile: string): string {
  const last = readFileSync(logFile, "utf8").trimEnd().split("\n").at(-1) ?? "";
  return last.startsWith("pika: ") ? last.slice("pika: ".length) : `did not start; ${logFile} says why: ${last}`;
}
