/**
 * Whether the disk has room for more data: below a low watermark writes that need room are refused with a clear error,
 * while deletes, flushes and compactions go on (DESIGN §4.9). Looked at once a second, and at once after a write
 * that found the disk full. A write that found it full also gives up the reserve (disk-reserve.ts); what the reserve
 * lacks then is no room for clients, so that they do not use up what recovery needs.
 */

import type { Clock, Timer } from "../base/clock.ts";
import type { FileSystem } from "../binlog/file-system.ts";
import { DiskReserve } from "./disk-reserve.ts";

const CHECK_EVERY_MS = 1000;
const MIB = 1024 * 1024;
/** What the database needs to be opened: two memtables of 16 MiB become tables, and the log goes on beside it. */
const OPEN_BYTES = 48 * MIB;
/** The reserve takes no more than this share of a disk. */
const RESERVE_SHARE = 1 / 16;

/** What LevelDB needs to compact, and the log to go on, while nobody may write. */
function defaultWatermarkBytes(diskBytes: number): number {
  return Math.max(512 * MIB, diskBytes / 20);
}

export interface DiskRoomOptions {
  readonly directory: string;
  /** Bytes that must be available for writes; by default 512 MiB or a twentieth of the disk, whichever is more. */
  readonly watermarkBytes: number | undefined;
  /** Most bytes kept in reserve; at most a sixteenth of the disk is. 0: no reserve. */
  readonly reserveLimitBytes: number;
}

export class DiskRoom {
  availableBytes = 0;
  sizeBytes = 0;
  readonly #options: DiskRoomOptions;
  readonly #files: FileSystem;
  readonly #clock: Clock;
  #reserve: DiskReserve | undefined;
  #hasRoom = true;
  #error: string | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: DiskRoomOptions, deps: { readonly files: FileSystem; readonly clock: Clock }) {
    this.#options = options;
    this.#files = deps.files;
    this.#clock = deps.clock;
  }

  /**
   * Before the database and the log are opened: gives up the reserve where they might not find room.
   * The directory is there.
   */
  prepareStart(): void {
    this.#reserve = new DiskReserve(this.#files, this.#options.directory);
    const { availableBytes, sizeBytes } = this.#files.room(this.#options.directory);
    if (availableBytes < Math.max(OPEN_BYTES, this.#reserveTargetBytes(sizeBytes))) this.#reserve.release();
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
    this.#reserve?.release();
    this.#setFull("the disk is full");
  }

  /** The database found the disk full: gives up the reserve; whether there is room now to open it anew. */
  makeRoom(): boolean {
    this.#reserve?.release();
    this.#check();
    return this.#hasRoom || this.availableBytes >= OPEN_BYTES;
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
    const targetBytes = this.#reserveTargetBytes(sizeBytes);
    const lackingBytes = Math.max(0, targetBytes - (this.#reserve?.heldBytes ?? targetBytes));
    this.#hasRoom = availableBytes >= wantedBytes + lackingBytes;
    if (this.#hasRoom) {
      this.#error = undefined;
      this.#reserve?.grow(targetBytes);
    } else {
      const reserve = lackingBytes > 0 ? ` and ${toMib(lackingBytes)} MiB for the reserve` : "";
      this.#setFull(`${toMib(availableBytes)} MiB are left on the disk, less than ${toMib(wantedBytes)} MiB${reserve}`);
    }
  }

  #reserveTargetBytes(diskBytes: number): number {
    return Math.floor(Math.min(this.#options.reserveLimitBytes, diskBytes * RESERVE_SHARE));
  }

  #setFull(what: string): void {
    this.#hasRoom = false;
    this.#error = `OOM ${what}: writes are refused until there is room, deletes are not`;
  }
}

function toMib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
