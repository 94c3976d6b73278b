/**
 * Turns a schema of this program into the structural OpenAPI schema of a CustomResourceDefinition, so that the two
 * never disagree. Pure.
 *
 * What differs from plain JSON Schema (Kubernetes, "Specifying a structural schema"):
 * - Unknown fields are pruned or refused by the API server itself: `additionalProperties: false` is left out; a map of
 *   anything becomes `x-kubernetes-preserve-unknown-fields`.
 * - Only scalars get defaults: the API server would write defaults of objects into what the user wrote.
 * - A choice between integer and string becomes `x-kubernetes-int-or-string`, a choice of numbers one enum.
 * Refuses (assert) what has no structural form, and strings, lists and maps without a maximum.
 */

import { z } from "zod";
import { assert } from "../../node/base/assert.ts";

/** A node of a structural schema: `type`, `properties`, `x-kubernetes-…` and so on, ready to be written as YAML. */
export type StructuralSchema = { readonly [key: string]: unknown };

type JsonNode = Record<string, unknown>;

/** What is carried over as it is. */
const CARRIED = [
  "type",
  "format",
  "description",
  "enum",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "pattern",
  "minItems",
  "maxItems",
  "maxProperties",
  "required",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
  "x-kubernetes-validations",
] as const;

/** @throws AssertionError with the path of a field that a CRD cannot express or that lacks a maximum. */
export function toStructuralSchema(schema: z.ZodType): StructuralSchema {
  const json = z.toJSONSchema(schema, { target: "openapi-3.0", io: "input", unrepresentable: "any" });
  return convert(json as JsonNode, "$");
}

function convert(node: JsonNode, path: string): StructuralSchema {
  const choices = node.anyOf;
  if (Array.isArray(choices)) return convertChoice(node, choices as JsonNode[], path);
  const out: JsonNode = {};
  for (const key of CARRIED) if (node[key] !== undefined) out[key] = node[key];
  const preset = node.default;
  if (preset !== undefined && typeof preset !== "object") out.default = preset;
  switch (node.type) {
    case "object":
      return { ...out, ...convertObject(node, path) };
    case "array":
      assert(node.maxItems !== undefined, `a list has a maximum: ${path}`);
      return { ...out, items: convert(node.items as JsonNode, `${path}[]`) };
    case "string":
      assert("maxLength" in node || "enum" in node || "format" in node, `a string has a maximum: ${path}`);
      return out;
    case "integer":
    case "boolean":
      return out;
    default:
      assert(false, `a field has a type that a CRD can express: ${path}`);
  }
}

function convertObject(node: JsonNode, path: string): JsonNode {
  const properties = node.properties as Readonly<Record<string, JsonNode>> | undefined;
  const others = node.additionalProperties;
  const isOpen = typeof others === "object" && others !== null && Object.keys(others).length === 0;
  const out: JsonNode = {};
  if (properties) {
    out.properties = Object.fromEntries(
      Object.entries(properties).map(([name, child]) => [name, convert(child, `${path}.${name}`)]),
    );
  }
  if (isOpen) out["x-kubernetes-preserve-unknown-fields"] = true;
  else if (typeof others === "object") {
    assert(node.maxProperties !== undefined, `a map has a maximum: ${path}`);
    out.additionalProperties = convert(others as JsonNode, `${path}{}`);
  }
  return out;
}

function convertChoice(node: JsonNode, choices: readonly JsonNode[], path: string): StructuralSchema {
  const types = new Set(choices.map((choice) => choice.type));
  const { description, default: preset } = node;
  const common = { ...(description ? { description } : {}), ...(preset === undefined ? {} : { default: preset }) };
  if (types.size === 1 && choices.every((choice) => choice.enum)) {
    const values = choices.flatMap((choice) => choice.enum as unknown[]);
    return { ...common, type: values.every(Number.isInteger) ? "integer" : "string", enum: values };
  }
  if (types.size === 2 && types.has("integer") && types.has("string")) {
    return { ...common, "x-kubernetes-int-or-string": true };
  }
  const [text] = choices.filter((choice) => choice.maxLength !== undefined);
  assert(types.size === 1 && types.has("string") && text !== undefined, `a choice that a CRD can express: ${path}`);
  return { ...common, type: "string", maxLength: text.maxLength };
}
