/**
 * Sets aside the entries of a divergent tail: what a leader had taken and its followers never had (DESIGN §5).
 * A file of framed records (docs/formats/binlog.md) that a person can read with `pika lost-writes`, never read by the node.
 */

import type { FileSystem } from "../binlog/file-system.ts";
import { frameRecord } from "../binlog/segment.ts";

export interface LostWrites {
  readonly table: number;
  readonly slot: number;
  readonly firstIndex: number;
  readonly term: number;
  readonly bodies: readonly Buffer[];
}

/**
 * Writes the file durably; answers its path. Nothing is overwritten: another tail gets a new name; the same one, which
 * a process that died before it cut its log comes by again, keeps its file.
 */
export function writeLostWrites(files: FileSystem, directory: string, lost: LostWrites): string {
  files.makeDirectory(directory);
  const records = Buffer.concat(lost.bodies.map((body) => frameRecord(body)));
  const stem = `${lost.table}-${lost.slot}-${lost.term}-${lost.firstIndex}`;
  const taken = new Set(files.list(directory));
  let path = `${directory}/${stem}.log`;
  for (let i = 2; taken.has(path.slice(directory.length + 1)) && !holds(files, path, records); i++) {
    path = `${directory}/${stem}-${i}.log`;
  }
  const isThere = taken.has(path.slice(directory.length + 1));
  const file = files.open(path, isThere ? "write" : "create");
  try {
    if (!isThere) file.write(records, { start: 0, end: records.length }, 0);
    file.syncNow();
  } finally {
    file.close();
  }
  files.syncDirectory(directory);
  return path;
}

function holds(files: FileSystem, path: string, bytes: Buffer): boolean {
  const file = files.open(path, "read");
  try {
    if (file.sizeBytes() !== bytes.length) return false;
    const found = Buffer.alloc(bytes.length);
    return file.read(found, 0) === bytes.length && found.equals(bytes);
  } finally {
    file.close();
  }
}
