/** 16,384 empty slots on one node: time until it answers, and its anonymous memory. */

import { formatJudgement } from "./judgement.ts";
import { pikaNode, ServerProcess } from "./server-process.ts";
import { formatSpread, spreadOf } from "./statistics.ts";

const SLOTS = 16_384;
const MIB = 2 ** 20;

/** Milliseconds of the first start and of `rounds` later ones. */
async function startTimes(slots: number, rounds: number) {
  const server = await ServerProcess.start(pikaNode({ extra: ["--standalone-slots", `${slots}`] }));
  try {
    const firstMs = server.startMs;
    const againMs: number[] = [];
    const cpuSeconds: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await server.kill("SIGTERM");
      againMs.push(await server.startAgain());
      cpuSeconds.push(server.startCpuSeconds);
    }
    return {
      firstMs,
      againMs: spreadOf(againMs),
      cpuSeconds: spreadOf(cpuSeconds),
      rssAnonBytes: server.rssAnonBytes(),
    };
  } finally {
    await server.remove();
  }
}

export async function benchEmptySlots(options: { readonly rounds: number }): Promise<string> {
  const one = await startTimes(1, options.rounds);
  const many = await startTimes(SLOTS, options.rounds);
  const seconds = many.againMs.median / 1000;
  const rows = [
    { what: `start with ${SLOTS} empty slots, s`, value: seconds, floor: 1, goal: 0.3 },
    { what: `the same, first start, which makes them, s`, value: many.firstMs / 1000, floor: 1, goal: 0.3 },
    { what: "RssAnon then, MiB", value: many.rssAnonBytes / MIB, floor: 200, goal: 200 },
  ].map((row) => ({ ...row, text: row.value.toFixed(2), isCost: true }));
  return [
    "From the start of the process until it answers PING.",
    `CPU seconds of a start: ${formatSpread(many.cpuSeconds, 2)}. The same node with one slot:`,
    `${(one.againMs.median / 1000).toFixed(2)} s, CPU ${formatSpread(one.cpuSeconds, 2)} s, ${(one.rssAnonBytes / MIB).toFixed(0)} MiB; that is Node and the program.`,
    "",
    formatJudgement(rows),
  ].join("\n");
}
