/**
 * Makes directories one level at a time. Node's own recursive mkdir never returns where the parent is there and the
 * level cannot be made (/proc), and says little where a file is in the way.
 */

import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { codeOf, messageOf, OperatingError } from "./errors.ts";

/**
 * Makes a directory and what is missing above it; nothing where it is there.
 * @throws OperatingError NoDirectory with the path and the reason.
 */
export function makeDirectory(path: string): void {
  const missing: string[] = [];
  let at = resolve(path);
  for (let isThere = isDirectory(path, at); !isThere; isThere = isDirectory(path, at)) {
    missing.push(at);
    at = dirname(at);
  }
  for (const level of missing.reverse()) {
    try {
      mkdirSync(level);
    } catch (error) {
      // Another process may have been quicker.
      if (codeOf(error) !== "EEXIST" || !isDirectory(path, level)) throw refusal(path, error);
    }
  }
}

/** @throws OperatingError where something else is in its place, or it cannot be looked at. */
function isDirectory(path: string, level: string): boolean {
  try {
    if (statSync(level).isDirectory()) return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw refusal(path, error);
  }
  throw refusal(path, new Error(`${level} is not a directory`));
}

function refusal(path: string, cause: unknown): OperatingError {
  const text = `cannot make the directory ${path}: ${messageOf(cause)}; give another one, or make it yourself`;
  return new OperatingError("NoDirectory", text, { data: { path }, cause });
}
