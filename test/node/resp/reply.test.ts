import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDouble, type Protocol, ReplyWriter } from "../../../node/resp/reply.ts";

function written(protocol: Protocol, write: (reply: ReplyWriter) => void): string {
  const reply = new ReplyWriter();
  reply.protocol = protocol;
  write(reply);
  return reply.buf.toString("latin1", 0, reply.length);
}

type Case = [what: string, write: (reply: ReplyWriter) => void, resp2: string, resp3: string];

const CASES: Case[] = [
  ["simple", (r) => r.simple("PONG"), "+PONG\r\n", "+PONG\r\n"],
  ["ok", (r) => r.ok(), "+OK\r\n", "+OK\r\n"],
  ["error", (r) => r.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"],
  ["error that shows bytes", (r) => r.error("ERR \xc3\xa9\xff"), "-ERR \xc3\xa9\xff\r\n", "-ERR \xc3\xa9\xff\r\n"],
  ["error in other letters", (r) => r.error("ERR \u0142"), "-ERR \xc5\x82\r\n", "-ERR \xc5\x82\r\n"],
  ["integer", (r) => r.integer(-42), ":-42\r\n", ":-42\r\n"],
  ["integer 10", (r) => r.integer(10), ":10\r\n", ":10\r\n"],
  ["integer of ten digits", (r) => r.integer(9_876_543_210), ":9876543210\r\n", ":9876543210\r\n"],
  ["bigint", (r) => r.integer(9223372036854775807n), ":9223372036854775807\r\n", ":9223372036854775807\r\n"],
  ["bulk", (r) => r.bulk(Buffer.from("xaby"), 1, 3), "$2\r\nab\r\n", "$2\r\nab\r\n"],
  ["bulkText", (r) => r.bulkText("é"), "$2\r\n\xc3\xa9\r\n", "$2\r\n\xc3\xa9\r\n"],
  ["nil", (r) => r.nil(), "$-1\r\n", "_\r\n"],
  ["nilArray", (r) => r.nilArray(), "*-1\r\n", "_\r\n"],
  ["array", (r) => r.array(3), "*3\r\n", "*3\r\n"],
  ["map", (r) => r.map(3), "*6\r\n", "%3\r\n"],
  ["set", (r) => r.set(2), "*2\r\n", "~2\r\n"],
  ["push", (r) => r.push(2), "*2\r\n", ">2\r\n"],
  ["double", (r) => r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"],
  ["boolean", (r) => r.boolean(true), ":1\r\n", "#t\r\n"],
  ["verbatim", (r) => r.verbatim("txt", "hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"],
];

describe.each(CASES)("%s", (_what, write, resp2, resp3) => {
  it("has its form in both protocols", () => {
    expect(written(2, write)).toBe(resp2);
    expect(written(3, write)).toBe(resp3);
  });
});

it("grows for what does not fit, and keeps what was written", () => {
  const reply = new ReplyWriter();
  const big = Buffer.alloc(300_000, 120);
  reply.ok();
  reply.bulk(big);
  reply.bulkText("y".repeat(200_000));
  const text = reply.buf.toString("latin1", 0, reply.length);
  expect(text).toBe(`+OK\r\n$300000\r\n${"x".repeat(300_000)}\r\n$200000\r\n${"y".repeat(200_000)}\r\n`);
});

it("never writes past its buffer, whatever was written before", () => {
  const bytes = Buffer.alloc(70_000, 97);
  fc.assert(
    fc.property(fc.integer({ min: 65_500, max: 65_540 }), (size) => {
      const reply = new ReplyWriter();
      reply.raw(bytes, 0, size);
      reply.ok();
      reply.nil();
      reply.integer(12);
      expect(reply.buf.toString("latin1", size, reply.length)).toBe("+OK\r\n$-1\r\n:12\r\n");
    }),
  );
});

it("rewinds to a mark", () => {
  expect(
    written(2, (reply) => {
      reply.ok();
      const mark = reply.mark();
      reply.bulkText("gone");
      reply.rewind(mark);
      reply.integer(1);
    }),
  ).toBe("+OK\r\n:1\r\n");
});

it("gives back the room of a very long reply when cleared", () => {
  const reply = new ReplyWriter();
  reply.bulk(Buffer.alloc(8 * 1024 * 1024));
  reply.clear();
  expect(reply.length).toBe(0);
  expect(reply.buf.length).toBeLessThan(1024 * 1024);
});

it("puts what was written last in front", () => {
  const text = written(2, (reply) => {
    reply.ok();
    const mark = reply.mark();
    reply.integer(7);
    reply.integer(8);
    const from = reply.mark();
    reply.array(2);
    reply.putBefore(mark, from);
    reply.integer(9);
  });
  expect(text).toBe("+OK\r\n*2\r\n:7\r\n:8\r\n:9\r\n");
});

it.each([
  [3, "3"],
  [0.1, "0.10000000000000001"],
  [3.14, "3.1400000000000001"],
  [-1.5, "-1.5"],
  [0.0001, "0.0001"],
  [0.00001, "1.0000000000000001e-05"],
  [1e16, "10000000000000000"],
  [2 ** 56, "72057594037927936"],
  [1e17, "1e+17"],
  [1234567890123456 * 100, "1.234567890123456e+17"],
  [1.7976931348623157e308, "1.7976931348623157e+308"],
  [5e-324, "4.9406564584124654e-324"],
  [151894085233161 + 0.625, "151894085233161.62"],
  [151894085233161 + 0.875, "151894085233161.88"],
  [-0, "-0"],
  [Number.POSITIVE_INFINITY, "inf"],
  [Number.NEGATIVE_INFINITY, "-inf"],
  [Number.NaN, "nan"],
  [1e21, "1e+21"],
])("formats %d as %s, as redis-server 7.0 does", (value, text) => {
  expect(formatDouble(value)).toBe(text);
});

it("opens a bulk string that is given in pieces, and says when its memory is given away", () => {
  const reply = new ReplyWriter();
  reply.bulkBegin(4);
  reply.raw(Buffer.from("ab"));
  reply.raw(Buffer.from("cd"));
  reply.bulkEnd();
  expect(reply.buf.toString("latin1", 0, reply.length)).toBe("$4\r\nabcd\r\n");
  expect(reply.isGivenAway).toBe(false);
  reply.bulkBegin(5 * 1024 * 1024);
  const { buf } = reply;
  expect(reply.isGivenAway).toBe(true);
  reply.clear();
  expect(reply.buf).not.toBe(buf);
});
