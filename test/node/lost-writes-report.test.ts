import { expect, test } from "vitest";
import { Argv } from "../../node/base/argv.ts";
import {
  commandSizeBytes,
  ENTRY_HEADER_BYTES,
  EntryHeader,
  KIND_NOOP,
  viewOf,
  writeCommand,
  writeHeader,
} from "../../node/binlog/entry.ts";
import { reportLostWrites } from "../../node/lost-writes-report.ts";
import { writeLostWrites } from "../../node/shard/lost-writes.ts";
import { MemoryFileSystem } from "../support/memory-file-system.ts";

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function entry(index: number, ...commands: (string | Buffer)[][]): Buffer {
  const lists = commands.map((args) => Argv.of(...args));
  const sizeBytes = lists.reduce((sum, argv) => sum + commandSizeBytes(argv), ENTRY_HEADER_BYTES);
  const buf = Buffer.alloc(sizeBytes);
  const view = viewOf(buf);
  const header = Object.assign(new EntryHeader(), { slot: 5, table: 1, term: 7, index, nowMs: NOW_MS, level: 1 });
  header.count = lists.length;
  if (lists.length === 0) header.kind = KIND_NOOP;
  let at = writeHeader(view, 0, header);
  for (const argv of lists) at = writeCommand({ buf, view }, at, argv);
  return buf;
}

function write(...bodies: Buffer[]): { files: MemoryFileSystem; path: string } {
  const files = new MemoryFileSystem();
  return { files, path: writeLostWrites(files, "/lost", { table: 1, slot: 5, term: 7, firstIndex: 3, bodies }) };
}

/** The lines that are told, and the error that ends it. */
function report(files: MemoryFileSystem, paths: readonly string[], isJson = false) {
  const lines: string[] = [];
  let error: unknown;
  try {
    reportLostWrites(paths, { isJson, files, line: (text) => lines.push(text) });
  } catch (thrown) {
    error = thrown;
  }
  return { lines, error };
}

test("an entry is a line: whose it is, when, and its commands, quoted and cut", () => {
  const { files, path } = write(
    entry(3, ["SET", 'k"\n', Buffer.from([0, 0xff, 0x41])]),
    entry(4, ["DEL", "a"], ["SET", "b", "x".repeat(1000)]),
    entry(5),
  );
  const where = (index: number) => `table 1 slot 5 term 7 index ${index} 2026-01-02T03:04:05.678Z`;
  expect(report(files, [path])).toEqual({
    error: undefined,
    lines: [
      `${where(3)} "SET" "k\\"\\n" "\\x00\\xffA"`,
      `${where(4)} "DEL" "a" ; "SET" "b" "${"x".repeat(128)}"…(1000 bytes)`,
      `${where(5)} noop`,
    ],
  });
});

test("as JSON arguments are whole, and base64 where they are no UTF-8", () => {
  const { files, path } = write(entry(3, ["SET", "ключ", Buffer.from([0xff, 0xfe])], ["SET", "b", "x".repeat(1000)]));
  const { lines, error } = report(files, [path], true);
  expect(error).toBeUndefined();
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      table: 1,
      slot: 5,
      term: 7,
      index: 3,
      time: "2026-01-02T03:04:05.678Z",
      kind: "commands",
      commands: [
        ["SET", "ключ", { base64: "//4=" }],
        ["SET", "b", "x".repeat(1000)],
      ],
    },
  ]);
});

test("a tail that is torn anywhere is named, after what lies before it", () => {
  const bodies = [entry(3, ["SET", "a", "1"]), entry(4, ["SET", "b", "2"])];
  const firstBytes = 8 + (bodies[0]?.length ?? 0);
  const wholeBytes = firstBytes + 8 + (bodies[1]?.length ?? 0);
  for (let sizeBytes = firstBytes + 1; sizeBytes < wholeBytes; sizeBytes++) {
    const { files, path } = write(...bodies);
    files.open(path, "write").truncate(sizeBytes);
    const { lines, error } = report(files, [path]);
    expect(lines).toHaveLength(1);
    expect(String(error)).toContain(`${path}: its last ${sizeBytes - firstBytes} bytes, from offset ${firstBytes} on`);
  }
});

test("damage is named with its place, and the other files are read", () => {
  const body = entry(3, ["SET", "a", "1"]);
  const fileBytes = 8 + body.length;
  for (let offset = 4; offset < fileBytes; offset++) {
    const { files, path } = write(body);
    const whole = writeLostWrites(files, "/lost", { table: 1, slot: 5, term: 7, firstIndex: 9, bodies: [body] });
    const file = files.open(path, "write");
    const byte = Buffer.alloc(1);
    file.read(byte, offset);
    file.write(Buffer.from([(byte[0] ?? 0) ^ 1]), { start: 0, end: 1 }, offset);
    const { lines, error } = report(files, [path, whole]);
    expect(lines).toHaveLength(1);
    expect(String(error)).toMatch(/1-5-7-3\.log: damaged, .* the record at offset 0 /);
  }
});

test("what is no such file is said to be none", () => {
  const files = new MemoryFileSystem();
  const text = Buffer.from('{"a file": "of another kind", "that": "is long enough"}');
  files.open("/other", "create").write(text, { start: 0, end: text.length }, 0);
  expect(String(report(files, ["/other", "/none"]).error)).toMatch(/\/other: damaged, or no file[^\n]*\n.*\/none/);
  const { files: others, path } = write(Buffer.from("framed, and no entry"));
  expect(String(report(others, [path]).error)).toMatch(/holds no entry/);
});
