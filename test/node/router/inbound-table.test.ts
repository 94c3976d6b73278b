import { expect, it } from "vitest";
import { InboundTable, isProtocolError } from "../../../node/router/inbound-table.ts";
import { FrameReader, FrameWriter } from "../../../node/wire/frame.ts";
import { MESSAGES } from "../../../node/wire/messages.ts";
import { IGNORED_BY_ACCEPTOR } from "../../support/peer-node.ts";

function frameOf(type: number, payload: Buffer): FrameReader {
  const out = new FrameWriter();
  out.beginFrame(type, 7);
  out.raw(payload, 0, payload.length);
  out.endFrame();
  const frame = new FrameReader();
  frame.push(Buffer.from(out.written()));
  frame.next();
  return frame;
}

function tableOf(seen: unknown[]) {
  const ignore = () => {};
  return new InboundTable<string>("dialer", {
    ...IGNORED_BY_ACCEPTOR,
    ping: ignore,
    forward: ignore,
    forwardRun: ignore,
    cancel: ignore,
    watch: ignore,
    unwatch: (source, id, message) => seen.push([source, id, message.watchId]),
  });
}

it("gives a message to its handler, with where it came from", () => {
  const seen: unknown[] = [];
  tableOf(seen).dispatch("link", frameOf(MESSAGES.unwatch.type, Buffer.from([0, 0, 0, 9])));
  expect(seen).toEqual([["link", 7, 9]]);
});

it("refuses what the other side does not send, and payloads that do not fit", () => {
  const refused = (type: number, payload: Buffer) => {
    try {
      tableOf([]).dispatch("link", frameOf(type, payload));
    } catch (error) {
      return isProtocolError(error);
    }
    return false;
  };
  expect(refused(MESSAGES.pong.type, Buffer.alloc(0))).toBe(true);
  expect(refused(0xfe, Buffer.alloc(0))).toBe(true);
  expect(refused(1, Buffer.alloc(0))).toBe(true);
  expect(refused(MESSAGES.ping.type, Buffer.alloc(1))).toBe(true);
  expect(refused(MESSAGES.unwatch.type, Buffer.alloc(3))).toBe(true);
  expect(isProtocolError(new Error("other"))).toBe(false);
});
