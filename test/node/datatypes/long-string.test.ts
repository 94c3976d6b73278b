import fc from "fast-check";
import { expect, test } from "vitest";
import {
  createLongString,
  longStringSize,
  overwriteLongString,
  visitLongString,
} from "../../../node/datatypes/long-string.ts";
import { MapTransaction } from "../../support/map-transaction.ts";

function read(tx: MapTransaction, descriptor: Buffer, from: number, to: number): Buffer {
  return tx.runToEnd(() => {
    const pieces: Buffer[] = [];
    visitLongString(tx, { buf: descriptor, at: 0, from, to }, (buf, start, end) => {
      pieces.push(Buffer.from(buf.subarray(start, end)));
    });
    return Buffer.concat(pieces);
  });
}

test("patches give what they give in a buffer", () => {
  const patch = fc.record({ offset: fc.nat(120_000), size: fc.nat(20_000), fill: fc.integer({ min: 1, max: 255 }) });
  fc.assert(
    fc.property(fc.nat(60_000), fc.array(patch, { maxLength: 6 }), fc.boolean(), (size, patches, missEverything) => {
      const tx = new MapTransaction({ missEverything });
      let model = Buffer.alloc(size, "s");
      let descriptor = tx.runToEnd(() => createLongString(tx, model, 0, size));
      for (const { offset, size: added, fill } of patches) {
        const bytes = Buffer.alloc(added, fill);
        descriptor = tx.runToEnd(() =>
          overwriteLongString(tx, { buf: descriptor, at: 0 }, { offset, buf: bytes, start: 0, end: added }),
        );
        const grown = Buffer.alloc(Math.max(model.length, offset, offset + added));
        model.copy(grown);
        bytes.copy(grown, offset);
        model = grown;
      }
      expect(longStringSize(descriptor, 0)).toBe(model.length);
      expect(read(tx, descriptor, 0, model.length).equals(model)).toBe(true);
    }),
    { numRuns: 60 },
  );
});
