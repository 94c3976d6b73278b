/** The same commands on a collection of 1,000 and on one of 1,000,000 elements, over the network: rates and CPU. */

import { formatJudgement } from "./judgement.ts";
import { RespClient } from "./resp-client.ts";
import { pikaNode, ServerProcess } from "./server-process.ts";
import { measure } from "./side-by-side.ts";
import { formatSpread, spreadOf } from "./statistics.ts";

const SMALL = 1000;
const LARGE = 1_000_000;
const REQUESTS = 200_000;
const PIPELINE = 16;
const BATCH = 1000;
const VALUE = "v".repeat(20);
/** As redis-benchmark writes a random element. */
const RANDOM = "element:__rand_int__";

const COMMANDS: Readonly<Record<string, (size: number) => readonly string[]>> = {
  HSET: (size) => ["HSET", `h${size}`, RANDOM, VALUE],
  ZADD: (size) => ["ZADD", `z${size}`, "__rand_int__", RANDOM],
  LPUSH: (size) => ["LPUSH", `l${size}`, VALUE],
  ZRANK: (size) => ["ZRANK", `z${size}`, RANDOM],
  "ZRANGE of 10 in the middle": (size) => ["ZRANGE", `z${size}`, `${size / 2}`, `${size / 2 + 9}`],
  "LINDEX in the middle": (size) => ["LINDEX", `l${size}`, `${size / 2}`],
  "LRANGE of 10 in the middle": (size) => ["LRANGE", `l${size}`, `${size / 2}`, `${size / 2 + 9}`],
  SRANDMEMBER: (size) => ["SRANDMEMBER", `s${size}`],
  HRANDFIELD: (size) => ["HRANDFIELD", `h${size}`],
};

export async function benchCollections(options: { readonly rounds: number }): Promise<string> {
  const server = await ServerProcess.start(pikaNode({ extra: ["--cache-bytes", "1Gi"] }));
  const client = await RespClient.connect(server.port);
  try {
    for (const size of [SMALL, LARGE]) await fill(client, size);
    const lines: string[] = [];
    const judged: Parameters<typeof formatJudgement>[0][number][] = [];
    for (const [name, make] of Object.entries(COMMANDS)) {
      const sizes = [SMALL, LARGE].map((size) => ({ name, what: make(size), keyspace: size }));
      const rates: number[][] = [[], []];
      const cpus: number[][] = [[], []];
      for (let round = 0; round < options.rounds; round++) {
        for (const [index, load] of sizes.entries()) {
          // A list that grew would be no list of 1,000 any more.
          if (name === "LPUSH") await client.call("LTRIM", load.what[1] as string, 0, load.keyspace - 1);
          const [one] = await measure({ ...load, requests: REQUESTS, pipeline: PIPELINE }, [server], 1);
          rates[index]?.push(one?.requestsPerSecond.median ?? Number.NaN);
          cpus[index]?.push(one?.cpuPerMillion.median ?? Number.NaN);
        }
      }
      if (name === "LPUSH") await client.call("LTRIM", `l${SMALL}`, 0, SMALL - 1);
      const ratio = spreadOf((rates[1] ?? []).map((rate, round) => rate / (rates[0]?.[round] ?? Number.NaN)));
      lines.push(
        `| ${name} | ${rates.map((one) => (spreadOf(one).median / 1000).toFixed(0)).join(" | ")} | ${cpus.map((one) => spreadOf(one).median.toFixed(1)).join(" | ")} | ${formatSpread(ratio, 2)} |`,
      );
      judged.push({ what: name, value: ratio.median, text: ratio.median.toFixed(2), floor: 0.5, goal: 0.8 });
    }
    judged.push(await deletions(client));
    return [
      `Pipeline ${PIPELINE}, 50 connections; thousand/s and CPU seconds per million in a collection of ${SMALL.toLocaleString("en")} and of ${LARGE.toLocaleString("en")}, and the ratio of the rates. LPUSH begins with a list of that length each time. DEL: the four collections of each size one by one over one connection.`,
      "",
      `| command | ${SMALL}: thousand/s | ${LARGE} | ${SMALL}: CPU | ${LARGE} | ratio |`,
      "|---|---|---|---|---|---|",
      ...lines,
      "",
      formatJudgement(judged),
    ].join("\n");
  } finally {
    client.close();
    await server.remove();
  }
}

async function fill(client: RespClient, size: number): Promise<void> {
  for (let from = 0; from < size; from += BATCH) {
    const commands: (readonly (string | number)[])[] = [];
    for (let i = from; i < from + BATCH; i++) {
      const element = `element:${String(i).padStart(12, "0")}`;
      commands.push(["HSET", `h${size}`, element, VALUE], ["SADD", `s${size}`, element], ["LPUSH", `l${size}`, VALUE]);
      commands.push(["ZADD", `z${size}`, i, element]);
    }
    await client.pipeline(commands);
  }
}

/** One DEL each: the median of the four kinds, against that of the small ones. */
async function deletions(client: RespClient) {
  const times: number[][] = [];
  for (const size of [SMALL, LARGE]) {
    const own: number[] = [];
    for (const kind of ["h", "s", "z", "l"]) {
      const from = performance.now();
      await client.call("DEL", `${kind}${size}`);
      own.push(performance.now() - from);
    }
    times.push(own);
  }
  const [small = Number.NaN, large = Number.NaN] = times.map((own) => spreadOf(own).median);
  const value = small / large;
  const text = `${value.toFixed(2)} (${small.toFixed(2)} and ${large.toFixed(2)} ms)`;
  return { what: "DEL", value, text, floor: 0.5, goal: 0.8 };
}
