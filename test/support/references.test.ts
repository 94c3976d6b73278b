import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { references } from "./references.ts";

test.each([...references()])("%s is what the program has; `make docs` writes it", (path, text) => {
  expect(readFileSync(join(import.meta.dirname, "../..", path), "utf8")).toBe(text);
});
