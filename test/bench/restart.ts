/** A node that is killed with SIGKILL while clients write as fast as they can: how long until it answers again. */

import { formatJudgement } from "./judgement.ts";
import { runRedisBenchmark } from "./redis-benchmark.ts";
import { pause, pikaNode, ServerProcess } from "./server-process.ts";
import { formatSpread, spreadOf } from "./statistics.ts";

/** Writes before each kill; longer than the age at which records are flushed, so that flushes are under way. */
const LOAD_MS = 10_000;

export async function benchRestart(options: { readonly rounds: number }): Promise<string> {
  const server = await ServerProcess.start(pikaNode());
  try {
    const seconds: number[] = [];
    const cpuSeconds: number[] = [];
    for (let round = 0; round < options.rounds; round++) {
      const load = runRedisBenchmark({
        ...{ port: server.port, what: ["-t", "set"], requests: 100_000_000, pipeline: 16, clients: 50 },
        ...{ keyspace: 1_000_000, valueBytes: 100 },
      }).catch(() => undefined);
      await pause(LOAD_MS);
      await server.kill("SIGKILL");
      await load;
      seconds.push((await server.startAgain()) / 1000);
      cpuSeconds.push(server.startCpuSeconds);
    }
    const spread = spreadOf(seconds);
    const row = { what: "answers again after kill -9 under full write load, s (median)", value: spread.median };
    return `${LOAD_MS / 1000} s of SET, pipeline 16, 50 connections, over 1,000,000 keys of 100 B before each kill; ${options.rounds} kills: ${formatSpread(spread, 2)} s, CPU ${formatSpread(spreadOf(cpuSeconds), 1)} s.\n\n${formatJudgement([{ ...row, text: formatSpread(spread, 2), floor: 5, goal: 2, isCost: true }])}`;
  } finally {
    await server.remove();
  }
}
