/**
 * Commands on collections of 1,000 and 1,000,000 elements over the engine (database in memory, no network, no log):
 * `node test/bench/collections-over-engine.bench.ts [command…]`. Prints ns of CPU per command. Nothing is asserted.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { Argv } from "../../node/base/argv.ts";
import { SystemClock } from "../../node/base/clock.ts";
import { Prng } from "../../node/base/prng.ts";
import { dataCommands } from "../../node/commands/registry.ts";
import { Engine } from "../../node/engine/engine.ts";
import { engineOptions } from "../../node/engine/engine-options.ts";
import { MemoryStore } from "../../node/engine/memory-store.ts";
import { ReplyWriter } from "../../node/resp/reply.ts";

const OPERATIONS = 200_000;
/** Commands of one turn of the event loop. */
const TURN = 800;
const CACHE_BYTES = 1024 * 1024 * 1024;

const engine = new Engine(engineOptions(CACHE_BYTES), {
  store: new MemoryStore(),
  clock: new SystemClock(),
  log: { syncExecuted: async () => undefined },
  fatal: (error) => {
    throw error;
  },
});
await engine.open();
engine.start();
const space = engine.openSlot({ table: 1, slot: 0, hashKey: { k0: 0x1234567, k1: 0x89abcdef } }, 1);
const commands = new Map(dataCommands.map((command) => [command.name, command]));
const reply = new ReplyWriter();
const prng = new Prng(3);
const only = process.argv.slice(2);

function run(argv: Argv, name: string): void {
  const command = commands.get(name);
  const tx = engine.begin(space, 1_700_000_000_000, prng.nextUint32());
  reply.rewind(0);
  command?.execute({ argv, reply, tx });
  if (tx.commit()) space.setApplied(space.appliedIndex + 1, 1, 0);
}

async function measure(
  title: string,
  count: number,
  parts: (i: number) => readonly (string | number)[],
): Promise<void> {
  // Arguments are made beforehand: what is measured is the command.
  let spentUs = 0;
  for (let done = 0; done < count; ) {
    const turn: Argv[] = [];
    for (; turn.length < TURN && done < count; done++) turn.push(Argv.of(...parts(done)));
    const started = process.threadCpuUsage();
    for (const argv of turn) run(argv, argv.text(0));
    await nextTurn();
    const used = process.threadCpuUsage(started);
    spentUs += used.user + used.system;
  }
  process.stdout.write(`${title.padEnd(36)} ${((spentUs * 1000) / count).toFixed(0).padStart(7)} ns\n`);
}

const VALUE = "xxx";
type Load = (key: string, size: number) => readonly (string | number)[];
const LOADS: readonly [string, Load][] = [
  ["lpush", (key) => ["lpush", key, VALUE]],
  ["lindex", (key, size) => ["lindex", key, prng.nextBelow(size)]],
  ["lrange", (key, size) => ["lrange", key, Math.floor(size / 2), Math.floor(size / 2) + 9]],
  ["rpop", (key) => ["rpop", key]],
  ["hset", (key, size) => ["hset", key, `element:${prng.nextBelow(size)}`, VALUE]],
  ["hget", (key, size) => ["hget", key, `element:${prng.nextBelow(size)}`]],
  ["sadd", (key, size) => ["sadd", key, `element:${prng.nextBelow(size)}`]],
  ["zadd", (key, size) => ["zadd", key, prng.nextBelow(size), `element:${prng.nextBelow(size)}`]],
  ["zrank", (key, size) => ["zrank", key, `element:${prng.nextBelow(size)}`]],
];
const FILLS: Readonly<Record<string, (key: string, i: number) => readonly (string | number)[]>> = {
  l: (key) => ["lpush", key, VALUE],
  r: (key) => ["lpush", key, VALUE],
  h: (key, i) => ["hset", key, `element:${i}`, VALUE],
  s: (key, i) => ["sadd", key, `element:${i}`],
  z: (key, i) => ["zadd", key, i, `element:${i}`],
};

for (const size of [1_000, 1_000_000]) {
  const filled = new Set<string>();
  for (const [name, load] of LOADS) {
    if (only.length > 0 && !only.includes(name)) continue;
    const kind = name === "rpop" ? "l" : name.charAt(0);
    const key = `${kind}:${size}`;
    const fill = FILLS[kind];
    if (!filled.has(kind) && fill) await measure(`fill ${kind} with ${size}`, size, (i) => fill(key, i));
    filled.add(kind);
    await measure(`${name} of ${size}`, name === "rpop" ? Math.min(OPERATIONS, size) : OPERATIONS, () =>
      load(key, size),
    );
  }
}
await engine.close();
