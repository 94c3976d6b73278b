/**
 * Whether the disk has room for more data: below a low watermark writes that need room are refused with a clear error,
 * while deletes, flushes and compactions go on (DESIGN §4.9). Looked at once a second, and at once after a write
 * that found the disk full.
 */

import type { Clock, Timer } from "../base/clock.ts";
import type { FileSystem } from "../binlog/file-system.ts";

const CHECK_EVERY_MS = 1000;
const MIB = 1024 * 1024;

/** What LevelDB needs to compact, and the log to go on, while nobody may write. */
function defaultWatermarkBytes(diskBytes: number): number {
  return Math.max(512 * MIB, diskBytes / 20);
}

export interface DiskRoomOptions {
  readonly directory: string;
  /** Bytes that must be available for writes; by default 512 MiB or a twentieth of the disk, whichever is more. */
  readonly watermarkBytes: number | undefined;
}

export class DiskRoom {
  availableBytes = 0;
  sizeBytes = 0;
  readonly #options: DiskRoomOptions;
  readonly #files: FileSystem;
  readonly #clock: Clock;
  #hasRoom = true;
  #error: string | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: DiskRoomOptions, deps: { readonly files: FileSystem; readonly clock: Clock }) {
    this.#options = options;
    this.#files = deps.files;
    this.#clock = deps.clock;
  }

  start(): void {
    this.#check();
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  /** The error text for commands that need room; undefined while there is some. */
  refuse(): string | undefined {
    return this.#error;
  }

  /** A write found the disk full: refuses until the next look, whatever the watermark. */
  noteFull(): void {
    this.#setFull("the disk is full");
  }

  #schedule(): void {
    this.#timer = this.#clock.after(CHECK_EVERY_MS, () => {
      if (this.#isStopped) return;
      this.#check();
      this.#schedule();
    });
  }

  #check(): void {
    const { directory, watermarkBytes } = this.#options;
    const { availableBytes, sizeBytes } = this.#files.room(directory);
    this.availableBytes = availableBytes;
    this.sizeBytes = sizeBytes;
    const wantedBytes = watermarkBytes ?? defaultWatermarkBytes(sizeBytes);
    this.#hasRoom = availableBytes >= wantedBytes;
    if (this.#hasRoom) this.#error = undefined;
    else this.#setFull(`${toMib(availableBytes)} MiB are left on the disk, less than ${toMib(wantedBytes)} MiB`);
  }

  #setFull(what: string): void {
    this.#hasRoom = false;
    this.#error = `OOM ${what}: writes are refused until there is room, deletes are not`;
  }
}

function toMib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
