/**
 * What DUMP writes and RESTORE reads for each type: the elements in the inline layout of docs/formats/keys.md.
 * A payload is read whole and checked before anything is changed, because a command that fails changes nothing.
 */

import type { Argv } from "../base/argv.ts";
import type { Collection } from "../datatypes/collection.ts";
import type { DumpReader, DumpWriter } from "../datatypes/dump-format.ts";
import { Hash } from "../datatypes/hash.ts";
import { List } from "../datatypes/list.ts";
import { LiveRecord } from "../datatypes/record.ts";
import { RedisSet } from "../datatypes/set.ts";
import { stringSize, visitString, writeString } from "../datatypes/string.ts";
import { Zset } from "../datatypes/zset.ts";
import { readScore, SCORE_BYTES, writeScore } from "../datatypes/zset-score.ts";
import { RECORD_HASH, RECORD_LIST, RECORD_SET, RECORD_STRING, RECORD_ZSET } from "../engine/record-format.ts";
import type { Transaction } from "../engine/transaction.ts";

/** One type's part in DUMP and RESTORE. */
interface ValueDump {
  /** Writes the live value of the command's key. */
  dump(tx: Transaction, argv: Argv, writer: DumpWriter): void;
  /** Whether the rest of the payload is a value of this type. */
  isValid(reader: DumpReader): boolean;
  /** Makes the checked value the command's key's, in place of what it held. One named twice: the last counts. */
  restore(tx: Transaction, argv: Argv, source: RestoreSource): void;
}

interface RestoreSource {
  readonly reader: DumpReader;
  /** 0 for never. */
  readonly expireAtMs: number;
}

/** In both commands, the argument that is the key. */
const KEY_INDEX = 1;
const record = new LiveRecord();
const scoreBytes = Buffer.alloc(SCORE_BYTES);

const stringDump: ValueDump = {
  dump(tx, argv, writer) {
    record.findArgument(tx, argv, KEY_INDEX);
    visitString(tx, { record, start: 0, end: stringSize(record) }, (buf, start, end) => writer.bytes(buf, start, end));
  },
  isValid: () => true,
  restore(tx, argv, { reader, expireAtMs }) {
    reader.take(reader.remaining);
    record.findArgument(tx, argv, KEY_INDEX);
    record.expireAtMs = expireAtMs;
    writeString(tx, record, reader.buf, reader.start, reader.end);
  },
};

/** How a type of collection writes the element that it stands on, and takes one. */
interface ElementDump<C extends Collection> {
  readonly collection: C;
  /** Stands on each element in turn and calls `visit`. */
  readonly walk: (collection: C, visit: () => void) => void;
  readonly write: (collection: C, writer: DumpWriter) => void;
  /** Goes over one element; false where it is none. */
  readonly skip: (reader: DumpReader) => boolean;
  readonly add: (collection: C, reader: DumpReader) => void;
}

function walkSeekable(collection: { seek(index: number): void; next(): boolean }, visit: () => void): void {
  collection.seek(0);
  while (collection.next()) visit();
}

function makeCollectionDump<C extends Collection>(elements: ElementDump<C>): ValueDump {
  const { collection } = elements;
  return {
    dump(tx, argv, writer) {
      collection.open(tx, argv, KEY_INDEX);
      writer.count(collection.count());
      elements.walk(collection, () => elements.write(collection, writer));
    },
    isValid(reader) {
      const count = reader.takeCount();
      for (let i = 0; i < count; i++) if (!elements.skip(reader)) return false;
      return count > 0 && reader.remaining === 0;
    },
    restore(tx, argv, { reader, expireAtMs }) {
      collection.openEmpty(tx, argv, KEY_INDEX);
      collection.record.expireAtMs = expireAtMs;
      const count = reader.takeCount();
      for (let i = 0; i < count; i++) elements.add(collection, reader);
      collection.closeReplacing();
    },
  };
}

const listDump = makeCollectionDump<List>({
  collection: new List(),
  walk(list, visit) {
    list.visitForward(0, () => {
      visit();
      return true;
    });
  },
  write: ({ element }, writer) => writer.sized(element.buf, element.start, element.end),
  skip: (reader) => reader.takeSized(),
  add(list, reader) {
    reader.takeSized();
    list.insert(list.count(), reader.buf, reader.start, reader.end);
  },
});

const hashDump = makeCollectionDump<Hash>({
  collection: new Hash(),
  walk: walkSeekable,
  write({ element, value }, writer) {
    writer.sized(element.buf, element.start, element.end);
    writer.sized(value.buf, value.start, value.end);
  },
  skip: (reader) => reader.takeSized() && reader.takeSized(),
  add(hash, reader) {
    reader.takeSized();
    const { buf, start, end } = reader;
    reader.takeSized();
    hash.put(buf, start, end, buf, reader.start, reader.end);
  },
});

const setDump = makeCollectionDump<RedisSet>({
  collection: new RedisSet(),
  walk: walkSeekable,
  write: ({ element }, writer) => writer.sized(element.buf, element.start, element.end),
  skip: (reader) => reader.takeSized(),
  add(set, reader) {
    reader.takeSized();
    set.add(reader.buf, reader.start, reader.end);
  },
});

const zsetDump = makeCollectionDump<Zset>({
  collection: new Zset(),
  walk: walkSeekable,
  write(zset, writer) {
    writeScore(scoreBytes, 0, zset.score);
    writer.bytes(scoreBytes, 0, SCORE_BYTES);
    writer.sized(zset.element.buf, zset.element.start, zset.element.end);
  },
  skip: (reader) =>
    reader.take(SCORE_BYTES) && !Number.isNaN(readScore(reader.buf, reader.start)) && reader.takeSized(),
  add(zset, reader) {
    reader.take(SCORE_BYTES);
    const score = readScore(reader.buf, reader.start);
    reader.takeSized();
    const { buf, start, end } = reader;
    if (zset.find(buf, start, end)) zset.update(buf, start, end, score);
    else zset.add(buf, start, end, score);
  },
});

const DUMPS: Readonly<Record<number, ValueDump>> = {
  [RECORD_STRING]: stringDump,
  [RECORD_LIST]: listDump,
  [RECORD_HASH]: hashDump,
  [RECORD_SET]: setDump,
  [RECORD_ZSET]: zsetDump,
};

/** The part of a type; undefined where no value that can be restored has it. */
export function valueDumpOf(type: number): ValueDump | undefined {
  return DUMPS[type];
}
