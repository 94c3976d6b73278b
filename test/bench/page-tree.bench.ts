/**
 * Timings of trees with 1,000 and 1,000,000 elements: `node test/bench/page-tree.bench.ts`. Nothing is asserted.
 * Pages are kept in a Map and edited in place, so that this measures the trees alone, without an engine.
 */

import { Prng } from "../../node/base/prng.ts";
import { KeyedTree } from "../../node/engine/keyed-tree.ts";
import { ListTree } from "../../node/engine/list-tree.ts";
import { MISS, type PageChange, type Transaction, View } from "../../node/engine/transaction.ts";
import { TreeCursor } from "../../node/engine/tree-cursor.ts";

/** Transaction over pages in a Map, changed in place; of the port only what trees use. */
function createPagesInPlace(): { tx: Transaction; pages: Map<number, Buffer> } {
  const pages = new Map<number, Buffer>();
  const nameOf = (tree: number, page: number) => tree * 0x100000000 + page;
  const edited = new View();
  let nextTree = 1;
  const tx = {
    random: new Prng(1),
    newTreeId: () => nextTree++,
    readPage(tree: number, page: number, out: View): void {
      const bytes = pages.get(nameOf(tree, page));
      if (bytes === undefined) throw MISS;
      out.buf = bytes;
      out.start = 0;
      out.end = bytes.length;
    },
    writePage: (tree: number, page: number, bytes: Buffer) => void pages.set(nameOf(tree, page), bytes),
    editPage(tree: number, page: number, { capacity }: PageChange): View {
      const name = nameOf(tree, page);
      let bytes = pages.get(name) as Buffer;
      if (bytes.length < capacity) {
        const grown = Buffer.alloc(capacity);
        bytes.copy(grown);
        pages.set(name, grown);
        bytes = grown;
      }
      edited.buf = bytes;
      edited.end = bytes.length;
      return edited;
    },
    deletePage: (tree: number, page: number) => void pages.delete(nameOf(tree, page)),
    discardTree: () => undefined,
  };
  return { tx: tx as unknown as Transaction, pages };
}

function time(what: string, operations: number, body: (i: number) => void): void {
  const started = process.cpuUsage();
  for (let i = 0; i < operations; i++) body(i);
  const used = process.cpuUsage(started);
  const nanoseconds = ((used.user + used.system) * 1000) / operations;
  process.stdout.write(`${what.padEnd(44)} ${nanoseconds.toFixed(0).padStart(7)} ns\n`);
}

const OPERATIONS = 300_000;
const KEY_BYTES = 16;
const VALUE = Buffer.alloc(20, "v");
const prng = new Prng(7);
const key = Buffer.alloc(KEY_BYTES);
const out = new View();
const cursor = new TreeCursor();

/** Key number `i`: four bytes that look like a hash, then the number. */
function setKey(i: number): void {
  key.writeUInt32BE(Math.imul(i, 0x9e3779b1) >>> 0, 0);
  key.write(`element:${i}`.padEnd(12), 4, "latin1");
}

function benchKeyed(size: number): void {
  const { tx, pages } = createPagesInPlace();
  const tree = new KeyedTree();
  tree.create(tx);
  time(`keyed ${size}: put new`, size, (i) => {
    setKey(i);
    tree.put(key, 0, KEY_BYTES, VALUE, 0, VALUE.length);
  });
  const bytes = [...pages.values()].reduce((sum, page) => sum + page.length, 0);
  process.stdout.write(`  height ${tree.height}, ${pages.size} pages, fill ${(tree.sizeBytes / bytes).toFixed(2)}\n`);
  const any = () => setKey(prng.nextBelow(size));
  time(`keyed ${size}: make a key (subtract it)`, OPERATIONS, any);
  time(`keyed ${size}: get`, OPERATIONS, () => {
    any();
    tree.get(key, 0, KEY_BYTES, out);
  });
  time(`keyed ${size}: put over`, OPERATIONS, () => {
    any();
    tree.put(key, 0, KEY_BYTES, VALUE, 0, VALUE.length);
  });
  time(`keyed ${size}: rank`, OPERATIONS, () => {
    any();
    tree.countBelow(key, 0, KEY_BYTES);
  });
  time(`keyed ${size}: ten by rank`, OPERATIONS, () => {
    cursor.seekRank(tree, prng.nextBelow(size - 10));
    for (let i = 0; i < 9; i++) cursor.next();
  });
  time(`keyed ${size}: delete and put`, OPERATIONS, () => {
    any();
    tree.delete(key, 0, KEY_BYTES);
    tree.put(key, 0, KEY_BYTES, VALUE, 0, VALUE.length);
  });
}

function benchList(size: number): void {
  const { tx, pages } = createPagesInPlace();
  const tree = new ListTree();
  tree.create(tx);
  time(`list ${size}: push at the start`, size, () => tree.insert(0, VALUE, 0, VALUE.length));
  const bytes = [...pages.values()].reduce((sum, page) => sum + page.length, 0);
  process.stdout.write(`  height ${tree.height}, ${pages.size} pages, fill ${(tree.sizeBytes / bytes).toFixed(2)}\n`);
  time(`list ${size}: get`, OPERATIONS, () => tree.get(prng.nextBelow(size), out));
  time(`list ${size}: push and pop`, OPERATIONS, () => {
    tree.insert(0, VALUE, 0, VALUE.length);
    tree.remove(tree.count - 1);
  });
  time(`list ${size}: insert and remove in the middle`, OPERATIONS, () => {
    tree.insert(prng.nextBelow(size), VALUE, 0, VALUE.length);
    tree.remove(prng.nextBelow(size));
  });
}

for (const size of [1000, 1_000_000]) {
  benchKeyed(size);
  benchList(size);
}
