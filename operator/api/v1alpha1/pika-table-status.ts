/** `status` of a PikaTable: what the operator saw last. */

import { z } from "zod";
import { conditions, slotCounts } from "./conditions.ts";

export const tableStatus = z
  .strictObject({
    observedGeneration: z.int().min(0).optional().describe("Generation of the spec that this status is about."),
    replicas: z.int().min(0).optional().describe("Replicas of each slot, when the spec leaves them out."),
    slots: slotCounts.optional(),
    keys: z.int().min(0).meta({ format: "int64" }).optional().describe("Keys, to two digits."),
    bytes: z.int().min(0).meta({ format: "int64" }).optional().describe("Bytes stored, to two digits."),
    address: z.string().max(512).optional().describe("Where clients connect to."),
    conditions: conditions.optional(),
  })
  .describe("What the operator saw last.");
