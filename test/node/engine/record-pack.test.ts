import fc from "fast-check";
import { expect, test } from "vitest";
import { recordKey } from "../../../node/engine/key-codec.ts";
import { RecordPack, SCANNED_VALUE_BYTES } from "../../../node/engine/record-pack.ts";
import { View } from "../../../node/engine/transaction.ts";

const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));

test("keys and the heads of values are as they were added, and found by hash", () => {
  const record = fc.record({ hash: fc.nat(50), key: bytes, value: bytes });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 200 }), fc.nat(51), (records, from) => {
      records.sort((a, b) => a.hash - b.hash);
      const pack = new RecordPack();
      for (const { hash, key, value } of records) {
        pack.add({ key: recordKey(1, hash, { buf: key, start: 0, end: key.length }), value });
      }
      const view = new View();
      const shown = records.map((_, index) => {
        pack.viewKey(index, view);
        const key = Buffer.from(view.buf.subarray(view.start, view.end));
        pack.viewValue(index, view);
        return { hash: pack.hashAt(index), key, value: Buffer.from(view.buf.subarray(view.start, view.end)) };
      });
      expect(pack.count).toBe(records.length);
      expect(shown).toEqual(records.map((each) => ({ ...each, value: each.value.subarray(0, SCANNED_VALUE_BYTES) })));
      expect(pack.firstFrom(from)).toBe(records.filter(({ hash }) => hash < from).length);
    }),
  );
});
