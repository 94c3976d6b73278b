import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { ByteReader } from "../../../node/wire/byte-reader.ts";
import { ByteWriter } from "../../../node/wire/byte-writer.ts";
import { forwardRunCodec, forwardRunReplyCodec, writeRunCommand } from "../../../node/wire/forward-run.ts";
import { FrameWriter } from "../../../node/wire/frame.ts";

const hex = (text: string) => text.replaceAll(" ", "");

function framed(type: number, write: (out: FrameWriter) => void): string {
  const out = new FrameWriter();
  out.beginFrame(type, 7);
  write(out);
  out.endFrame();
  return out.written().toString("hex");
}

function runOf(...commands: readonly [slot: number, argv: Argv][]) {
  const body = new ByteWriter();
  for (const [slot, argv] of commands) writeRunCommand(body, slot, argv);
  return { table: 1, epoch: 9, protocol: 2 as const, count: commands.length, slots: [], commands: [], body };
}

function read<T>(codec: { read(input: ByteReader): T }, bytes: Buffer): T {
  const input = new ByteReader();
  input.reset(bytes, 0, bytes.length);
  const message = codec.read(input);
  input.finish();
  return message;
}

const REPLY = { first: 0, count: 1, epoch: 9, lengths: [5], buf: Buffer.from("+OK\r\n"), start: 0 };

it("has the documented bytes", () => {
  expect(framed(0x16, (out) => forwardRunCodec.write(out, runOf([3, Argv.of("GET", "k")])))).toBe(
    hex(
      "00 00 00 17 f6 60 49 17 16 00 00 00 00 00 00 07 00 00 00 01 00 00 00 00 00 00 00 09 00 01 00 03 02 03 47 45 54 01 6b",
    ),
  );
  expect(framed(0x17, (out) => forwardRunReplyCodec.write(out, REPLY))).toBe(
    hex("00 00 00 10 ed 5c 52 a5 17 00 00 00 00 00 00 07 00 01 00 00 00 00 00 00 00 09 05 2b 4f 4b 0d 0a"),
  );
});

it("gives every command with its slot, and every reply with its bytes, refused ones too", () => {
  const out = new ByteWriter();
  forwardRunCodec.write(out, runOf([3, Argv.of("GET", "k")], [16_383, Argv.of("SET", "", "x".repeat(300))]));
  const run = read(forwardRunCodec, out.written());
  expect([run.count, run.slots[0], run.slots[1]]).toEqual([2, 3, 16_383]);
  expect(run.commands[0]?.text(1)).toBe("k");
  expect([run.commands[1]?.count, run.commands[1]?.lengthOf(1), run.commands[1]?.lengthOf(2)]).toEqual([3, 0, 300]);
  const reply = new ByteWriter();
  forwardRunReplyCodec.write(reply, { ...REPLY, first: 4, count: 2, lengths: [0, 5] });
  const got = read(forwardRunReplyCodec, reply.written());
  expect([got.first, got.count, got.epoch, got.lengths[0], got.lengths[1]]).toEqual([4, 2, 9, 0, 5]);
  expect(got.buf.toString("latin1", got.start, got.start + 5)).toBe("+OK\r\n");
});

it.each([
  ["an empty run", forwardRunCodec, "00000001 0000000000000009 00 00"],
  ["flags of later versions", forwardRunCodec, "00000001 0000000000000009 02 01 0003 01 0141"],
  ["a command without a name", forwardRunCodec, "00000001 0000000000000009 00 01 0003 00 00"],
  ["a run that ends too early", forwardRunCodec, "00000001 0000000000000009 00 01 0003 02 0141"],
  ["more commands than a run has", forwardRunCodec, `00000001 0000000000000009 00 8110 ${"00030101".repeat(2100)}`],
  ["no reply", forwardRunReplyCodec, "00 00 0000000000000009"],
  ["replies behind the longest run", forwardRunReplyCodec, "ff07 02 0000000000000009 0000"],
  ["a reply that ends too early", forwardRunReplyCodec, "00 01 0000000000000009 05 2b4f"],
])("refuses %s", (_what, codec, bytes) => {
  expect(() => read<unknown>(codec, Buffer.from(hex(bytes), "hex"))).toThrow(/a peer sent/);
});
