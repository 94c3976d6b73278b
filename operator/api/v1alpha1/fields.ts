/**
 * The schemas of fields that several resources share: names, quantities, references, bounded maps, validation rules.
 * Every list, map and string has a maximum, every quantity a pattern (API conventions of this project).
 * Refuses unknown fields: a misspelt field must never be silently ignored.
 */

import { z } from "zod";

/** A rule in CEL that the API server checks (Kubernetes, "Validation rules"); `oldSelf` makes it a transition rule. */
export interface ValidationRule {
  readonly rule: string;
  readonly message: string;
  /** Where the message points to. */
  readonly fieldPath?: string;
}

/** What a schema carries beyond its type into the CRD. */
export function withRules(rules: readonly ValidationRule[]): Record<string, unknown> {
  return { "x-kubernetes-validations": rules };
}

/** A list whose entries are told apart by these fields, so that several writers can own one each. */
export function listMap(...keys: readonly string[]): Record<string, unknown> {
  return { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys };
}

/** A list that belongs to one writer as a whole. */
export const ATOMIC_LIST = { "x-kubernetes-list-type": "atomic" };

/** A map of at most `max` entries. */
export function boundedMap<T extends z.ZodType>(value: T, max: number) {
  return z
    .record(z.string().max(317), value)
    .refine((map) => Object.keys(map).length <= max, { message: `may have at most ${max} entries` })
    .meta({ maxProperties: max });
}

/** RFC 1035 label, at most 40 characters: names of children are made from it. */
export const resourceName = z
  .string()
  .max(40)
  .regex(
    /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
    "must be lower-case letters, digits and '-', starting with a letter (RFC 1035)",
  );

/** The same rule for the CRD, whose schema may not describe `metadata`. */
export const RESOURCE_NAME_RULE: ValidationRule = {
  rule: "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
  message:
    "metadata.name must be at most 40 lower-case letters, digits and '-', starting with a letter (RFC 1035): names of children are made from it",
};

/** A Kubernetes quantity of bytes: `10Gi`, `500M`, `1024`. */
export const quantity = z
  .string()
  .max(20)
  .regex(/^\d{1,15}(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/, "must be an amount such as 10Gi");

export const secretKeyRef = z.strictObject({
  name: z.string().min(1).max(253).describe("Name of the Secret, in the same namespace."),
  key: z.string().min(1).max(253).describe("Key within the Secret."),
});
export const nameRef = z.strictObject({ name: z.string().min(1).max(253).describe("Name, in the same namespace.") });

/** What of `metadata` the program reads; the rest belongs to Kubernetes. */
export const objectMeta = z.looseObject({ name: resourceName, namespace: z.string().max(63).optional() });

export const API_GROUP = "pika.io";
export const API_VERSION = "pika.io/v1alpha1";
