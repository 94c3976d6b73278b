/**
 * Time of commands on collections of 1,000 and of 1,000,000 elements, and the ratio of the two:
 * `node test/bench/collections.bench.ts`. Records and pages are kept in Maps and edited in place, so that this
 * measures commands and trees alone, without cache, log and database. Nothing is asserted.
 */

import { Argv } from "../../node/base/argv.ts";
import { present } from "../../node/base/assert.ts";
import { Prng } from "../../node/base/prng.ts";
import { BLOCK, type DataCommand } from "../../node/commands/command.ts";
import { CommandRegistry, dataCommands } from "../../node/commands/registry.ts";
import type { Transaction, View } from "../../node/engine/transaction.ts";
import { ReplyWriter } from "../../node/resp/reply.ts";

const SIZES = [1_000, 1_000_000] as const;
const OPERATIONS = 100_000;
const PAGES_A_TREE = 0x100000000;

/** Of the port only what collections use; every command commits as it goes. */
function createInPlace(): Transaction {
  const records = new Map<string, Buffer>();
  const pages = new Map<number, Buffer>();
  let nextTree = 1;
  const point = (bytes: Buffer, out: View): void => {
    out.buf = bytes;
    out.start = 0;
    out.end = bytes.length;
  };
  const tx = {
    nowMs: 1_700_000_000_000,
    random: new Prng(1),
    hashKey: { k0: 1, k1: 2 },
    readRecord(buf: Buffer, start: number, end: number, out: View): boolean {
      const bytes = records.get(buf.toString("latin1", start, end));
      if (bytes === undefined) return false;
      point(bytes, out);
      return true;
    },
    writeRecord(
      key: { buf: Buffer; start: number; end: number },
      head: Buffer,
      body: Buffer,
      from: number,
      to: number,
    ) {
      records.set(key.buf.toString("latin1", key.start, key.end), Buffer.concat([head, body.subarray(from, to)]));
    },
    deleteRecord: (buf: Buffer, start: number, end: number) => void records.delete(buf.toString("latin1", start, end)),
    newTreeId: () => nextTree++,
    readPage: (tree: number, page: number, out: View) =>
      point(present(pages.get(tree * PAGES_A_TREE + page), "a page"), out),
    writePage: (tree: number, page: number, bytes: Buffer) => void pages.set(tree * PAGES_A_TREE + page, bytes),
    editPage(tree: number, page: number, capacity: number): Buffer {
      const bytes = present(pages.get(tree * PAGES_A_TREE + page), "a page");
      if (bytes.length >= capacity) return bytes;
      const grown = Buffer.alloc(capacity);
      bytes.copy(grown);
      pages.set(tree * PAGES_A_TREE + page, grown);
      return grown;
    },
    deletePage: (tree: number, page: number) => void pages.delete(tree * PAGES_A_TREE + page),
    discardTree: () => undefined,
  };
  return tx as unknown as Transaction;
}

const registry = new CommandRegistry(dataCommands);
const prng = new Prng(7);

class Client {
  readonly #context = { argv: new Argv(), reply: new ReplyWriter(), tx: createInPlace() };

  run(argv: Argv): void {
    const { reply } = this.#context;
    reply.rewind(0);
    this.#context.argv = argv;
    const command = registry.resolve(argv) as DataCommand;
    if (command.execute(this.#context) === BLOCK || reply.buf[0] === 45) {
      throw new Error(reply.buf.toString("latin1", 0, reply.length));
    }
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
  const client = new Client();
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
  timesNs.set("DEL of z", [...(timesNs.get("DEL of z") ?? []), timeOf(client, [Argv.of("DEL", "z")])]);
}
for (const [name, [small = 0, large = 0]] of timesNs) {
  const columns = [small.toFixed(0), large.toFixed(0), (small / large).toFixed(2)].map((text) => text.padStart(9));
  process.stdout.write(`${name.padEnd(28)}${columns.join("")}\n`);
}
