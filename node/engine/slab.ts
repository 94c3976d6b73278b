/**
 * Memory for cache entries outside the JavaScript heap: chunks of bytes, cut into items of one size class each.
 * A ref is a whole number below 2^31, 0 for none: chunk number and offset in units of 16 bytes.
 *
 * Invariants
 * - The first 32-bit word of an item belongs to the slab's owner but for its sign bit: set while the item is
 *   allocated, clear while it is free (it then holds the next free item of the chunk).
 * - `usedBytes` counts whole chunks. A chunk belongs to one size class until it is given back; `compact` empties the
 *   least filled chunk of the class with the most free room, so that memory moves between classes.
 * - Items above an eighth of a chunk have a chunk of their own, as long as they need.
 */

import { assert, present } from "../base/assert.ts";

/** A place in a slab; 0 is none. Changes when the item is moved by `compact`. */
export type Ref = number;

const UNIT_BYTES = 16;
const UNIT_BITS = 14;
const UNIT_MASK = (1 << UNIT_BITS) - 1;
/** A chunk's offsets are units of 14 bits. */
const MAX_CHUNK_BYTES = UNIT_BYTES << UNIT_BITS;
const MAX_CHUNKS = 1 << (31 - UNIT_BITS);
/** Sizes up to this are classes in steps of 16 bytes; above, eight classes for each doubling (at most 1/8 is lost). */
const FINE_BYTES = 256;
const FINE_CLASSES = FINE_BYTES / UNIT_BYTES;
const STEPS_PER_DOUBLING = 8;
const OWN_CHUNK = -1;
const NO_ITEM = 0x7fffffff;
/** The sign bit of an item's first word. */
export const ALLOCATED = 0x80000000 | 0;
/** Empty chunks that are kept for the next class that needs one, not counted as used. */
const MAX_SPARE_CHUNKS = 4;

export class SlabChunk {
  readonly id: number;
  readonly buf: Buffer;
  readonly words: Int32Array;
  readonly itemBytes: number;
  readonly itemCount: number;
  readonly sizeClass: number;
  /** Items that were ever handed out: those behind are untouched. */
  startedCount = 0;
  liveCount = 0;
  freeHead = NO_ITEM;
  /** Whether it is in its class's list of chunks with room. */
  isListed = false;

  constructor(id: number, memory: Buffer, shape: { readonly itemBytes: number; readonly sizeClass: number }) {
    this.id = id;
    this.buf = memory;
    this.words = new Int32Array(memory.buffer, memory.byteOffset, memory.length >>> 2);
    this.itemBytes = shape.itemBytes;
    this.sizeClass = shape.sizeClass;
    this.itemCount = shape.sizeClass === OWN_CHUNK ? 1 : Math.floor(memory.length / shape.itemBytes);
  }

  /** The ref of item `index`. */
  refOf(index: number): Ref {
    return (this.id << UNIT_BITS) | ((index * this.itemBytes) / UNIT_BYTES);
  }
}

class SizeClass {
  readonly itemBytes: number;
  chunkCount = 0;
  liveCount = 0;
  /** Chunks with room; the last one is taken from. */
  readonly withRoom: SlabChunk[] = [];

  constructor(itemBytes: number) {
    this.itemBytes = itemBytes;
  }
}

export class Slab {
  readonly chunkBytes: number;
  /** By chunk number; 0 is never used. */
  readonly chunks: (SlabChunk | undefined)[] = [undefined];
  /** Bytes of all chunks in use, free items included. */
  usedBytes = 0;
  /** Bytes of the allocated items, each as long as its class. */
  liveBytes = 0;
  readonly #classes: SizeClass[] = [];
  readonly #largestItemBytes: number;
  readonly #vacantIds: number[] = [];
  readonly #spare: Buffer[] = [];

  /** @param chunkBytes a power of two, 4 KiB … 256 KiB. */
  constructor(chunkBytes: number) {
    assert(
      chunkBytes >= 4096 && chunkBytes <= MAX_CHUNK_BYTES && (chunkBytes & (chunkBytes - 1)) === 0,
      "a chunk is a power of two of 4 to 256 KiB",
    );
    this.chunkBytes = chunkBytes;
    this.#largestItemBytes = chunkBytes / 8;
    for (let itemBytes = UNIT_BYTES; itemBytes <= FINE_BYTES; itemBytes += UNIT_BYTES) {
      this.#classes.push(new SizeClass(itemBytes));
    }
    for (let base = FINE_BYTES; base < this.#largestItemBytes; base *= 2) {
      for (let step = 1; step <= STEPS_PER_DOUBLING; step++) {
        this.#classes.push(new SizeClass(base + (base / STEPS_PER_DOUBLING) * step));
      }
    }
  }

  chunkOf(ref: Ref): SlabChunk {
    return this.chunks[ref >>> UNIT_BITS] as SlabChunk;
  }

  /** Where the item's first word is in the chunk's `words`. */
  wordOf(ref: Ref): number {
    return (ref & UNIT_MASK) << 2;
  }

  /** Whether an item of `sizeBytes` would be of the class of the item at `ref`. */
  fits(ref: Ref, sizeBytes: number): boolean {
    const chunk = this.chunkOf(ref);
    return chunk.sizeClass !== OWN_CHUNK && this.#classOf(sizeBytes) === chunk.sizeClass;
  }

  /** A new item of at least `sizeBytes`, its bytes undefined but for the sign bit of the first word. */
  allocate(sizeBytes: number): Ref {
    const sizeClass = this.#classOf(sizeBytes);
    if (sizeClass === OWN_CHUNK) return this.#allocateOwn(sizeBytes);
    const owner = this.#classes[sizeClass] as SizeClass;
    const { withRoom } = owner;
    const chunk = withRoom.length > 0 ? (withRoom[withRoom.length - 1] as SlabChunk) : this.#addChunk(owner, sizeClass);
    let index = chunk.freeHead;
    if (index === NO_ITEM) {
      index = chunk.startedCount++;
    } else {
      chunk.freeHead = chunk.words[(index * chunk.itemBytes) >>> 2] as number;
    }
    chunk.liveCount++;
    owner.liveCount++;
    this.liveBytes += chunk.itemBytes;
    if (chunk.liveCount === chunk.itemCount) {
      withRoom.pop();
      chunk.isListed = false;
    }
    chunk.words[(index * chunk.itemBytes) >>> 2] = ALLOCATED;
    return chunk.refOf(index);
  }

  free(ref: Ref): void {
    const chunk = this.chunkOf(ref);
    const at = this.wordOf(ref);
    this.liveBytes -= chunk.itemBytes;
    chunk.liveCount--;
    if (chunk.sizeClass === OWN_CHUNK) {
      this.#drop(chunk);
      return;
    }
    const owner = this.#classes[chunk.sizeClass] as SizeClass;
    owner.liveCount--;
    chunk.words[at] = chunk.freeHead;
    chunk.freeHead = (at << 2) / chunk.itemBytes;
    if (!chunk.isListed) {
      owner.withRoom.push(chunk);
      chunk.isListed = true;
    }
  }

  /**
   * Gives one chunk back: moves the items of the least filled chunk of the class with the most free room.
   * `moved` is called for each after its bytes were copied. False where no class has a whole chunk of room.
   */
  compact(moved: (from: Ref, to: Ref) => void): boolean {
    const owner = this.#roomiestClass();
    if (owner === undefined) return false;
    let victim = present(owner.withRoom[0], "a class with room has a chunk with room");
    for (const chunk of owner.withRoom) if (chunk.liveCount < victim.liveCount) victim = chunk;
    owner.withRoom.splice(owner.withRoom.indexOf(victim), 1);
    const liveBytes = this.liveBytes;
    for (let index = 0; index < victim.startedCount; index++) {
      const from = (index * victim.itemBytes) >>> 2;
      const head = victim.words[from] as number;
      if (head >= 0) continue;
      const to = this.allocate(victim.itemBytes);
      const target = this.chunkOf(to);
      const at = this.wordOf(to);
      victim.buf.copy(target.buf, at << 2, from << 2, (from << 2) + victim.itemBytes);
      moved(victim.refOf(index), to);
    }
    owner.liveCount -= victim.liveCount;
    owner.chunkCount--;
    this.liveBytes = liveBytes;
    this.#drop(victim);
    if (this.#spare.length < MAX_SPARE_CHUNKS) this.#spare.push(victim.buf);
    return true;
  }

  #roomiestClass(): SizeClass | undefined {
    let best: SizeClass | undefined;
    let bestFreeBytes = 0;
    for (const owner of this.#classes) {
      if (owner.chunkCount === 0) continue;
      const perChunk = Math.floor(this.chunkBytes / owner.itemBytes);
      const freeCount = owner.chunkCount * perChunk - owner.liveCount;
      if (freeCount < perChunk || freeCount * owner.itemBytes <= bestFreeBytes) continue;
      best = owner;
      bestFreeBytes = freeCount * owner.itemBytes;
    }
    return best;
  }

  #classOf(sizeBytes: number): number {
    if (sizeBytes <= FINE_BYTES) return (sizeBytes - 1) >>> 4;
    if (sizeBytes > this.#largestItemBytes) return OWN_CHUNK;
    const doubling = 31 - Math.clz32(sizeBytes - 1);
    const stepBits = doubling - 3;
    const step = (sizeBytes - 1 - (1 << doubling)) >>> stepBits;
    return FINE_CLASSES + (doubling - 8) * STEPS_PER_DOUBLING + step;
  }

  #addChunk(owner: SizeClass, sizeClass: number): SlabChunk {
    const memory = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.chunkBytes);
    const chunk = new SlabChunk(this.#newId(), memory, { itemBytes: owner.itemBytes, sizeClass });
    this.chunks[chunk.id] = chunk;
    this.usedBytes += this.chunkBytes;
    owner.chunkCount++;
    owner.withRoom.push(chunk);
    chunk.isListed = true;
    return chunk;
  }

  #allocateOwn(sizeBytes: number): Ref {
    const itemBytes = Math.ceil(sizeBytes / UNIT_BYTES) * UNIT_BYTES;
    const chunk = new SlabChunk(this.#newId(), Buffer.allocUnsafeSlow(itemBytes), { itemBytes, sizeClass: OWN_CHUNK });
    this.chunks[chunk.id] = chunk;
    this.usedBytes += itemBytes;
    this.liveBytes += itemBytes;
    chunk.startedCount = 1;
    chunk.liveCount = 1;
    chunk.words[0] = ALLOCATED;
    return chunk.refOf(0);
  }

  #drop(chunk: SlabChunk): void {
    this.chunks[chunk.id] = undefined;
    this.#vacantIds.push(chunk.id);
    this.usedBytes -= chunk.buf.length;
  }

  #newId(): number {
    const id = this.#vacantIds.pop() ?? this.chunks.length;
    assert(id < MAX_CHUNKS, "a slab has at most 2^17 chunks (32 GiB)");
    return id;
  }
}
