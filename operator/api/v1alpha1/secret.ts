/** A Kubernetes Secret as far as manifests for local clusters give one: named values, plain or base64. */

import { z } from "zod";
import { objectMeta } from "./fields.ts";

export const secret = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Secret"),
  metadata: objectMeta.extend({ name: z.string().min(1).max(253) }),
  type: z.string().max(253).optional(),
  immutable: z.boolean().optional(),
  data: z.record(z.string().max(253), z.base64()).optional(),
  stringData: z.record(z.string().max(253), z.string()).optional(),
});

export type Secret = z.infer<typeof secret>;

/** The bytes of a Secret's key as text; undefined where it has no such key. `stringData` wins, as in Kubernetes. */
export function secretValue(object: Secret, key: string): string | undefined {
  const plain = object.stringData?.[key];
  if (plain !== undefined) return plain;
  const encoded = object.data?.[key];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
}
