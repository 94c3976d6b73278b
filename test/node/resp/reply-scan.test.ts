import fc from "fast-check";
import { expect, it } from "vitest";
import { ReplyWriter } from "../../../node/resp/reply.ts";
import { headerNumber, isErrorReply, lineEnd, replyEnd } from "../../../node/resp/reply-scan.ts";

type Value = string | number | null | Value[];

function write(reply: ReplyWriter, value: Value): void {
  if (value === null) reply.nil();
  else if (typeof value === "number") reply.integer(value);
  else if (typeof value === "string") reply.bulkText(value);
  else {
    reply.array(value.length);
    for (const element of value) write(reply, element);
  }
}

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.integer(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
  ),
}));

it("finds the end of each of several replies", () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 6 }), fc.constantFrom(2 as const, 3 as const), (values, protocol) => {
      const reply = new ReplyWriter();
      reply.protocol = protocol;
      const ends = values.map((element) => {
        write(reply, element);
        return reply.length;
      });
      let at = 0;
      for (const end of ends) {
        at = replyEnd(reply.buf, at);
        expect(at).toBe(end);
      }
    }),
  );
});

it("knows maps, sets, verbatim texts and one-line types", () => {
  for (const text of [
    "%1\r\n+a\r\n:1\r\n",
    "~2\r\n#t\r\n,1.5\r\n",
    "=6\r\ntxt:hi\r\n",
    "_\r\n",
    "*-1\r\n",
    "$-1\r\n",
    "-ERR x\r\n",
  ]) {
    expect(replyEnd(Buffer.from(`${text}+next\r\n`), 0)).toBe(text.length);
  }
});

it("reads headers", () => {
  expect(headerNumber(Buffer.from("*12\r\n"), 0)).toBe(12);
  expect(headerNumber(Buffer.from("x$-1\r\n"), 1)).toBe(-1);
  expect(lineEnd(Buffer.from("+OK\r\n+B\r\n"), 5)).toBe(9);
  expect(isErrorReply(Buffer.from("-ERR x\r\n"))).toBe(true);
  expect(isErrorReply(Buffer.from(":-1\r\n"))).toBe(false);
});
