/**
 * The schema of `status.conditions`, which all resources share (Kubernetes API conventions, "Typical status
 * properties"): a list-map by type, each with the time of its last change.
 */

import { z } from "zod";
import { listMap } from "./fields.ts";

export const conditions = z
  .array(
    z
      .strictObject({
        type: z.string().min(1).max(64).describe("What it is about, such as Ready."),
        status: z.enum(["True", "False", "Unknown"]).describe("Whether it holds."),
        reason: z.string().min(1).max(128).describe("Why, as one word for programs."),
        message: z.string().max(4096).describe("Why, for people: what is wrong, where, and what to do."),
        observedGeneration: z.int().min(0).optional().describe("Generation of the spec that it was computed from."),
        lastTransitionTime: z.iso.datetime().meta({ format: "date-time" }).describe("When status last changed."),
      })
      .describe("One aspect of the state."),
  )
  .max(32)
  .meta(listMap("type"))
  .describe("The state, aspect by aspect.");

/** Counts of slots, of a cluster or of a table. */
export const slotCounts = z
  .strictObject({
    total: z.int().min(0).optional().describe("Slots that there are."),
    withLeader: z.int().min(0).optional().describe("Slots that have a leader which takes writes."),
    underReplicated: z.int().min(0).optional().describe("Slots with fewer replicas in sync than wanted."),
    migrating: z.int().min(0).optional().describe("Slots that are moving."),
    summary: z.string().max(32).optional().describe("Slots with a leader of all, such as 64/64."),
  })
  .describe("Counts of slots.");
