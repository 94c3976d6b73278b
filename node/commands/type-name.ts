/** The names of types as TYPE answers them and SCAN's TYPE option takes them. */

import {
  RECORD_HASH,
  RECORD_LIST,
  RECORD_SET,
  RECORD_STREAM,
  RECORD_STRING,
  RECORD_ZSET,
} from "../engine/record-format.ts";

const NAMES: Readonly<Record<number, string>> = {
  [RECORD_STRING]: "string",
  [RECORD_LIST]: "list",
  [RECORD_HASH]: "hash",
  [RECORD_SET]: "set",
  [RECORD_ZSET]: "zset",
  [RECORD_STREAM]: "stream",
};

/** The name of a record's type. */
export function typeName(type: number): string {
  return NAMES[type] ?? "none";
}

/** The type of a name in any case; 0 where no value can have it. */
export function typeNamed(name: string): number {
  const wanted = name.toLowerCase();
  for (const [type, known] of Object.entries(NAMES)) if (known === wanted) return Number(type);
  return 0;
}
