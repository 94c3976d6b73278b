/**
 * The youngest part of the log in memory: the turn's records are encoded straight into it, and followers read what they
 * need from it without touching the disk. It is a row of chunks; the oldest is reused when the limit is reached.
 * Invariants: chunks are contiguous within a segment; bytes before `writtenBytes` of a chunk are in the file.
 */

import { type Output, viewOf } from "./entry.ts";
import type { Segment } from "./log-index.ts";

/** Small enough to stay in the processor's cache while a turn is encoded, large enough for many turns. */
const CHUNK_BYTES = 256 * 1024;

export interface Chunk extends Output {
  segment: Segment;
  /** Offset in the segment of the chunk's first byte. */
  baseOffset: number;
  /** What was encoded lies in `buf[0, length)`. */
  length: number;
  /** Of which `buf[0, writtenBytes)` is in the file. */
  writtenBytes: number;
}

export class LogTail {
  readonly #limitBytes: number;
  #chunks: Chunk[] = [];
  #sizeBytes = 0;

  /** @param limitBytes memory for chunks that are in the file already. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get chunks(): readonly Chunk[] {
    return this.#chunks;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** A new chunk with room for `sizeBytes`, whose first byte lies at `baseOffset` of `segment`. */
  open(segment: Segment, baseOffset: number, sizeBytes: number): Chunk {
    const chunk = this.#recycle(sizeBytes) ?? newChunk(segment, Math.max(CHUNK_BYTES, sizeBytes));
    chunk.segment = segment;
    chunk.baseOffset = baseOffset;
    chunk.length = 0;
    chunk.writtenBytes = 0;
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.buf.length;
    return chunk;
  }

  /** The chunk that holds the byte at `offset` of `segment`, if it is in memory. */
  find(segment: Segment, offset: number): Chunk | undefined {
    for (let i = this.#chunks.length - 1; i >= 0; i--) {
      const chunk = this.#chunks[i] as Chunk;
      if (chunk.segment === segment && offset >= chunk.baseOffset && offset < chunk.baseOffset + chunk.length)
        return chunk;
      if (chunk.segment.firstSequence < segment.firstSequence) return undefined;
    }
    return undefined;
  }

  /** Takes back what is not in the file. */
  dropUnwritten(): void {
    while (this.#chunks.length > 0) {
      const last = this.#chunks[this.#chunks.length - 1] as Chunk;
      last.length = last.writtenBytes;
      if (last.length > 0) return;
      this.#chunks.pop();
      this.#sizeBytes -= last.buf.length;
    }
  }

  /** The oldest chunk, when keeping it would pass the limit; all older ones than the limit allows are let go. */
  #recycle(sizeBytes: number): Chunk | undefined {
    let reusable: Chunk | undefined;
    while (this.#chunks.length > 0 && this.#sizeBytes + CHUNK_BYTES > this.#limitBytes) {
      const oldest = this.#chunks[0] as Chunk;
      if (oldest.writtenBytes < oldest.length) break;
      this.#chunks.shift();
      this.#sizeBytes -= oldest.buf.length;
      if (oldest.buf.length === CHUNK_BYTES && sizeBytes <= CHUNK_BYTES) reusable = oldest;
    }
    return reusable;
  }
}

function newChunk(segment: Segment, sizeBytes: number): Chunk {
  const buf = Buffer.allocUnsafeSlow(sizeBytes);
  return { buf, view: viewOf(buf), segment, baseOffset: 0, length: 0, writtenBytes: 0 };
}
