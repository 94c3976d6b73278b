/** What it costs to ask a node that does not lead: CPU of both nodes, against asking the one that does. */

import { formatJudgement, type Judged } from "./judgement.ts";
import { runRedisBenchmark } from "./redis-benchmark.ts";
import { cpuSecondsOf, findFreePorts } from "./server-process.ts";
import { formatSpread, spreadOf } from "./statistics.ts";
import { type ClusterNode, TwoNodeCluster } from "./two-node-cluster.ts";

const REQUESTS: Readonly<Record<number, number>> = { 1: 100_000, 16: 300_000, 100: 500_000 };

interface Sample {
  readonly rate: number;
  readonly p99Ms: number;
  readonly cpuPerMillion: number;
}

export async function benchForwarded(options: { readonly rounds: number }): Promise<string> {
  const cluster = new TwoNodeCluster();
  try {
    await cluster.start(await findFreePorts(50));
    const { leader, other } = await cluster.roles();
    const judged: Judged[] = [];
    const lines: string[] = [];
    for (const pipeline of [1, 16, 100]) {
      for (const command of ["set", "get"]) {
        const local: Sample[] = [];
        const forwarded: Sample[] = [];
        for (let round = 0; round < options.rounds + 1; round++) {
          const samples = [leader, other].map((node) => () => sample(cluster, { node, command, pipeline }));
          const [atLeader, atOther] = [await samples[0]?.(), await samples[1]?.()];
          if (round === 0 || !atLeader || !atOther) continue;
          local.push(atLeader);
          forwarded.push(atOther);
        }
        const name = `${command.toUpperCase()} P=${pipeline}`;
        const cost = spreadOf(
          forwarded.map((one, round) => one.cpuPerMillion / (local[round]?.cpuPerMillion ?? Number.NaN)),
        );
        lines.push(
          `| ${name} | local | ${cells(local)} | 1 |`,
          `| | forwarded | ${cells(forwarded)} | ${formatSpread(cost, 2)} |`,
        );
        if (pipeline !== 100) {
          judged.push({
            what: `${name}, CPU`,
            value: cost.median,
            text: cost.median.toFixed(2),
            floor: 2.5,
            goal: 1.8,
            isCost: true,
          });
        }
      }
    }
    return [
      "A cluster of two nodes by `pika up`, a table of one slot; the load goes to the node that leads it, then to the other. 50 connections, 100,000 keys of 100 B. CPU is that of both nodes.",
      "",
      "| load | asked at | thousand/s | p99 ms | CPU s per million | CPU ratio |",
      "|---|---|---|---|---|---|",
      ...lines,
      "",
      formatJudgement(judged),
    ].join("\n");
  } finally {
    await cluster.remove();
  }
}

function cells(samples: readonly Sample[]): string {
  const rate = spreadOf(samples.map((one) => one.rate / 1000));
  const p99 = spreadOf(samples.map((one) => one.p99Ms));
  const cpu = spreadOf(samples.map((one) => one.cpuPerMillion));
  return `${formatSpread(rate, 0)} | ${p99.median.toFixed(2)} | ${formatSpread(cpu, 1)}`;
}

async function sample(
  cluster: TwoNodeCluster,
  load: { readonly node: ClusterNode; readonly command: string; readonly pipeline: number },
): Promise<Sample> {
  const cpu = () => cluster.nodes.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0);
  const requests = REQUESTS[load.pipeline] ?? 100_000;
  const before = cpu();
  const result = await runRedisBenchmark({
    ...{ port: load.node.port, what: ["-t", load.command], requests, pipeline: load.pipeline },
    ...{ clients: 50, keyspace: 100_000, valueBytes: 100 },
  });
  const cpuPerMillion = (1e6 * (cpu() - before)) / requests;
  return { rate: result.requestsPerSecond, p99Ms: result.p99Ms, cpuPerMillion };
}
