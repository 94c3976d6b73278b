/**
 * Time and garbage of finding and executing GET, SET and INCR, over a transaction that does nothing:
 * `node --expose-gc test/bench/string-commands-bench.ts`. A figure to compare with itself, never a test.
 */

import { Argv } from "../../node/base/argv.ts";
import { Prng } from "../../node/base/prng.ts";
import type { DataCommand } from "../../node/commands/command.ts";
import { CommandRegistry, dataCommands } from "../../node/commands/registry.ts";
import type { Transaction, View } from "../../node/engine/transaction.ts";
import { ReplyWriter } from "../../node/resp/reply.ts";

const ROUND = 200_000;
const ROUNDS = 20;

function makeTransaction(stored: Buffer): Transaction {
  return {
    nowMs: 1_700_000_000_000,
    random: new Prng(1),
    hashKey: { k0: 1, k1: 2 },
    readRecord: (_buf: Buffer, _start: number, _end: number, out: View) => {
      out.buf = stored;
      out.start = 0;
      out.end = stored.length;
      return true;
    },
    writeRecord: () => undefined,
  } as unknown as Transaction;
}

function measure(name: string, argv: Argv, stored: Buffer): void {
  const registry = new CommandRegistry(dataCommands);
  const context = { argv, reply: new ReplyWriter(), tx: makeTransaction(stored) };
  let best = Number.POSITIVE_INFINITY;
  let garbage = 0;
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.();
    const heapBefore = process.memoryUsage().heapUsed;
    const begin = process.hrtime.bigint();
    for (let i = 0; i < ROUND; i++) {
      context.reply.rewind(0);
      (registry.resolve(argv) as DataCommand).execute(context);
    }
    const tookNs = Number(process.hrtime.bigint() - begin);
    best = Math.min(best, tookNs / ROUND);
    garbage = (process.memoryUsage().heapUsed - heapBefore) / ROUND;
  }
  process.stdout.write(`${name}: ${best.toFixed(1)} ns, ${Math.max(0, garbage).toFixed(2)} bytes of garbage\n`);
}

const value = Buffer.from(`\x01${"v".repeat(100)}`);
measure("GET", Argv.of("GET", "key:000000012345"), value);
measure("SET", Argv.of("SET", "key:000000012345", "v".repeat(100)), value);
measure("SET EX", Argv.of("SET", "key:000000012345", "v".repeat(100), "EX", "100"), value);
measure("INCR", Argv.of("INCR", "key:000000012345"), Buffer.from("\x01123456"));
