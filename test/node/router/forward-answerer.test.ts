import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { ForwardAnswerer } from "../../../node/router/forward-answerer.ts";
import type { ForwardHandler, ForwardResponder } from "../../../node/router/forwarding.ts";
import type { PeerLink } from "../../../node/router/peer-link.ts";

/** A link that keeps what is sent over it. */
function fakeLink() {
  const sent: { readonly name: string; readonly id: number; readonly message: unknown }[] = [];
  const send = (name: string, id: number, message: unknown) => sent.push({ name, id, message });
  return { link: { send } as unknown as PeerLink, sent };
}

/** A handler that answers nothing by itself. */
class SilentHandler implements ForwardHandler {
  readonly responders: ForwardResponder[] = [];
  readonly released: number[] = [];
  cancelledCount = 0;
  watchCount = 0;

  handle(_request: unknown, responder: ForwardResponder) {
    this.responders.push(responder);
    return { cancel: () => void this.cancelledCount++ };
  }

  handleRun() {}

  watch() {
    return ++this.watchCount;
  }

  unwatch(watchId: number) {
    this.released.push(watchId);
  }
}

const forward = { table: 1, slot: 0, epoch: 1, protocol: 2 as const, commands: [Argv.of("PING")], watchId: undefined };

function opened() {
  const handler = new SilentHandler();
  const answerer = new ForwardAnswerer(handler);
  const { link, sent } = fakeLink();
  answerer.onOpen(link);
  return { handler, answerer, link, sent };
}

test("a link with more unanswered forwards than one may have is a protocol error, and its end cancels them", () => {
  const { handler, answerer, link } = opened();
  const send = (id: number) => answerer.handlers.forward(link, id, forward as never);
  for (let id = 0; id < 131_072; id++) send(id);
  expect(() => send(131_072)).toThrow(/more forwards than it may have in flight/);
  handler.responders[0]?.refuse(1);
  send(131_072);
  answerer.onClose(link);
  expect(handler.cancelledCount).toBe(131_072);
});

test("a link's watches are bounded, one beyond is refused, and the link's end lets all go", () => {
  const { handler, answerer, link, sent } = opened();
  const watch = (id: number) => answerer.handlers.watch(link, id, { table: 1, slot: 0, keys: [] } as never);
  for (let id = 1; id <= 65_536; id++) watch(id);
  watch(70_000);
  expect(sent.at(-1)).toEqual({ name: "watchReply", id: 70_000, message: { watchId: undefined } });
  expect(handler.watchCount).toBe(65_536);
  answerer.handlers.unwatch(link, 0, { watchId: 5 });
  watch(70_001);
  expect(sent.at(-1)?.message).toEqual({ watchId: 65_537 });
  answerer.onClose(link);
  expect(handler.released.length).toBe(65_537);
});

test("a watch that the link did not make breaks the transaction", () => {
  const { handler, answerer, link, sent } = opened();
  answerer.handlers.forward(link, 1, { ...forward, watchId: 9 } as never);
  expect(sent.at(-1)).toEqual({ name: "forwardReply", id: 1, message: { kind: "watchBroken" } });
  expect(handler.responders).toEqual([]);
});

test("the keys of a link's watches are bounded by bytes; what is let go makes room", () => {
  const { handler, answerer, link, sent } = opened();
  const watch = (id: number, sizeBytes: number) =>
    answerer.handlers.watch(link, id, { table: 1, slot: 0, keys: [Buffer.alloc(sizeBytes)] } as never);
  const refused = { watchId: undefined };
  for (let id = 1; id <= 63; id++) watch(id, 1024 * 1024);
  expect(handler.watchCount).toBe(63);
  watch(64, 1024 * 1024);
  expect(sent.at(-1)?.message).toEqual(refused);
  expect(handler.watchCount).toBe(63);
  answerer.handlers.unwatch(link, 0, { watchId: 7 });
  answerer.handlers.unwatch(link, 0, { watchId: 7 });
  watch(65, 1024 * 1024);
  expect(sent.at(-1)?.message).toEqual({ watchId: 64 });
  watch(66, 1024 * 1024);
  expect(sent.at(-1)?.message).toEqual(refused);
});
