import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Decoder } from "../../../node/resp/decoder.ts";
import { type DecoderLimits, FULL_LIMITS, UNAUTHENTICATED_LIMITS } from "../../../node/resp/limits.ts";

interface Result {
  commands: string[][];
  error: string;
}

/** Feeds the chunks one by one and gives all commands, as latin1 texts, up to the first error. */
function decode(chunks: readonly Buffer[], limits: DecoderLimits = FULL_LIMITS): Result {
  const decoder = new Decoder(limits);
  const commands: string[][] = [];
  for (const chunk of chunks) {
    decoder.feed(chunk);
    for (let got = decoder.next(); got !== "more"; got = decoder.next()) {
      if (got === "error") return { commands, error: decoder.error };
      commands.push(Array.from({ length: decoder.argv.count }, (_, i) => decoder.argv.text(i)));
    }
  }
  return { commands, error: "" };
}

function encode(command: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${command.length}\r\n`)];
  for (const part of command) parts.push(Buffer.from(`$${part.length}\r\n`), part, Buffer.from("\r\n"));
  return Buffer.concat(parts);
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const chunks: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    // A chunk of its own memory, as a socket gives it.
    chunks.push(Buffer.from(bytes.subarray(from, place)));
    from = place;
  }
  return chunks;
}

const text = (line: string) => decode([Buffer.from(line, "latin1")]);

describe("arrays", () => {
  it("gives the arguments of each command in place", () => {
    const chunk = Buffer.from("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n");
    const decoder = new Decoder();
    decoder.feed(chunk);
    expect(decoder.next()).toBe("command");
    expect(decoder.argv.buf).toBe(chunk);
    expect([decoder.argv.text(0), decoder.argv.text(1)]).toEqual(["GET", "a"]);
    expect(decoder.next()).toBe("command");
    expect(decoder.argv.text(0)).toBe("PING");
    expect(decoder.next()).toBe("more");
    expect(decoder.bufferedBytes).toBe(0);
  });

  it("ignores empty and negative counts", () => {
    expect(text("*0\r\n*-1\r\n*-10\r\n*1\r\n$4\r\nPING\r\n")).toEqual({ commands: [["PING"]], error: "" });
  });

  it("takes empty arguments", () => {
    expect(text("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n").commands).toEqual([["ECHO", ""]]);
  });

  it.each([
    ["*abc\r\n", "invalid multibulk length"],
    ["*01\r\n", "invalid multibulk length"],
    ["*\r\n", "invalid multibulk length"],
    ["*1048577\r\n", "invalid multibulk length"],
    ["*99999999999999999999999\r\n", "invalid multibulk length"],
    ["*--1\r\n", "invalid multibulk length"],
    ["*1\r\n:5\r\n", "expected '$', got ':'"],
    ["*1\r\n$-1\r\n", "invalid bulk length"],
    ["*1\r\n$x\r\n", "invalid bulk length"],
    ["*1\r\n$536870913\r\n", "invalid bulk length"],
    [`*${"1".repeat(70000)}`, "too big mbulk count string"],
    [`*1\r\n$${"1".repeat(70000)}`, "too big bulk count string"],
    ["x".repeat(70000), "too big inline request"],
    ['set "a\r\n', "unbalanced quotes in request"],
  ])("answers Redis's error to %.20j", (line, error) => {
    expect(text(line).error).toBe(`ERR Protocol error: ${error}`);
    const bytes = Buffer.from(line);
    const cuts = Array.from({ length: 300 }, (_, i) => i * 233);
    expect(decode(cut(bytes, cuts)).error).toBe(`ERR Protocol error: ${error}`);
  });

  it("wants less from a connection that has not authenticated", () => {
    const eleven = encode(Array.from({ length: 11 }, () => Buffer.from("a")));
    expect(decode([eleven], UNAUTHENTICATED_LIMITS).error).toBe("ERR Protocol error: unauthenticated multibulk length");
    const long = encode([Buffer.alloc(16 * 1024 + 1)]);
    expect(decode([long], UNAUTHENTICATED_LIMITS).error).toBe("ERR Protocol error: unauthenticated bulk length");
    expect(decode([encode([Buffer.alloc(16 * 1024)])], UNAUTHENTICATED_LIMITS).commands).toHaveLength(1);
  });

  it("decodes nothing after an error", () => {
    const decoder = new Decoder();
    decoder.feed(Buffer.from("*x\r\n*1\r\n$4\r\nPING\r\n"));
    expect(decoder.next()).toBe("error");
    expect(decoder.next()).toBe("error");
  });
});

describe("any cut of the bytes", () => {
  const argument = fc.oneof(
    { weight: 5, arbitrary: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 5000 }).map((size) => Buffer.alloc(size, 13)) },
  );
  const arrays = fc.array(argument, { minLength: 1, maxLength: 6 }).map(encode);
  const inline = fc
    .constantFrom("PING\r\n", 'set a "b\\x00c"\r\n', "\r\n", "*0\r\n", "*-1\r\n")
    .map((line) => Buffer.from(line));
  const cuts = fc.array(fc.nat(), { maxLength: 40 });

  it("gives the same commands", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(arrays, inline), { maxLength: 12 }), cuts, (parts, places) => {
        const bytes = Buffer.concat(parts);
        const whole = decode([bytes]);
        expect(whole.error).toBe("");
        expect(decode(cut(bytes, places))).toEqual(whole);
      }),
    );
  });

  it("gives the same for garbage, errors included", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "*",
        "$",
        "\r\n",
        "1",
        "0",
        "-1",
        "3",
        "*1\r\n",
        "$3\r\nabc\r\n",
        '"',
        "'",
        "\\x",
        " ",
        "PING\r\n",
      ),
      fc.string({ unit: "binary", maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), cuts, (pieces, places) => {
        const bytes = Buffer.from(pieces.join(""), "latin1");
        expect(decode(cut(bytes, places))).toEqual(decode([bytes]));
      }),
      { numRuns: 500 },
    );
  });
});

describe("memory", () => {
  it("allocates nothing for what is only claimed", () => {
    const decoder = new Decoder();
    const before = process.memoryUsage().arrayBuffers;
    decoder.feed(Buffer.from("*1048576\r\n$536870912\r\nx"));
    expect(decoder.next()).toBe("more");
    decoder.feed(Buffer.from("y"));
    expect(decoder.next()).toBe("more");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });

  it("takes a bulk string of many chunks with few copies", () => {
    const size = 8 * 1024 * 1024;
    const bytes = encode([Buffer.from("SET"), Buffer.from("k"), Buffer.alloc(size, 7)]);
    const decoder = new Decoder();
    const buffers = new Set<ArrayBufferLike>();
    for (let at = 0; at < bytes.length; at += 1000) {
      decoder.feed(bytes.subarray(at, at + 1000));
      if (decoder.next() === "command") break;
      buffers.add(decoder.argv.buf.buffer);
    }
    expect(decoder.argv.lengthOf(2)).toBe(size);
    // Doubling from 1,000 bytes to 8 MiB: about 13 buffers, where copying each time would make 8,000.
    expect(buffers.size).toBeLessThan(20);
  });

  it("gives back the room of a command with very many arguments", () => {
    const decoder = new Decoder();
    decoder.feed(encode(Array.from({ length: 50000 }, () => Buffer.from("a"))));
    expect(decoder.next()).toBe("command");
    expect(decoder.argv.count).toBe(50000);
    decoder.feed(encode([Buffer.from("PING")]));
    expect(decoder.next()).toBe("command");
    expect(decoder.argv.offsets.length).toBeLessThan(5000);
  });
});
