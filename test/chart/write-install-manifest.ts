/** Writes dist/install.yaml: `make install-yaml`. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installManifest } from "./install-manifest.ts";

const DIST = join(import.meta.dirname, "../../dist");

mkdirSync(DIST, { recursive: true });
writeFileSync(join(DIST, "install.yaml"), installManifest(process.argv[2] ?? ""));
