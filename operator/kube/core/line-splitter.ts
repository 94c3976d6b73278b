/**
 * Cuts a stream of bytes into lines, as a watch's events come: one JSON document a line.
 * Pure. A line above the limit is refused: no object that the API server stores is near it.
 */

import { OperatingError } from "../../../node/base/errors.ts";

/** etcd refuses objects above 1.5 MiB; in JSON with an old and a new form they stay far below this. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 10;

export class LineSplitter {
  #parts: Uint8Array[] = [];
  #sizeBytes = 0;

  /** The lines that `chunk` completes, without their ends; empty ones are left out. @throws OperatingError `LineTooLong` */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#parts.push(chunk.subarray(start, end));
      const line = Buffer.concat(this.#parts).toString("utf8").trim();
      if (line !== "") lines.push(line);
      this.#parts = [];
      this.#sizeBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#parts.push(chunk.subarray(start));
      this.#sizeBytes += chunk.length - start;
      if (this.#sizeBytes > MAX_LINE_BYTES) {
        throw new OperatingError("LineTooLong", `a line of a watch is above ${MAX_LINE_BYTES} bytes`);
      }
    }
    return lines;
  }
}
