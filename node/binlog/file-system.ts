/**
 * The files of the binlog as a port: what the log needs of a file system and no more, so that a test can drop what was
 * not synced, fill the disk and tear writes. Implementations: NodeFileSystem here, and the tests' MemoryFileSystem;
 * one contract suite holds for both. Errors are those of node:fs (`code` ENOSPC, EIO, …), thrown or rejected.
 */

import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { makeDirectory } from "../base/directories.ts";

export interface LogFile {
  /** Writes `buf[start, end)` at `position`. After an error any part of it may have been written. */
  write(buf: Buffer, range: { readonly start: number; readonly end: number }, position: number): void;
  /** Reads up to `buf.length` bytes from `position`; returns how many. Fewer only at the file's end. */
  read(buf: Buffer, position: number): number;
  truncate(sizeBytes: number): void;
  /** Makes all that was written durable, on this thread. */
  syncNow(): void;
  /** The same on another thread. */
  sync(): Promise<void>;
  sizeBytes(): number;
  close(): void;
}

export interface FileSystem {
  /** Names in a directory, sorted. */
  list(directory: string): readonly string[];
  /** Makes a directory and those above it. */
  makeDirectory(directory: string): void;
  /** `create`: must not exist. `write`: exists. `read`: exists. */
  open(path: string, mode: "create" | "write" | "read"): LogFile;
  remove(path: string): void;
  rename(from: string, to: string): void;
  /** Makes creations, removals and renames in a directory durable. */
  syncDirectory(directory: string): void;
  /** Bytes that this process may still write to the directory's disk, and the disk's size. */
  room(directory: string): { readonly availableBytes: number; readonly sizeBytes: number };
}

const OPEN_FLAGS = { create: "wx+", write: "r+", read: "r" } as const;

class NodeLogFile implements LogFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(buf: Buffer, range: { readonly start: number; readonly end: number }, position: number): void {
    let at = range.start;
    while (at < range.end) at += writeSync(this.#fd, buf, at, range.end - at, position + at - range.start);
  }

  read(buf: Buffer, position: number): number {
    let done = 0;
    while (done < buf.length) {
      const count = readSync(this.#fd, buf, done, buf.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  truncate(sizeBytes: number): void {
    ftruncateSync(this.#fd, sizeBytes);
  }

  syncNow(): void {
    fdatasyncSync(this.#fd);
  }

  sync(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    fdatasync(this.#fd, (error) => (error ? reject(error) : resolve()));
    return promise;
  }

  sizeBytes(): number {
    return fstatSync(this.#fd).size;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The machine's file system. */
export class NodeFileSystem implements FileSystem {
  list(directory: string): readonly string[] {
    return readdirSync(directory).sort();
  }

  makeDirectory(directory: string): void {
    makeDirectory(directory);
  }

  open(path: string, mode: "create" | "write" | "read"): LogFile {
    return new NodeLogFile(openSync(path, OPEN_FLAGS[mode]));
  }

  remove(path: string): void {
    unlinkSync(path);
  }

  rename(from: string, to: string): void {
    renameSync(from, to);
  }

  room(directory: string): { readonly availableBytes: number; readonly sizeBytes: number } {
    const { bavail, blocks, bsize } = statfsSync(directory);
    return { availableBytes: bavail * bsize, sizeBytes: blocks * bsize };
  }

  syncDirectory(directory: string): void {
    const fd = openSync(directory, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}
