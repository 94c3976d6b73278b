import { beforeEach, expect, it } from "vitest";
import { tableId } from "../../../node/meta/ids.ts";
import { PositionAsker } from "../../../node/replication/position-asker.ts";
import type { MessageName, MessageOf } from "../../../node/wire/messages.ts";
import type { AskedSlot, PositionsAsk } from "../../../node/wire/positions.ts";
import { nodeIdOf } from "../../support/topology-arbitrary.ts";

const NODE = nodeIdOf(2);
const NOTHING = { term: 0, index: 0, crc: 0 };

class TestChannel {
  readonly peer = NODE;
  readonly hasBulkRoom = true;
  readonly isOpen = true;
  readonly asks: { readonly id: number; readonly ask: PositionsAsk }[] = [];

  send<N extends MessageName>(_name: N, id: number, message: MessageOf<N>): void {
    this.asks.push({ id, ask: message as unknown as PositionsAsk });
  }

  sendUrgent(): void {}
}

let deferred: (() => void)[];
let told: string[];
let asker: PositionAsker;
let channel: TestChannel;

beforeEach(() => {
  deferred = [];
  told = [];
  asker = new PositionAsker({ epoch: () => 9, defer: (run) => deferred.push(run) });
  asker.listen({
    onLinked: () => told.push("linked"),
    onUnlinked: () => told.push("unlinked"),
    onStanding: (_node, { slot }, { kind, last }) => told.push(`${slot} ${kind} ${last.index}`),
    onAnswered: () => told.push("answered"),
  });
  channel = new TestChannel();
});

function slotOf(slot: number, index = 0): AskedSlot {
  return { table: tableId(1), slot, replica: 1, term: 5, last: { ...NOTHING, index } };
}

function endTurn(): void {
  for (const run of deferred.splice(0)) run();
}

it("asks for all slots of a turn at once, with and without a promise apart", () => {
  asker.ask(NODE, slotOf(0), false);
  asker.onOpen(channel);
  expect(asker.isLinked(NODE)).toBe(true);
  asker.ask(NODE, slotOf(1), false);
  asker.ask(NODE, slotOf(2), false);
  asker.ask(NODE, slotOf(3), true);
  endTurn();
  expect(channel.asks).toEqual([
    { id: 1, ask: { epoch: 9, wantsPromise: false, slots: [slotOf(1), slotOf(2)] } },
    { id: 2, ask: { epoch: 9, wantsPromise: true, slots: [slotOf(3)] } },
  ]);
});

it("takes slots that an answer does not list to stand where its own do", () => {
  asker.onOpen(channel);
  asker.ask(NODE, slotOf(1, 7), false);
  asker.ask(NODE, slotOf(2, 8), false);
  endTurn();
  const listed = { table: tableId(1), slot: 2, kind: "copying", term: 4, last: NOTHING } as const;
  asker.handlers.positionsAnswer(channel, 1, { slots: [listed] });
  expect(told).toEqual(["linked", "1 standing 7", "2 copying 0", "answered"]);
  expect(() => asker.handlers.positionsAnswer(channel, 1, { slots: [] })).toThrow("not asked");
});

it("counts no answer of a link that another has replaced", () => {
  asker.onOpen(channel);
  asker.ask(NODE, slotOf(1), false);
  endTurn();
  const newer = new TestChannel();
  asker.onOpen(newer);
  asker.onClose(channel);
  asker.handlers.positionsAnswer(channel, 1, { slots: [] });
  expect(told).toEqual(["linked", "linked"]);
  asker.onClose(newer);
  expect(told.at(-1)).toBe("unlinked");
  expect(asker.isLinked(NODE)).toBe(false);
});
