/** Where the keys of commands like ZUNION are, which say how many there are: `numkeys key [key …] …`. */

import type { Argv } from "../base/argv.ts";
import { readClampedInteger } from "./argument-reader.ts";
import type { KeySpec } from "./command.ts";

/**
 * The keys behind the count at argument `countIndex`, and before them the one at `destination` (0 for none).
 * The positions are undefined where the count is none or more than there are arguments.
 */
export function numberedKeys(countIndex: number, destination: number): KeySpec {
  const find = (argv: Argv): readonly number[] | undefined => {
    const count = countIndex < argv.count ? readClampedInteger(argv, countIndex) : undefined;
    if (count === undefined || count < 1 || count > argv.count - countIndex - 1) return undefined;
    const keys = Array.from({ length: count }, (_, i) => countIndex + 1 + i);
    return destination > 0 ? [destination, ...keys] : keys;
  };
  return { kind: "find", find };
}
