import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { tableId } from "../../../node/meta/ids.ts";
import { AskedRuns } from "../../../node/router/asked-runs.ts";
import type { ForwardedOne } from "../../../node/router/forwarding.ts";
import type { PeerLink } from "../../../node/router/peer-link.ts";

/** What a link was given, and the end of its turn. */
function setUp() {
  const sent: { id: number; count: number }[] = [];
  const ends: (() => void)[] = [];
  let lastId = 0;
  const link = {
    send: (_name: string, id: number, { count }: { count: number }) => sent.push({ id, count }),
    atTurnEnd: (run: () => void) => ends.push(run),
    flush: () => {},
  } as unknown as PeerLink;
  const runs = new AskedRuns(() => ++lastId);
  const got: string[] = [];
  const one = (text: string, over: Partial<ForwardedOne> = {}): ForwardedOne => ({
    table: tableId(1),
    slot: 0,
    epoch: 1,
    protocol: 2,
    argv: Argv.of("ECHO", text),
    onForwardReply: (buf, start, end) => got.push(buf.toString("latin1", start, end)),
    onForwardResult: (result) => got.push(`${text} ${result.kind}`),
    ...over,
  });
  const endTurn = () => {
    for (const end of ends.splice(0)) end();
  };
  return { runs, link, sent, got, one, endTurn };
}

const replyOf = (first: number, ...texts: readonly string[]) => ({
  first,
  count: texts.length,
  epoch: 2,
  lengths: texts.map((text) => text.length),
  buf: Buffer.from(texts.join("")),
  start: 0,
});

it("sends the commands of a turn once, at its end, and gives each its answer", () => {
  const { runs, link, sent, got, one, endTurn } = setUp();
  for (const text of ["a", "b", "c"]) expect(runs.add(link, one(text))).toBe(true);
  expect(sent).toEqual([]);
  endTurn();
  endTurn();
  expect(sent).toEqual([{ id: 1, count: 3 }]);
  runs.onReply(1, replyOf(1, "", "C"));
  runs.onReply(1, replyOf(0, "A"));
  expect(got).toEqual(["b refused", "C", "A"]);
  expect([runs.commandCount, runs.has(1)]).toEqual([0, false]);
});

it("begins another run for another epoch, protocol or table, and when one is full", () => {
  const { runs, link, sent, one, endTurn } = setUp();
  runs.add(link, one("a"));
  runs.add(link, one("b", { epoch: 2 }));
  runs.add(link, one("c", { epoch: 2, protocol: 3 }));
  runs.add(link, one("d", { epoch: 2, protocol: 3, table: tableId(2) }));
  endTurn();
  expect(sent.map(({ count }) => count)).toEqual([1, 1, 1, 1]);
  for (let i = 0; i < 1025; i++) runs.add(link, one("x"));
  expect(sent.at(-1)?.count).toBe(1024);
  expect(runs.add(link, one("x".repeat(20_000)))).toBe(false);
});

it("takes no answer twice, and none that was not asked for", () => {
  const { runs, link, one, got, endTurn } = setUp();
  runs.add(link, one("a"));
  runs.add(link, one("b"));
  endTurn();
  runs.onReply(1, replyOf(0, "A"));
  expect(() => runs.onReply(1, replyOf(0, "A", "B"))).toThrow(/not awaited/);
  expect(() => runs.onReply(1, replyOf(1, "B", "C"))).toThrow(/not awaited/);
  expect(() => runs.onReply(9, replyOf(0, "A"))).toThrow(/not awaited/);
  expect(got).toEqual(["A"]);
});

it("tells what was sent from what was not when the link ends", () => {
  const { runs, link, one, endTurn, sent } = setUp();
  runs.add(link, one("a"));
  runs.add(link, one("b"));
  endTurn();
  runs.onReply(1, replyOf(0, "A"));
  const last = one("c");
  runs.add(link, last);
  const all = runs.takeAll();
  expect([all.sent.length, all.sent[0]?.argv.text(1), all.unsent]).toEqual([1, "b", [last]]);
  endTurn();
  expect([sent.length, runs.commandCount]).toEqual([1, 0]);
});
