/**
 * Time of commands on collections of 1,000 and of 1,000,000 elements, and the ratio of the two:
 * `node test/bench/collections.bench.ts [elements …]`. Over the real engine with all in its cache, but without log,
 * network and flushes. Nothing is asserted.
 */

import { Argv } from "../../node/base/argv.ts";
import { Prng } from "../../node/base/prng.ts";
import { BLOCK, type DataCommand } from "../../node/commands/command.ts";
import { CommandRegistry, dataCommands } from "../../node/commands/registry.ts";
import { engineOptions } from "../../node/engine/engine-options.ts";
import { ReplyWriter } from "../../node/resp/reply.ts";
import { EngineHarness } from "../support/engine-harness.ts";

const SIZES = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1_000, 1_000_000];
const OPERATIONS = 100_000;
const CACHE_BYTES = 1024 * 1024 * 1024;
const NOW_MS = 1_700_000_000_000;

const registry = new CommandRegistry(dataCommands);
const prng = new Prng(7);

class Client {
  readonly #harness: EngineHarness;
  readonly #reply = new ReplyWriter();

  private constructor(harness: EngineHarness) {
    this.#harness = harness;
  }

  static async open(): Promise<Client> {
    return new Client(await EngineHarness.open({ engine: engineOptions(CACHE_BYTES) }));
  }

  run(argv: Argv): void {
    const { engine, space } = this.#harness;
    const reply = this.#reply;
    reply.rewind(0);
    const command = registry.resolve(argv) as DataCommand;
    const tx = engine.begin(space, NOW_MS, prng.nextUint32());
    tx.readSynchronously();
    if (command.execute({ argv, reply, tx }) === BLOCK || reply.buf[0] === 45) {
      throw new Error(reply.buf.toString("latin1", 0, reply.length));
    }
    if (tx.commit()) space.setApplied(space.appliedIndex + 1, 1, 0);
  }

  stop(): Promise<void> {
    return this.#harness.engine.abandon();
  }
}

function elementName(index: number): string {
  return `element:${String(index).padStart(10, "0")}`;
}

/** Fills h, s and z with `size` elements each. */
function fill(client: Client, size: number): void {
  for (let i = 0; i < size; i++) {
    const name = elementName((i * 7919) % size);
    client.run(Argv.of("HSET", "h", name, "v".repeat(20)));
    client.run(Argv.of("SADD", "s", name));
    client.run(Argv.of("ZADD", "z", String(prng.nextBelow(1_000_000)), name));
  }
}

const pick = (size: number) => elementName(prng.nextBelow(size));

/** Commands on a collection of `size` elements that leave it as large as it is. */
const COMMANDS: Readonly<Record<string, (size: number) => Argv>> = {
  HSET: (size) => Argv.of("HSET", "h", pick(size), "w".repeat(20)),
  HGET: (size) => Argv.of("HGET", "h", pick(size)),
  HRANDFIELD: () => Argv.of("HRANDFIELD", "h"),
  "SADD and SREM": (size) => Argv.of(prng.nextBelow(2) === 0 ? "SADD" : "SREM", "s", `x${prng.nextBelow(size)}`),
  SISMEMBER: (size) => Argv.of("SISMEMBER", "s", pick(size)),
  SRANDMEMBER: () => Argv.of("SRANDMEMBER", "s"),
  ZADD: (size) => Argv.of("ZADD", "z", String(prng.nextBelow(1_000_000)), pick(size)),
  ZSCORE: (size) => Argv.of("ZSCORE", "z", pick(size)),
  ZRANK: (size) => Argv.of("ZRANK", "z", pick(size)),
  "ZRANGE of 10 in the middle": (size) => Argv.of("ZRANGE", "z", size >> 1, (size >> 1) + 9),
  ZCOUNT: () => Argv.of("ZCOUNT", "z", prng.nextBelow(500_000), 500_000 + prng.nextBelow(500_000)),
};

/** CPU nanoseconds of one operation. */
function timeOf(client: Client, argvs: readonly Argv[]): number {
  const started = process.cpuUsage();
  for (const argv of argvs) client.run(argv);
  const used = process.cpuUsage(started);
  return ((used.user + used.system) * 1000) / argvs.length;
}

const timesNs = new Map<string, number[]>();
for (const size of SIZES) {
  const client = await Client.open();
  const filled = process.cpuUsage();
  fill(client, size);
  const { user, system } = process.cpuUsage(filled);
  process.stdout.write(`filled 3 × ${size}: ${(((user + system) * 1000) / size / 3).toFixed(0)} ns each\n`);
  for (const [name, make] of Object.entries(COMMANDS)) {
    const argvs = Array.from({ length: OPERATIONS }, () => make(size));
    timeOf(client, argvs.slice(0, OPERATIONS / 10));
    const times = timesNs.get(name) ?? [];
    times.push(timeOf(client, argvs));
    timesNs.set(name, times);
  }
  const deletions = ["h", "s", "z"].map((key) => Argv.of("DEL", key));
  timesNs.set("DEL", [...(timesNs.get("DEL") ?? []), timeOf(client, deletions)]);
  await client.stop();
}
for (const [name, [small = 0, large = 0]] of timesNs) {
  const columns = [small.toFixed(0), large.toFixed(0), (small / large).toFixed(2)].map((text) => text.padStart(9));
  process.stdout.write(`${name.padEnd(28)}${columns.join("")}\n`);
}
