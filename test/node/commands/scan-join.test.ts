import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { keyCommands } from "../../../node/commands/keys.ts";
import { ScanJoin } from "../../../node/commands/scan-join.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { ReplyWriter } from "../../../node/resp/reply.ts";
import { type Decoded, decodeReplies } from "../../support/reply-decoder.ts";
import { CommandRunner } from "../../support/run-command.ts";

function makeSlots(count: number): CommandRunner[] {
  return Array.from({ length: count }, () => new CommandRunner([...stringCommands, ...keyCommands]));
}

/** One SCAN of a client over all slots. */
function scan(slots: readonly CommandRunner[], ...args: string[]): Decoded {
  const join = new ScanJoin(Argv.of("SCAN", ...args), slots.length);
  while (!join.isDone) {
    const question = join.question();
    const parts = Array.from({ length: question.count }, (_, i) => question.text(i));
    const reply = slots[join.slot]?.callRaw("SCAN", ...parts.slice(1)) ?? "";
    join.add(Buffer.from(reply, "latin1"));
  }
  const writer = new ReplyWriter();
  join.write(writer);
  return decodeReplies(Buffer.from(writer.buf.subarray(0, writer.length)))[0] as Decoded;
}

function scanAll(
  slots: readonly CommandRunner[],
  ...options: string[]
): { readonly keys: string[]; readonly calls: number } {
  const keys: string[] = [];
  let cursor = "0";
  let calls = 0;
  do {
    const [next, found] = scan(slots, cursor, ...options) as [string, string[]];
    keys.push(...found);
    cursor = next;
    calls++;
  } while (cursor !== "0");
  return { keys: keys.toSorted(), calls };
}

test("the slots are walked in order, and every key is seen once", () => {
  const slots = makeSlots(8);
  const all = Array.from({ length: 100 }, (_, i) => `key${i}`);
  for (const [i, key] of all.entries()) slots[(i * i) % 8]?.call("SET", key, "v");
  for (const count of ["1", "7", "1000"]) {
    expect(scanAll(slots, "COUNT", count).keys).toEqual(all.toSorted());
  }
  expect(scanAll(slots, "MATCH", "key1?").keys.length).toBe(10);
});

test("sparse slots are joined until COUNT is reached", () => {
  const slots = makeSlots(64);
  slots[3]?.call("SET", "a", "v");
  slots[60]?.call("SET", "b", "v");
  expect(scanAll(slots)).toEqual({ keys: ["a", "b"], calls: 1 });
});

test("a call ends after so many empty slots, with a cursor to go on from", () => {
  const slots = makeSlots(1);
  const many = Array.from({ length: 2048 }, () => slots[0] as CommandRunner);
  expect(scanAll(many).calls).toBe(4);
});

test("cursors, errors and an early stop", () => {
  const slots = makeSlots(2);
  expect(scan(slots, "x")).toEqual({ error: "ERR invalid cursor" });
  expect(scan(slots, "0", "COUNT", "0")).toEqual({ error: "ERR syntax error" });
  expect(scan(slots, String(2 ** 33))).toEqual(["0", []]);
  expect(scan(slots, "18446744073709551615")).toEqual(["0", []]);

  const join = new ScanJoin(Argv.of("SCAN", "0"), 2);
  join.add(Buffer.from("*2\r\n$1\r\n0\r\n*0\r\n"));
  join.stop();
  const writer = new ReplyWriter();
  join.write(writer);
  expect(writer.buf.toString("latin1", 0, writer.length)).toBe("*2\r\n$10\r\n4294967296\r\n*0\r\n");

  const failed = new ScanJoin(Argv.of("SCAN", "0"), 2);
  failed.add(Buffer.from("-ERR gone\r\n"));
  writer.rewind(0);
  failed.write(writer);
  expect([failed.isDone, writer.buf.toString("latin1", 0, writer.length)]).toEqual([true, "-ERR gone\r\n"]);
});
