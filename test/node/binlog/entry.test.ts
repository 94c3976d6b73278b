import fc from "fast-check";
import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { crc32 } from "../../../node/base/crc32.ts";
import {
  commandSizeBytes,
  ENTRY_HEADER_BYTES,
  EntryHeader,
  isWellFormedEntry,
  KIND_NOOP,
  readCommand,
  readHeader,
  viewOf,
  writeCommand,
  writeHeader,
} from "../../../node/binlog/entry.ts";

const scratch = { header: new EntryHeader(), argv: new Argv() };

function encode(header: Partial<EntryHeader>, ...commands: readonly Argv[]): Buffer {
  const size = ENTRY_HEADER_BYTES + commands.reduce((sum, argv) => sum + commandSizeBytes(argv), 0);
  const buf = Buffer.alloc(size);
  const out = { buf, view: viewOf(buf) };
  const whole = Object.assign(new EntryHeader(), { count: commands.length }, header);
  let at = writeHeader(out.view, 0, whole);
  for (const argv of commands) at = writeCommand(out, at, argv);
  expect(at).toBe(size);
  return buf;
}

test("the worked example of binlog.md", () => {
  const header = { slot: 5, table: 1, term: 1, index: 1, nowMs: 1_700_000_000_000, level: 1 };
  const body = encode(header, Argv.of("SET", "k", "v"));
  expect(body.toString("hex")).toBe(
    "010000050000000100000000000000010000000000000001" +
      "0000018bcfe56800000000000000000000010000" +
      "00000001" +
      "000000030000000353455400000001" +
      "6b0000000176",
  );
  expect(crc32(body, 0, body.length)).toBe(0x8d2b38d4);
});

test("headers and commands come back as they were", () => {
  const part = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  const command = fc.array(part, { minLength: 1, maxLength: 20 });
  const u48 = fc.integer({ min: 0, max: 2 ** 48 });
  const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const header = fc.record({
    slot: fc.integer({ min: 0, max: 16383 }),
    table: u32,
    term: u48,
    index: u48,
    nowMs: u48,
    seed: u32,
    previousCrc: u32,
    level: fc.integer({ min: 0, max: 65535 }),
  });
  fc.assert(
    fc.property(header, fc.array(command, { minLength: 1, maxLength: 4 }), (fields, commands) => {
      const body = encode(fields, ...commands.map((parts) => Argv.of(...parts)));
      expect(isWellFormedEntry(body, scratch)).toBe(true);
      const read = new EntryHeader();
      readHeader(viewOf(body), 0, read);
      expect(read).toEqual(Object.assign(new EntryHeader(), fields, { count: commands.length }));
      const argv = new Argv();
      let at = ENTRY_HEADER_BYTES;
      for (const parts of commands) {
        at = readCommand({ buf: body, view: viewOf(body) }, { at, end: body.length }, argv);
        expect(Array.from({ length: argv.count }, (_, i) => argv.view(i))).toEqual(parts);
      }
      expect(at).toBe(body.length);
    }),
  );
});

test("what is cut short, too long or of an unknown kind is not well formed", () => {
  const body = encode({ index: 1 }, Argv.of("SET", "k", "v"));
  for (let size = 0; size < body.length; size++) expect(isWellFormedEntry(body.subarray(0, size), scratch)).toBe(false);
  expect(isWellFormedEntry(Buffer.concat([body, Buffer.alloc(1)]), scratch)).toBe(false);
  expect(isWellFormedEntry(encode({ kind: 9 }), scratch)).toBe(false);
  expect(isWellFormedEntry(encode({ count: 0 }), scratch)).toBe(false);
  expect(isWellFormedEntry(encode({ kind: KIND_NOOP }), scratch)).toBe(true);
});
