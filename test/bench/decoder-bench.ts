/** Nanoseconds a command of decoding 16 pipelined SETs of 100 B from one chunk. Run: node test/bench/decoder-bench.ts */
import { Decoder } from "../../node/resp/decoder.ts";

const ROUNDS = 200_000;
const PIPELINE = 16;

function measureNs(chunk: Buffer): number {
  const decoder = new Decoder();
  let seen = 0;
  const from = process.hrtime.bigint();
  for (let round = 0; round < ROUNDS; round++) {
    decoder.feed(chunk);
    while (decoder.next() === "command") seen += decoder.argv.count;
  }
  const elapsed = Number(process.hrtime.bigint() - from);
  if (seen !== 3 * PIPELINE * ROUNDS) throw new Error("decoder lost commands");
  return elapsed / (ROUNDS * PIPELINE);
}

const set = `*3\r\n$3\r\nSET\r\n$16\r\nkey:000000012345\r\n$100\r\n${"x".repeat(100)}\r\n`;
const chunk = Buffer.from(set.repeat(PIPELINE));
measureNs(chunk);
process.stdout.write(`${measureNs(chunk).toFixed(0)} ns per SET at pipeline ${PIPELINE}\n`);
