/** Writes docs/reference/ anew: `make docs`. */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { references } from "./references.ts";

const ROOT = join(import.meta.dirname, "../..");

for (const [path, text] of references()) {
  mkdirSync(dirname(join(ROOT, path)), { recursive: true });
  writeFileSync(join(ROOT, path), text);
}
