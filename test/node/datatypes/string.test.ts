import fc from "fast-check";
import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { INLINE_STRING_MAX_BYTES } from "../../../node/datatypes/long-string.ts";
import { copyValue, moveValue } from "../../../node/datatypes/move-value.ts";
import { LiveRecord } from "../../../node/datatypes/record.ts";
import {
  appendToString,
  overwriteString,
  stringSize,
  visitString,
  writeString,
} from "../../../node/datatypes/string.ts";
import { MapTransaction } from "../../support/map-transaction.ts";

const keys = Argv.of("k", "other");
const record = new LiveRecord();
const other = new LiveRecord();

function read(tx: MapTransaction, index = 0): Buffer | undefined {
  return tx.runToEnd(() => {
    if (!record.findArgument(tx, keys, index)) return undefined;
    const pieces: Buffer[] = [];
    const part = { record, start: 0, end: stringSize(record) };
    visitString(tx, part, (buf, start, end) => pieces.push(Buffer.from(buf.subarray(start, end))));
    return Buffer.concat(pieces);
  });
}

function write(tx: MapTransaction, value: Buffer): void {
  tx.runToEnd(() => {
    record.findArgument(tx, keys, 0);
    writeString(tx, record, value, 0, value.length);
  });
}

test("a string is inline up to the limit and a tree beyond it, and stays one while it is changed", () => {
  const tx = new MapTransaction();
  write(tx, Buffer.alloc(INLINE_STRING_MAX_BYTES, "a"));
  expect(tx.pages.size).toBe(0);
  tx.runToEnd(() => {
    record.findArgument(tx, keys, 0);
    appendToString(tx, record, Buffer.from("b"), 0, 1);
  });
  expect(tx.pages.size).toBeGreaterThan(0);
  expect(read(tx)?.length).toBe(INLINE_STRING_MAX_BYTES + 1);
  write(tx, Buffer.from("short"));
  expect([tx.pages.size, read(tx)?.toString()]).toEqual([0, "short"]);
});

test("patches of any place and size give what they give in a buffer", () => {
  const patch = fc.record({
    offset: fc.nat(40_000),
    size: fc.integer({ min: 1, max: 20_000 }),
    fill: fc.integer({ min: 1, max: 255 }),
  });
  fc.assert(
    fc.property(
      fc.option(fc.nat(20_000)),
      fc.array(patch, { maxLength: 5 }),
      fc.boolean(),
      (size, patches, missEverything) => {
        const tx = new MapTransaction({ missEverything });
        let model = Buffer.alloc(size ?? 0, "s");
        if (size !== null) write(tx, model);
        for (const { offset, size: added, fill } of patches) {
          const bytes = Buffer.alloc(added, fill);
          const grown = Buffer.alloc(Math.max(model.length, offset + added));
          model.copy(grown);
          bytes.copy(grown, offset);
          model = grown;
          const length = tx.runToEnd(() => {
            record.findArgument(tx, keys, 0);
            return overwriteString(tx, record, { offset, buf: bytes, start: 0, end: added });
          });
          expect(length).toBe(model.length);
        }
        expect(read(tx) ?? Buffer.alloc(0)).toEqual(model);
      },
    ),
    { numRuns: 60 },
  );
});

test("values are moved with their trees and copied with trees of their own", () => {
  for (const size of [10, 50_000]) {
    const tx = new MapTransaction();
    const value = Buffer.alloc(size, "v");
    write(tx, value);
    const pageCount = tx.pages.size;
    tx.runToEnd(() => {
      record.findArgument(tx, keys, 0);
      other.findArgument(tx, keys, 1);
      copyValue(tx, record, other);
    });
    expect([tx.pages.size, read(tx, 0), read(tx, 1)]).toEqual([2 * pageCount, value, value]);
    tx.runToEnd(() => {
      record.findArgument(tx, keys, 0);
      other.findArgument(tx, keys, 1);
      moveValue(tx, record, other);
    });
    expect([tx.pages.size, read(tx, 0), read(tx, 1)]).toEqual([pageCount, undefined, value]);
  }
});
