/**
 * Random commands over real sockets to a live node: each is answered once, with well-formed RESP, nothing is logged as
 * an error, and a second data plane that runs the log has the same data. `FUZZ_RUNS=1000` for a long run.
 */

import { afterEach, expect, test } from "vitest";
import { LiveNode } from "../support/live-node.ts";
import { RandomSource } from "../support/random-commands/family.ts";
import { hostileCommand, transactionCommand } from "../support/random-commands/hostile.ts";
import { RespClient } from "../support/resp-client.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 4);
const FIRST_SEED = Number(process.env.FUZZ_SEED ?? 1);
const CLIENTS = 4;
const BATCHES = 40;
const BATCH_COMMANDS = 25;

let node: LiveNode | undefined;
afterEach(() => node?.stop());

/** Sends batches and sees that each command has one reply; a control connection lets go of what blocks. */
async function attack(live: LiveNode, protocol: 2 | 3, seed: number): Promise<void> {
  const random = new RandomSource(seed);
  const client = await RespClient.connect(live.port, protocol);
  const control = await RespClient.connect(live.port, 2);
  if (protocol === 3) await client.call(["hello", "3"]);
  const id = (await client.call(["client", "id"])).slice(1).trim();
  for (let batch = 0; batch < BATCHES; batch++) {
    const commands = Array.from({ length: random.integer(1, BATCH_COMMANDS) }, () =>
      random.chance(0.12) ? transactionCommand(random) : hostileCommand(random),
    );
    const replies = client.callAll(commands);
    let areDone = false;
    void replies.then(
      () => (areDone = true),
      () => (areDone = true),
    );
    await client.settled(
      () => areDone,
      () => control.call(["client", "unblock", id]),
    );
    for (const [i, reply] of (await replies).entries()) {
      if (reply.includes("internal error")) throw new Error(`${JSON.stringify(commands[i])} → ${reply}`);
    }
  }
  await client.call(["reset"]);
  expect(await client.call(["echo", `end ${seed}`])).toBe(`$${`end ${seed}`.length}\r\nend ${seed}\r\n`);
  client.end();
  control.end();
}

for (let run = 0; run < RUNS; run++) {
  const seed = FIRST_SEED + run;
  const protocol = run % 2 === 0 ? 2 : 3;
  const slots = run % 4 < 2 ? 1 : 4;
  test(`random commands, seed ${seed}, RESP${protocol}, ${slots} slots`, { timeout: 60_000 }, async () => {
    node = await LiveNode.start({ slots });
    const live = node;
    await Promise.all(Array.from({ length: CLIENTS }, (_, i) => attack(live, protocol, 1000 * seed + i)));
    expect(live.complaints).toEqual([]);
    expect(live.entryCount).toBeGreaterThan(100);
    const { live: own, replayed } = await live.digests();
    expect(replayed).toEqual(own);
    expect(live.complaints).toEqual([]);
  });
}
