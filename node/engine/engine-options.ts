/** What can be set of the engine, and why the defaults are as they are. */

import type { FlusherOptions } from "./flusher.ts";

export interface EngineOptions extends FlusherOptions {
  /** Bytes of the record cache: slabs and index. */
  readonly cacheBytes: number;
  /** Reads that may be with the thread pool at once, of however many keys each. */
  readonly poolReads: number;
}

const MIB = 1024 * 1024;
const SMALLEST_CHUNK_BYTES = 4 * 1024;
const LARGEST_CHUNK_BYTES = 256 * 1024;
/** The cache has at least this many chunks, so that size classes do not starve each other. */
const MIN_CHUNKS = 256;

/**
 * LevelDB's own memory, whatever the cache: two memtables of 16 MiB (larger ones mean fewer compactions), and 8 MiB of blocks, since hot records are in the record cache.
 */
export const LEVEL_WRITE_BUFFER_BYTES = 16 * MIB;
export const LEVEL_BLOCK_CACHE_BYTES = 8 * MIB;

/** Threads of libuv's pool that are left for the flusher and the log. */
const OTHER_POOL_THREADS = 1;
/** libuv's own default. */
const DEFAULT_POOL_THREADS = 4;

/**
 * The engine's options for a cache of `cacheBytes`. `poolThreads`: what UV_THREADPOOL_SIZE was when the process
 * started; on a disk that takes a millisecond for a read, each thread gives a thousand reads a second.
 */
export function engineOptions(cacheBytes: number, poolThreads = DEFAULT_POOL_THREADS): EngineOptions {
  return {
    cacheBytes,
    poolReads: Math.max(1, poolThreads - OTHER_POOL_THREADS),
    tickMs: 250,
    // Three seconds: a record that is written all the time goes to the database twenty times a minute, and a
    // recovery replays some seconds of log.
    ageTicks: 12,
    // An eighth of the cache: a batch, LevelDB's copy of it and the memtable stay small beside the cache, while the pages
    // of a large collection that is written all over are not written back for each command. With 1,000,000 fields HSET
    // takes 14.2 CPU seconds per million at 32 MiB and 6.1 at 128 MiB, where all its pages fit.
    slotDirtyBytes: Math.min(128 * MIB, cacheBytes / 8),
    // Half of the cache: the rest serves reads while LevelDB is behind.
    dirtyLimitBytes: Math.max(SMALLEST_CHUNK_BYTES, cacheBytes / 2),
  };
}

/** Bytes of a slab chunk: a power of two, small for small caches. */
export function chunkBytesFor(cacheBytes: number): number {
  let chunkBytes = LARGEST_CHUNK_BYTES;
  while (chunkBytes > SMALLEST_CHUNK_BYTES && chunkBytes * MIN_CHUNKS > cacheBytes) chunkBytes /= 2;
  return chunkBytes;
}
