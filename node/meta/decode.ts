/**
 * From the outside into types: a zod schema applied to unknown data, with one error that says where and what.
 */

import type { ZodType } from "zod";

/** The first fault of a value: the path to it (`tables.0.slots`; "" for the whole) and what is wrong. */
export interface DecodeFault {
  readonly path: string;
  readonly message: string;
}

export type Decoded<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & DecodeFault);

/** Checks `data` against `schema`. Never throws on bad data. */
export function decodeWith<T>(schema: ZodType<T>, data: unknown): Decoded<T> {
  const result = schema.safeParse(data);
  if (result.success) return { ok: true, value: result.data };
  const issue = result.error.issues[0];
  return { ok: false, path: issue?.path.map(String).join(".") ?? "", message: issue?.message ?? "is not valid" };
}

/** Parses JSON and checks it. A text that is not JSON is a fault of the whole. */
export function decodeJson<T>(schema: ZodType<T>, text: string): Decoded<T> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    return { ok: false, path: "", message: `is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  return decodeWith(schema, data);
}
