import { expect, test } from "vitest";
import type { Argv } from "../../node/base/argv.ts";
import type { DataCommand, DataContext } from "../../node/commands/command.ts";
import { MISS, View } from "../../node/engine/transaction.ts";
import { MapTransaction } from "./map-transaction.ts";
import { CommandRunner } from "./run-command.ts";

function keyOf(text: string): { buf: Buffer; start: number; end: number } {
  return { buf: Buffer.from(text), start: 0, end: text.length };
}

function put(tx: MapTransaction, key: string, value: string): void {
  tx.writeRecord(keyOf(key), Buffer.from([1]), Buffer.from(value), 0, value.length);
}

function get(tx: MapTransaction, key: string): string | undefined {
  const out = new View();
  const { buf, start, end } = keyOf(key);
  return tx.readRecord(buf, start, end, out) ? out.buf.toString("latin1", out.start + 1, out.end) : undefined;
}

test("the overlay is seen by its own reads, and gone after a rollback", () => {
  const tx = new MapTransaction();
  tx.runToEnd(() => put(tx, "a", "1"));
  tx.begin();
  put(tx, "a", "2");
  tx.deleteRecord(Buffer.from("b"), 0, 1);
  expect(get(tx, "a")).toBe("2");
  tx.rollback();
  expect(tx.runToEnd(() => get(tx, "a"))).toBe("1");
});

test("every first read misses once when everything misses", () => {
  const tx = new MapTransaction({ missEverything: true });
  tx.runToEnd(() => put(tx, "a", "1"));
  tx.begin();
  expect(() => get(tx, "a")).toThrow(MISS as unknown as Error);
  tx.rollback();
  expect(tx.runToEnd(() => [get(tx, "a"), get(tx, "b"), get(tx, "a")])).toEqual(["1", undefined, "1"]);
  expect(tx.missCount).toBe(2);
});

test("a view is unreadable once the transaction has ended", () => {
  const tx = new MapTransaction();
  tx.runToEnd(() => put(tx, "a", "1"));
  const out = new View();
  tx.runToEnd(() => tx.readRecord(Buffer.from("a"), 0, 1, out));
  expect(out.buf[0]).toBe(0xaa);
});

test("pages are edited in a copy that grows, and discarded with their tree", () => {
  const tx = new MapTransaction();
  tx.runToEnd(() => tx.writePage(tx.newTreeId(), 1, Buffer.from("page")));
  tx.runToEnd(() => {
    const first = tx.editPage(1, 1, { capacity: 2, from: 0, to: 1 });
    first.buf.write("P", first.start);
    const grown = tx.editPage(1, 1, { capacity: 8, from: 4, to: 5 });
    grown.buf.write("!", grown.start + 4);
  });
  expect(tx.pages.get("1:1")?.toString("latin1", 0, 5)).toBe("Page!");
  tx.runToEnd(() => tx.discardTree(1));
  expect(tx.pages.size).toBe(0);
});

test("records are scanned in the order of their hashes, whole hashes at a time", () => {
  const tx = new MapTransaction();
  const keys = Array.from({ length: 50 }, (_, i) => `key${i}`);
  tx.runToEnd(() => keys.forEach((key) => void put(tx, key, "v")));
  const seen: string[] = [];
  let from = 0;
  while (from >= 0) {
    from = tx.runToEnd(() =>
      tx.scanRecords(from, (key) => {
        seen.push(key.buf.toString("latin1", key.start, key.end));
        return false;
      }),
    );
  }
  expect(seen.toSorted()).toEqual(keys.toSorted());
});

const set: DataCommand = {
  name: "put",
  scope: "data",
  arity: 3,
  flags: ["write"],
  keys: { kind: "range", first: 1, last: 1, step: 1 },
  group: "string",
  since: "1.0.0",
  summary: "",
  complexity: "O(1)",
  execute: ({ argv, reply, tx }: DataContext) => {
    const existed = tx.readRecord(argv.buf, argv.start(1), argv.end(1), new View());
    tx.writeRecord(keyRange(argv), Buffer.from([1]), argv.buf, argv.start(2), argv.end(2));
    if (existed) reply.array(2);
    if (existed) reply.nil();
    reply.ok();
  },
};

function keyRange(argv: Argv): { buf: Buffer; start: number; end: number } {
  return { buf: argv.buf, start: argv.start(1), end: argv.end(1) };
}

test("a command runs warm and missing, with decoded replies", () => {
  const runner = new CommandRunner([set]);
  expect(runner.call("PUT", "a", "\xff")).toBe("OK");
  expect(runner.call("PUT", "a", 2)).toEqual([null, "OK"]);
  expect(runner.callRaw("put", "a", "b")).toBe("*2\r\n$-1\r\n+OK\r\n");
  expect(runner.call("put", "a")).toEqual({ error: "ERR wrong number of arguments for 'put' command" });
});

test("a command that keeps state between attempts is found out", () => {
  let runs = 0;
  const execute = ({ argv, reply, tx }: DataContext) => {
    runs++;
    tx.readRecord(argv.buf, argv.start(1), argv.end(1), new View());
    reply.integer(runs);
  };
  const runner = new CommandRunner([{ ...set, execute }]);
  expect(() => runner.call("put", "a", "b")).toThrow("replies the same");
});

test("a command that is not flagged write may not write", () => {
  const runner = new CommandRunner([{ ...set, flags: ["readonly"] }]);
  expect(() => runner.call("put", "a", "b")).toThrow("flag write");
});
