/**
 * A real small file system for tests: a tmpfs of its own, which only root may mount. Where that cannot be, tests that
 * want one say so and do not run; under CI=true that is a failure.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf, OperatingError } from "../../node/base/errors.ts";

export class SmallDisk {
  readonly path: string;

  /** @param path an empty directory, made where it is not there. */
  constructor(path: string, sizeMib: number) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    const { status, stderr } = mount(path, sizeMib);
    if (status !== 0) throw new OperatingError("NoMount", `cannot mount a tmpfs on ${path}: ${stderr}`);
  }

  get availableBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Writes to a file until only so many bytes are left, or none where others write meanwhile. */
  fillTo(leftBytes: number): void {
    const sizeBytes = Math.max(0, this.availableBytes - leftBytes);
    try {
      writeFileSync(join(this.path, "ballast"), Buffer.alloc(sizeBytes), { flag: "a" });
    } catch (error) {
      if (codeOf(error) !== "ENOSPC") throw error;
    }
  }

  makeRoom(): void {
    rmSync(join(this.path, "ballast"), { force: true });
  }

  /** Unmounts it; whoever had files open there has ended. */
  remove(): void {
    const { status, stderr } = spawnSync("umount", [this.path], { encoding: "utf8" });
    if (status !== 0) throw new OperatingError("NoUnmount", `cannot unmount ${this.path}: ${stderr}`);
  }
}

/** Whether this machine lets tests mount one. Throws under CI=true where it does not. */
export function canMount(): boolean {
  const probe = mkdtempSync(join(tmpdir(), "pika-mount-"));
  const isMounted = mount(probe, 1).status === 0;
  if (isMounted) spawnSync("umount", [probe]);
  rmSync(probe, { recursive: true, force: true });
  if (!isMounted && process.env.CI === "true") {
    throw new OperatingError("NoMount", "CI=true, and tests may not mount a tmpfs: run as root with CAP_SYS_ADMIN");
  }
  if (!isMounted) process.stderr.write("NOT RUN: tests on a real small file system (mounting one needs root)\n");
  return isMounted;
}

function mount(path: string, sizeMib: number) {
  const result = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMib}m`, "tmpfs", path], { encoding: "utf8" });
  return { status: result.status, stderr: result.stderr };
}
