import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { slotOf } from "../../../node/meta/slot.ts";
import { ReplyWriter } from "../../../node/resp/reply.ts";
import { joinLeaders, joinParts, splitByKeys } from "../../../node/router/fan-out.ts";

const words = (argv: Argv) => Array.from({ length: argv.count }, (_, i) => argv.text(i));
const written = (write: (reply: ReplyWriter) => void) => {
  const reply = new ReplyWriter();
  write(reply);
  return reply.buf.toString("latin1", 0, reply.length);
};
const bytes = (...texts: string[]) => texts.map((text) => Buffer.from(text));

describe("splitByKeys", () => {
  it("puts each key with its values to its slot, in order", () => {
    const argv = Argv.of("MSET", "a", 1, "b", 2, "c", 3, "a", 4);
    const slots = new Map([
      ["a", 5],
      ["b", 0],
      ["c", 5],
    ]);
    const parts = splitByKeys(argv, {
      positions: [1, 3, 5, 7],
      step: 2,
      slotOf: (buf, start, end) => slots.get(buf.toString("latin1", start, end)) as number,
    });
    expect(parts.map(({ slot, argv: part, places }) => [slot, words(part), places])).toEqual([
      [5, ["MSET", "a", "1", "c", "3", "a", "4"], [0, 2, 3]],
      [0, ["MSET", "b", "2"], [1]],
    ]);
  });
});

describe("joinParts", () => {
  it("gives back the order of the keys, whatever the slots", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 20 }), (keys) => {
        const argv = Argv.of("MGET", ...keys);
        const parts = splitByKeys(argv, {
          positions: keys.map((_, i) => i + 1),
          step: 1,
          slotOf: (buf, start, end) => slotOf(buf, start, end, 16),
        });
        // Each slot answers the keys themselves as values.
        const answered = parts.map(({ argv: part, places }) => {
          const reply = new ReplyWriter();
          reply.array(part.count - 1);
          for (let i = 1; i < part.count; i++) reply.bulk(part.view(i));
          return { places, reply: Buffer.from(reply.buf.subarray(0, reply.length)) };
        });
        const expected = written((reply) => {
          reply.array(keys.length);
          for (const key of keys) reply.bulkText(key);
        });
        expect(written((reply) => joinParts("array", answered, reply))).toBe(expected);
      }),
    );
  });

  it("sums, confirms, and passes on the first error", () => {
    const parts = (...texts: string[]) => bytes(...texts).map((reply) => ({ places: [], reply }));
    expect(written((reply) => joinParts("sum", parts(":2\r\n", ":3\r\n"), reply))).toBe(":5\r\n");
    expect(written((reply) => joinParts("ok", parts("+OK\r\n", "+OK\r\n"), reply))).toBe("+OK\r\n");
    expect(written((reply) => joinParts("sum", parts(":2\r\n", "-ERR a\r\n", "-ERR b\r\n"), reply))).toBe("-ERR a\r\n");
  });
});

describe("joinLeaders", () => {
  const join = (how: "arrays" | "sum" | "ok" | "anyValue", pick: number, ...replies: string[]) =>
    written((reply) => joinLeaders({ join: how, pick }, bytes(...replies), reply));

  it("joins by kind", () => {
    expect(join("arrays", 0, "*1\r\n+a\r\n", "*0\r\n", "*2\r\n+b\r\n+c\r\n")).toBe("*3\r\n+a\r\n+b\r\n+c\r\n");
    expect(join("sum", 0, ":1\r\n", ":0\r\n")).toBe(":1\r\n");
    expect(join("ok", 0, "+OK\r\n")).toBe("+OK\r\n");
    expect(join("sum", 0)).toBe(":0\r\n");
    expect(join("arrays", 0, "*1\r\n+a\r\n", "-CLUSTERDOWN x\r\n")).toBe("-CLUSTERDOWN x\r\n");
  });

  it("takes any value there is", () => {
    expect(join("anyValue", 0.99, "$-1\r\n", "$1\r\na\r\n", "_\r\n", "$0\r\n\r\n")).toBe("$0\r\n\r\n");
    expect(join("anyValue", 0, "$-1\r\n", "$1\r\na\r\n", "$1\r\nb\r\n")).toBe("$1\r\na\r\n");
    expect(join("anyValue", 0.5, "$-1\r\n", "_\r\n")).toBe("$-1\r\n");
  });
});
