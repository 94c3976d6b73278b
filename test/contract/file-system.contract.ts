/** What every FileSystem does: the machine's and the one in memory. */

import { describe, expect, test } from "vitest";
import type { FileSystem } from "../../node/binlog/file-system.ts";

const ALL = { start: 0, end: 5 };

/** `open` gives a file system and a directory in it that does not exist yet. */
export function describeFileSystem(name: string, open: () => { files: FileSystem; directory: string }): void {
  describe(`${name} as a FileSystem`, () => {
    test("keeps what was written, at its position", async () => {
      const { files, directory } = open();
      files.makeDirectory(directory);
      files.makeDirectory(directory);
      const file = files.open(`${directory}/a`, "create");
      file.write(Buffer.from("xhello"), { start: 1, end: 6 }, 0);
      file.write(Buffer.from("HELLO"), ALL, 3);
      expect(file.sizeBytes()).toBe(8);
      file.syncNow();
      await file.sync();
      file.close();
      files.syncDirectory(directory);
      const again = files.open(`${directory}/a`, "read");
      const bytes = Buffer.alloc(10);
      expect(again.read(bytes, 0)).toBe(8);
      expect(bytes.toString("latin1", 0, 8)).toBe("helHELLO");
      expect(again.read(bytes, 6)).toBe(2);
      expect(again.read(bytes, 8)).toBe(0);
      again.close();
    });

    test("cuts and overwrites", () => {
      const { files, directory } = open();
      files.makeDirectory(directory);
      const file = files.open(`${directory}/a`, "create");
      file.write(Buffer.from("hello"), ALL, 0);
      file.truncate(2);
      expect(file.sizeBytes()).toBe(2);
      file.close();
      const again = files.open(`${directory}/a`, "write");
      again.write(Buffer.from("!"), { start: 0, end: 1 }, 2);
      const bytes = Buffer.alloc(5);
      expect(bytes.toString("latin1", 0, again.read(bytes, 0))).toBe("he!");
      again.close();
    });

    test("lists names in order, without those removed or moved away", () => {
      const { files, directory } = open();
      files.makeDirectory(directory);
      for (const name of ["b", "a", "c"]) files.open(`${directory}/${name}`, "create").close();
      files.remove(`${directory}/a`);
      files.rename(`${directory}/b`, `${directory}/d`);
      expect(files.list(directory)).toEqual(["c", "d"]);
    });

    test("knows how much room there is", () => {
      const { files, directory } = open();
      files.makeDirectory(directory);
      const { availableBytes, sizeBytes } = files.room(directory);
      expect(availableBytes).toBeGreaterThan(0);
      expect(sizeBytes).toBeGreaterThanOrEqual(availableBytes);
    });

    test("says by code what is wrong", () => {
      const { files, directory } = open();
      expect(() => files.list(directory)).toThrow(expect.objectContaining({ code: "ENOENT" }));
      files.makeDirectory(directory);
      files.open(`${directory}/a`, "create").close();
      expect(() => files.open(`${directory}/a`, "create")).toThrow(expect.objectContaining({ code: "EEXIST" }));
      expect(() => files.open(`${directory}/b`, "read")).toThrow(expect.objectContaining({ code: "ENOENT" }));
      expect(() => files.remove(`${directory}/b`)).toThrow(expect.objectContaining({ code: "ENOENT" }));
    });
  });
}
