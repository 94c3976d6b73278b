/**
 * The reserve file (DESIGN §4.9): real blocks kept in the data directory, given up when the disk is full, so that the
 * log, a flush, a compaction and the database's recovery have room while clients' writes are refused.
 * Made slice by slice, so that no turn waits for it; of random bytes, so that no file system stores it in less.
 * Invariants: its bytes mean nothing and are never synced: what a power loss takes of it is written again.
 * Refuses nothing: where it cannot be made it is not there.
 */

import { randomBytes } from "node:crypto";
import { codeOf } from "../base/errors.ts";
import type { FileSystem } from "../binlog/file-system.ts";

/** Written in one go: about a millisecond. */
const SLICE_BYTES = 1024 * 1024;
const NAME = "reserve";

export class DiskReserve {
  /** What it holds now. */
  heldBytes = 0;
  readonly #files: FileSystem;
  readonly #path: string;

  /** Finds what is there. @param directory the data directory. */
  constructor(files: FileSystem, directory: string) {
    this.#files = files;
    this.#path = `${directory}/${NAME}`;
    try {
      const file = files.open(this.#path, "read");
      this.heldBytes = file.sizeBytes();
      file.close();
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
  }

  /** Writes one more slice, up to `targetBytes` in all. */
  grow(targetBytes: number): void {
    const sizeBytes = Math.min(SLICE_BYTES, targetBytes - this.heldBytes);
    if (sizeBytes <= 0) return;
    try {
      const file = this.#files.open(this.#path, this.heldBytes === 0 ? "create" : "write");
      try {
        file.write(randomBytes(sizeBytes), { start: 0, end: sizeBytes }, this.heldBytes);
        this.heldBytes += sizeBytes;
      } finally {
        file.close();
      }
    } catch {
      // Full, or somebody removed it: away with what there is, and it is begun again.
      this.release();
    }
  }

  /** Gives its room back. False where it held none. */
  release(): boolean {
    const hadRoom = this.heldBytes > 0;
    this.heldBytes = 0;
    try {
      this.#files.remove(this.#path);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") return false;
    }
    return hadRoom;
  }
}

/**
 * Runs `open`; where the disk is full it gives up the reserve in `directory` and runs it again.
 * @throws what `open` throws the second time, or where there was no reserve.
 */
export function openWithReserve<T>(files: FileSystem, directory: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!isDiskFull(error) || !new DiskReserve(files, directory).release()) throw error;
    return open();
  }
}

/** Whether the error, or what caused it, is that of a full disk. */
function isDiskFull(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (["ENOSPC", "EDQUOT", "StoreFull", "BinlogFull"].includes(codeOf(at) ?? "")) return true;
  }
  return false;
}
