/**
 * Sets aside the entries of a divergent tail: what a leader had taken and its followers never had (DESIGN §5).
 * A file of framed records (docs/formats/binlog.md) that a person can read with `pika log`, never read by the node.
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

/** Writes the file durably; answers its path. The same tail set aside again overwrites nothing: it gets a new name. */
export function writeLostWrites(files: FileSystem, directory: string, lost: LostWrites): string {
  files.makeDirectory(directory);
  const stem = `${lost.table}-${lost.slot}-${lost.term}-${lost.firstIndex}`;
  const taken = new Set(files.list(directory));
  let name = `${stem}.log`;
  for (let i = 2; taken.has(name); i++) name = `${stem}-${i}.log`;
  const path = `${directory}/${name}`;
  const file = files.open(path, "create");
  try {
    let at = 0;
    for (const body of lost.bodies) {
      const record = frameRecord(body);
      file.write(record, { start: 0, end: record.length }, at);
      at += record.length;
    }
    file.syncNow();
  } finally {
    file.close();
  }
  files.syncDirectory(directory);
  return path;
}
