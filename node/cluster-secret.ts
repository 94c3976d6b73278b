/** Reads the cluster's secret, by which nodes and managers prove themselves to each other. */

import { readFileSync } from "node:fs";
import { messageOf, OperatingError } from "./base/errors.ts";

/** The secret in use: the first line of the file. @throws OperatingError `InvalidOption` or `CannotRead`. */
export function readSecret(file: string): string {
  if (file === "") {
    throw new OperatingError("InvalidOption", "--secret-file is missing: the file with the cluster's secret");
  }
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new OperatingError("CannotRead", `cannot read the secret: ${messageOf(cause)}`, { cause });
  }
  const first = text.split("\n").find((line) => line.trim() !== "");
  if (first === undefined) throw new OperatingError("InvalidOption", `${file} holds no secret`);
  return first.trim();
}
