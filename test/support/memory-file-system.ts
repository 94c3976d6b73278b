/**
 * Files in memory with faults as inputs: a power failure that drops (part of) what was not synced, a full disk, a torn
 * write, a failing sync. Passes the contract suite of FileSystem.
 */

import { Prng } from "../../node/base/prng.ts";
import type { FileSystem, LogFile } from "../../node/binlog/file-system.ts";

class FileError extends Error {
  readonly code: string;
  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

interface MemoryFile {
  bytes: Buffer;
  sizeBytes: number;
  /** What survives a power failure. */
  synced: Buffer;
  isEntrySynced: boolean;
}

export class MemoryFileSystem implements FileSystem {
  readonly files = new Map<string, MemoryFile>();
  readonly directories = new Set<string>();
  /** Removals and renames that are not durable yet: what was there before. */
  readonly #removed = new Map<string, MemoryFile>();
  /** Bytes that may still be written before ENOSPC. */
  freeBytes = Number.POSITIVE_INFINITY;
  /** The next writes fail with this code, after writing half. */
  failWriteWith: string | undefined;
  failSyncWith: string | undefined;
  failTruncateWith: string | undefined;
  syncCount = 0;
  /** Set: background syncs wait until `releaseSyncs` is called. */
  holdsSyncs = false;
  #held: (() => void)[] = [];

  list(directory: string): readonly string[] {
    if (!this.directories.has(directory)) throw new FileError("ENOENT", directory);
    return [...this.files.keys()]
      .filter((path) => path.startsWith(`${directory}/`))
      .map((path) => path.slice(directory.length + 1))
      .filter((name) => !name.includes("/"))
      .sort();
  }

  makeDirectory(directory: string): void {
    this.directories.add(directory);
  }

  open(path: string, mode: "create" | "write" | "read"): LogFile {
    const known = this.files.get(path);
    if (mode === "create" && known) throw new FileError("EEXIST", path);
    if (mode !== "create" && !known) throw new FileError("ENOENT", path);
    const file = known ?? { bytes: Buffer.alloc(0), sizeBytes: 0, synced: Buffer.alloc(0), isEntrySynced: false };
    this.files.set(path, file);
    return new MemoryLogFile(this, file, path);
  }

  remove(path: string): void {
    const file = this.files.get(path);
    if (!file) throw new FileError("ENOENT", path);
    this.files.delete(path);
    if (file.isEntrySynced) this.#removed.set(path, file);
  }

  rename(from: string, to: string): void {
    const file = this.files.get(from);
    if (!file) throw new FileError("ENOENT", from);
    this.remove(from);
    this.files.set(to, { ...file, isEntrySynced: false });
  }

  syncDirectory(directory: string): void {
    for (const [path, file] of this.files) if (path.startsWith(`${directory}/`)) file.isEntrySynced = true;
    for (const path of this.#removed.keys()) if (path.startsWith(`${directory}/`)) this.#removed.delete(path);
  }

  room(): { readonly availableBytes: number; readonly sizeBytes: number } {
    const availableBytes = Math.min(this.freeBytes, 1e12);
    return { availableBytes, sizeBytes: 1e12 };
  }

  /** The machine loses its power: of each file a part of what was not synced is gone, chosen by `seed`. */
  losePower(seed: number): void {
    const prng = new Prng(seed);
    for (const [path, file] of this.#removed)
      if (!this.files.has(path) && prng.nextBelow(2) === 0) this.files.set(path, file);
    this.#removed.clear();
    for (const [path, file] of [...this.files]) {
      if (!file.isEntrySynced && file.synced.length === 0 && prng.nextBelow(2) === 0) {
        this.files.delete(path);
        continue;
      }
      file.bytes = keepSome(file, prng);
      file.sizeBytes = file.bytes.length;
      file.synced = Buffer.from(file.bytes);
      file.isEntrySynced = true;
    }
  }

  /** Lets background syncs go on. */
  releaseSyncs(): void {
    this.holdsSyncs = false;
    for (const release of this.#held.splice(0)) release();
  }

  /** For MemoryLogFile: resolves when a background sync may run. */
  awaitRelease(): Promise<void> {
    if (!this.holdsSyncs) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.push(resolve);
    return promise;
  }
}

/** What a disk holds after a power failure: the synced bytes, and of the rest some pages of 512 bytes, others zero. */
function keepSome(file: MemoryFile, prng: Prng): Buffer {
  const extra = Math.max(0, file.sizeBytes - file.synced.length);
  const size = file.synced.length + (extra === 0 ? 0 : prng.nextBelow(extra + 1));
  const kept = Buffer.alloc(size);
  file.synced.copy(kept);
  const isWhole = prng.nextBelow(2) === 0;
  for (let at = file.synced.length; at < size; at += 512) {
    if (isWhole || prng.nextBelow(2) === 0) file.bytes.copy(kept, at, at, Math.min(size, at + 512));
  }
  return kept;
}

class MemoryLogFile implements LogFile {
  readonly #system: MemoryFileSystem;
  readonly #file: MemoryFile;
  readonly #path: string;
  #isClosed = false;

  constructor(system: MemoryFileSystem, file: MemoryFile, path: string) {
    this.#system = system;
    this.#file = file;
    this.#path = path;
  }

  write(buf: Buffer, range: { readonly start: number; readonly end: number }, position: number): void {
    this.#check();
    const wanted = range.end - range.start;
    const growth = Math.max(0, position + wanted - this.#file.sizeBytes);
    const isFull = growth > this.#system.freeBytes;
    const code = this.#system.failWriteWith ?? (isFull ? "ENOSPC" : undefined);
    const size = code === undefined ? wanted : Math.trunc(wanted / 2);
    this.#ensure(position + size);
    buf.copy(this.#file.bytes, position, range.start, range.start + size);
    const end = Math.max(this.#file.sizeBytes, position + size);
    this.#system.freeBytes -= end - this.#file.sizeBytes;
    this.#file.sizeBytes = end;
    if (code !== undefined) throw new FileError(code, this.#path);
  }

  read(buf: Buffer, position: number): number {
    this.#check();
    const end = Math.min(this.#file.sizeBytes, position + buf.length);
    return position >= end ? 0 : this.#file.bytes.copy(buf, 0, position, end);
  }

  truncate(sizeBytes: number): void {
    this.#check();
    if (this.#system.failTruncateWith) throw new FileError(this.#system.failTruncateWith, this.#path);
    this.#ensure(sizeBytes);
    if (sizeBytes < this.#file.sizeBytes) this.#file.bytes.fill(0, sizeBytes);
    this.#system.freeBytes += this.#file.sizeBytes - sizeBytes;
    this.#file.sizeBytes = sizeBytes;
  }

  syncNow(): void {
    this.#check();
    if (this.#system.failSyncWith) throw new FileError(this.#system.failSyncWith, this.#path);
    this.#system.syncCount++;
    this.#file.synced = Buffer.from(this.#file.bytes.subarray(0, this.#file.sizeBytes));
  }

  async sync(): Promise<void> {
    this.#check();
    await this.#system.awaitRelease();
    this.syncNow();
  }

  sizeBytes(): number {
    this.#check();
    return this.#file.sizeBytes;
  }

  close(): void {
    this.#check();
    this.#isClosed = true;
  }

  #check(): void {
    if (this.#isClosed) throw new FileError("EBADF", this.#path);
  }

  #ensure(sizeBytes: number): void {
    if (this.#file.bytes.length >= sizeBytes) return;
    const grown = Buffer.alloc(Math.max(sizeBytes, 2 * this.#file.bytes.length));
    this.#file.bytes.copy(grown, 0, 0, this.#file.sizeBytes);
    this.#file.bytes = grown;
  }
}
