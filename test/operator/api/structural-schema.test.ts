import { describe, expect, test } from "vitest";
import { z } from "zod";
import { toStructuralSchema } from "../../../operator/api/structural-schema.ts";

const fieldOf = (field: z.ZodType) =>
  (toStructuralSchema(z.strictObject({ field })).properties as Record<string, unknown>).field;

describe("toStructuralSchema", () => {
  test("keeps scalar defaults and limits, in objects without their own default", () => {
    const part = z.strictObject({ size: z.string().max(20).default("10Gi") }).prefault({});
    expect(fieldOf(part)).toEqual({
      type: "object",
      properties: { size: { type: "string", maxLength: 20, default: "10Gi" } },
    });
  });

  test("what must be given is required, what has a default is not", () => {
    const schema = z.strictObject({ must: z.boolean(), may: z.boolean().optional(), preset: z.int().default(1) });
    expect(toStructuralSchema(schema)).toMatchObject({ required: ["must"] });
  });

  test("a map of anything keeps what it does not know, also beside named fields", () => {
    expect(fieldOf(z.record(z.string(), z.unknown()))).toEqual({
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
    });
    expect(fieldOf(z.looseObject({ name: z.string().max(9) }))).toEqual({
      type: "object",
      properties: { name: { type: "string", maxLength: 9 } },
      required: ["name"],
      "x-kubernetes-preserve-unknown-fields": true,
    });
  });

  test("choices become int-or-string, one enum, or the longer text", () => {
    expect(fieldOf(z.union([z.int(), z.string().max(9)]))).toEqual({ "x-kubernetes-int-or-string": true });
    expect(fieldOf(z.union([z.literal(1), z.literal(3)]).default(3))).toEqual({
      type: "integer",
      enum: [1, 3],
      default: 3,
    });
    expect(fieldOf(z.union([z.literal(""), z.string().max(40).regex(/^a+$/)]))).toEqual({
      type: "string",
      maxLength: 40,
    });
  });

  test("descriptions, list keys and rules are carried over", () => {
    const rules = [{ rule: "self == oldSelf", message: "fixed" }];
    const list = z
      .array(z.strictObject({ name: z.string().max(9) }))
      .max(4)
      .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] })
      .describe("Some.");
    expect(fieldOf(list)).toMatchObject({ description: "Some.", "x-kubernetes-list-map-keys": ["name"], maxItems: 4 });
    expect(fieldOf(z.boolean().meta({ "x-kubernetes-validations": rules }))).toMatchObject({
      "x-kubernetes-validations": rules,
    });
  });

  test.each([
    ["a string", z.string()],
    ["a list", z.array(z.boolean())],
    ["a map", z.record(z.string(), z.boolean())],
  ])("refuses %s without a maximum and says where", (what, field) => {
    expect(() => fieldOf(field)).toThrow(`${what} has a maximum: $.field`);
  });

  test("refuses what has no structural form", () => {
    expect(() => fieldOf(z.unknown())).toThrow("$.field");
    expect(() => fieldOf(z.union([z.boolean(), z.string().max(3)]))).toThrow("$.field");
  });
});
