/**
 * MapTransaction: the port Transaction over two Maps, for tests of trees, datatypes and commands without an engine.
 * It is stricter than the engine, so that a misuse of the port fails a test: what a read gave is a copy that is
 * overwritten when the transaction ends or writes the same thing, so a View kept too long shows; at commit the
 * `head` of each written record must be as it was when it was given.
 * With `missEverything`, each first read of a record or page throws MISS until `runToEnd` has loaded it.
 */

import { assert } from "../../node/base/assert.ts";
import { type HashKey, hash32 } from "../../node/base/hash.ts";
import { Prng } from "../../node/base/prng.ts";
import { hasRecordExpiry } from "../../node/engine/record-format.ts";
import {
  MISS,
  type PageChange,
  type PageNumber,
  type Transaction,
  type TreeId,
  View,
} from "../../node/engine/transaction.ts";

const POISON = 0xaa;
/** An edited page's buffer is longer than the page by this. */
const SPARE_BYTES = 8;
/** A command that was run again this often without an end reads something new each time: not restartable. */
const MAX_ATTEMPTS = 100_000;

/** Pages that exist and those deleted, by `tree:page`; records by their key as latin1; undefined is deleted. */
type Changes = Map<string, Buffer | undefined>;

/** A generator that knows whether it was used since it was seeded. */
class CountingPrng extends Prng {
  drawCount = 0;

  override reseed(seed: number): void {
    super.reseed(seed);
    this.drawCount = 0;
  }

  override nextUint32(): number {
    this.drawCount++;
    return super.nextUint32();
  }
}

interface GivenHead {
  readonly head: Buffer;
  readonly copy: Buffer;
}

export interface MapTransactionOptions {
  readonly missEverything?: boolean;
  readonly hashKey?: HashKey;
}

export class MapTransaction implements Transaction {
  nowMs = 1_700_000_000_000;
  seed = 1;
  readonly random = new CountingPrng(1);
  readonly hashKey: HashKey;
  readonly missEverything: boolean;
  /** The committed state. */
  readonly records = new Map<string, Buffer>();
  readonly pages = new Map<string, Buffer>();
  /** What the last commit changed: `record:` + key or `page:` + tree:page → value, or undefined where deleted. */
  lastChanges: Changes = new Map();
  /** How many reads missed since the last `runToEnd` began. */
  missCount = 0;
  /** Pages and records read since `begin`, each once: for tests of how much an operation touches. */
  readCount = 0;

  #nextTreeId = 1;
  #treeIdAtBegin = 1;
  #records: Changes = new Map();
  #pages: Changes = new Map();
  #discarded = new Set<TreeId>();
  #isFlushed = false;
  /** The buffers that editPage gave, by the page's bytes at their start. */
  readonly #edited = new WeakMap<Buffer, Buffer>();
  /** Copies that reads gave in this transaction, by name. */
  #given = new Map<string, Buffer>();
  #heads = new Map<string, GivenHead>();
  #loaded = new Set<string>();
  #missing = "";

  constructor(options: MapTransactionOptions = {}) {
    this.missEverything = options.missEverything ?? false;
    this.hashKey = options.hashKey ?? { k0: 0x01234567, k1: 0x89abcdef | 0 };
  }

  /** Starts a transaction; the one before must have ended. */
  begin(): void {
    assert(!this.hasChanges(), "the transaction before must be committed or rolled back");
    this.random.reseed(this.seed);
    this.#treeIdAtBegin = this.#nextTreeId;
    this.readCount = 0;
  }

  /** Whether the overlay holds any change. */
  hasChanges(): boolean {
    return this.#records.size + this.#pages.size + this.#discarded.size > 0 || this.#isFlushed;
  }

  /** Whether FLUSHDB is among the changes. */
  get isFlushed(): boolean {
    return this.#isFlushed;
  }

  /** Visits the user keys of the records that a commit would write or delete. */
  forEachTouched(visit: (buf: Buffer, start: number, end: number) => void): void {
    for (const name of this.#records.keys()) {
      const key = Buffer.from(name, "latin1");
      visit(key, 0, key.length);
    }
  }

  commit(): void {
    this.lastChanges = new Map();
    if (this.#isFlushed) this.#dropAll();
    for (const [name, value] of this.#records) {
      const given = this.#heads.get(name);
      if (given) assert(given.head.equals(given.copy), "a record's head must not change before commit");
      this.#store("record", name, value);
    }
    for (const [name, value] of this.#pages) this.#store("page", name, value);
    for (const tree of this.#discarded) {
      for (const name of [...this.pages.keys()]) {
        if (name.startsWith(`${tree}:`)) this.#store("page", name, undefined);
      }
    }
    this.#end();
  }

  rollback(): void {
    this.#nextTreeId = this.#treeIdAtBegin;
    this.#end();
  }

  /**
   * Runs `body` in a transaction and commits it. With `missEverything` it starts with nothing loaded, and whenever
   * a read misses, rolls back, loads what was missing and runs `body` again from the start.
   */
  runToEnd<T>(body: (tx: MapTransaction) => T): T {
    this.#loaded.clear();
    this.missCount = 0;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      this.begin();
      try {
        const result = body(this);
        this.commit();
        return result;
      } catch (thrown) {
        this.rollback();
        if (thrown !== MISS) throw thrown;
        this.#loaded.add(this.#missing);
        this.missCount++;
      }
    }
    throw new Error("the body never ends: each attempt misses something else");
  }

  readRecord(buf: Buffer, start: number, end: number, out: View): boolean {
    const key = buf.toString("latin1", start, end);
    const name = `record:${key}`;
    const changed = this.#records.has(key);
    if (!changed) this.#touch(name);
    const value = changed || this.#isFlushed ? this.#records.get(key) : this.records.get(key);
    if (value === undefined) return false;
    this.#give(name, value, out);
    return true;
  }

  writeRecord(
    key: { readonly buf: Buffer; readonly start: number; readonly end: number },
    head: Buffer,
    body: Buffer,
    bodyStart: number,
    bodyEnd: number,
  ): void {
    assert(bodyStart >= 0 && bodyStart <= bodyEnd && bodyEnd <= body.length, "a record's body lies in its buffer");
    const name = key.buf.toString("latin1", key.start, key.end);
    const value = Buffer.concat([head, body.subarray(bodyStart, bodyEnd)]);
    assert(value.length > 0, "a record's value has at least its header");
    this.#heads.set(name, { head, copy: Buffer.from(head) });
    this.#takeBack(`record:${name}`);
    this.#records.set(name, value);
  }

  deleteRecord(buf: Buffer, start: number, end: number): void {
    const name = buf.toString("latin1", start, end);
    this.#takeBack(`record:${name}`);
    this.#heads.delete(name);
    if (this.records.has(name) && !this.#isFlushed) this.#records.set(name, undefined);
    else this.#records.delete(name);
  }

  newTreeId(): TreeId {
    return this.#nextTreeId++;
  }

  readPage(tree: TreeId, page: PageNumber, out: View): void {
    const name = `${tree}:${page}`;
    this.#give(`page:${name}`, this.#page(name), out);
  }

  writePage(tree: TreeId, page: PageNumber, bytes: Buffer): void {
    assert(tree > 0 && page > 0, "trees and pages count from 1");
    const name = `${tree}:${page}`;
    this.#takeBack(`page:${name}`);
    this.#pages.set(name, bytes);
  }

  editPage(tree: TreeId, page: PageNumber, change: PageChange): View {
    const bytes = this.#editable(`${tree}:${page}`, change.capacity);
    const edited = new View();
    edited.buf = this.#edited.get(bytes) ?? bytes;
    edited.start = edited.buf === bytes ? 0 : SPARE_BYTES;
    edited.end = edited.start + bytes.length;
    return edited;
  }

  /** The page's bytes in the overlay, of at least that length. */
  #editable(name: string, capacity: number): Buffer {
    const current = this.#page(name);
    const isOwn = this.#pages.get(name) === current;
    if (isOwn && current.length >= capacity) {
      this.#takeBack(`page:${name}`);
      return current;
    }
    const length = Math.max(capacity, current.length);
    // The page begins and ends somewhere in the middle, as in a cache.
    const copy = Buffer.alloc(length + 2 * SPARE_BYTES, POISON);
    const bytes = copy.subarray(SPARE_BYTES, SPARE_BYTES + length);
    bytes.fill(0);
    current.copy(bytes);
    this.#takeBack(`page:${name}`);
    if (isOwn) current.fill(POISON);
    this.#pages.set(name, bytes);
    this.#edited.set(bytes, copy);
    return bytes;
  }

  deletePage(tree: TreeId, page: PageNumber): void {
    const name = `${tree}:${page}`;
    assert(this.#pages.get(name) !== undefined || this.pages.has(name), "a page that is deleted exists");
    this.#takeBack(`page:${name}`);
    if (this.pages.has(name)) this.#pages.set(name, undefined);
    else this.#pages.delete(name);
  }

  discardTree(tree: TreeId): void {
    assert(!this.#discarded.has(tree), "a tree is discarded once");
    for (const name of [...this.#pages.keys()]) if (name.startsWith(`${tree}:`)) this.#pages.delete(name);
    this.#discarded.add(tree);
  }

  scanRecords(fromHash: number, visit: (key: View, value: View) => boolean): number {
    this.#touch(`scan:${fromHash}`);
    let stopped = -1;
    for (const { hash, name } of this.#recordsByHash()) {
      if (hash < fromHash) continue;
      if (stopped >= 0 && hash > stopped) return hash;
      if (!visit(this.#keyView(name), this.#valueView(name))) stopped = hash;
    }
    return -1;
  }

  recordCount(): number {
    return this.#recordNames().length;
  }

  expiringCount(): number {
    const values = this.#recordNames().map((name) => this.#records.get(name) ?? this.records.get(name));
    return values.filter((value) => value !== undefined && hasRecordExpiry(value, 0)).length;
  }

  flushAll(): void {
    this.#isFlushed = true;
    this.#records.clear();
    this.#pages.clear();
    this.#discarded.clear();
  }

  #page(name: string): Buffer {
    const isOwn = this.#pages.has(name);
    if (!isOwn) this.#touch(`page:${name}`);
    assert(!this.#discarded.has(Number(name.split(":")[0])), "no page of a discarded tree is read");
    const bytes = isOwn || this.#isFlushed ? this.#pages.get(name) : this.pages.get(name);
    assert(bytes !== undefined, `page ${name} that is read exists`);
    return bytes;
  }

  /** Counts a read of something outside the overlay; throws MISS where it is not loaded. */
  #touch(name: string): void {
    if (!this.#given.has(name)) this.readCount++;
    if (!this.missEverything || this.#loaded.has(name)) return;
    this.#missing = name;
    throw MISS;
  }

  #give(name: string, value: Buffer, out: View): void {
    let copy = this.#given.get(name);
    if (copy === undefined) {
      copy = Buffer.from(value);
      this.#given.set(name, copy);
    }
    out.buf = copy;
    out.start = 0;
    out.end = copy.length;
  }

  /** Makes what a read gave unreadable: the transaction wrote it. */
  #takeBack(name: string): void {
    this.#given.get(name)?.fill(POISON);
    this.#given.delete(name);
  }

  #store(kind: "record" | "page", name: string, value: Buffer | undefined): void {
    const into = kind === "record" ? this.records : this.pages;
    this.lastChanges.set(`${kind}:${name}`, value);
    if (value === undefined) into.delete(name);
    else into.set(name, value);
  }

  #dropAll(): void {
    for (const name of [...this.records.keys()]) this.#store("record", name, undefined);
    for (const name of [...this.pages.keys()]) this.#store("page", name, undefined);
  }

  #end(): void {
    for (const copy of this.#given.values()) copy.fill(POISON);
    this.#given.clear();
    this.#heads.clear();
    this.#records = new Map();
    this.#pages = new Map();
    this.#discarded = new Set();
    this.#isFlushed = false;
  }

  #recordNames(): string[] {
    const committed = this.#isFlushed ? [] : [...this.records.keys()].filter((name) => !this.#records.has(name));
    const changed = [...this.#records].filter(([, value]) => value !== undefined).map(([name]) => name);
    return [...committed, ...changed];
  }

  #recordsByHash(): { readonly hash: number; readonly name: string }[] {
    return this.#recordNames()
      .map((name) => {
        const key = Buffer.from(name, "latin1");
        return { hash: hash32(this.hashKey, key, 0, key.length), name };
      })
      .sort((a, b) => a.hash - b.hash || (a.name < b.name ? -1 : 1));
  }

  #keyView(name: string): View {
    const buf = Buffer.from(name, "latin1");
    return { buf, start: 0, end: buf.length, lookBeforeEnd: 0 };
  }

  #valueView(name: string): View {
    const value = this.#records.get(name) ?? this.records.get(name);
    assert(value !== undefined, "a scanned record has a value");
    const view = { buf: value, start: 0, end: 0, lookBeforeEnd: 0 };
    this.#give(`record:${name}`, value, view);
    return view;
  }
}
