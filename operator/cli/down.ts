/**
 * `pika down`: stops a local cluster that `pika up` runs, in order, and waits until it is gone.
 * Where the supervisor died and left processes, ends those instead. Data stay.
 */

import { type Clock, delay } from "../../node/base/clock.ts";
import { OperatingError } from "../../node/base/errors.ts";
import type { Output } from "./output.ts";
import { isOurProcess, StateDirectory } from "./state-directory.ts";

/** Longer than the supervisor's own deadline for a process that does not end. */
const DEADLINE_MS = 60_000;
const POLL_MS = 50;

export interface DownDeps {
  readonly output: Output;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** @throws OperatingError `NotRunning` where there is no such cluster, `DidNotStop` after the deadline. */
export async function runDown(
  options: { readonly dataDir: string; readonly cluster: string },
  deps: DownDeps,
): Promise<void> {
  const state = new StateDirectory(options.dataDir, options.cluster);
  const record = state.readRecord();
  if (!record)
    throw new OperatingError("NotRunning", `no local cluster ${options.cluster} runs from ${options.dataDir}`);
  const targets = isOurProcess(record.supervisorPid)
    ? [record.supervisorPid]
    : record.children.map(({ pid }) => pid).filter(isOurProcess);
  for (const pid of targets) process.kill(pid, "SIGTERM");
  deps.output.status(`stopping ${options.cluster}`);
  const deadlineMs = deps.clock.monotonicMs() + DEADLINE_MS;
  while (targets.some(isOurProcess)) {
    if (deps.clock.monotonicMs() > deadlineMs) {
      throw new OperatingError(
        "DidNotStop",
        `still running after ${DEADLINE_MS / 1000} s: processes ${targets.join(", ")}`,
      );
    }
    await delay(deps.clock, POLL_MS, deps.signal);
  }
  state.removeRecord();
  deps.output.status("");
  deps.output.line(`stopped ${options.cluster}; its data stay in ${state.path}`);
}
