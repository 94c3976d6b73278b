/**
 * Ready, Reconciling and Stalled of any of our resources, as kstatus reads them: the last two are present only when true,
 * and never both. What is only awaited becomes Stalled where nothing has come for longer than the deadline. Pure.
 */

import type { Condition } from "../../kube/core/status-change.ts";
import type { Unfinished } from "./task.ts";

export interface ProgressInput {
  /** The conditions that were written last. */
  readonly before: readonly Condition[] | undefined;
  readonly generation: number;
  /** What is in the way; undefined: nothing. */
  readonly unfinished: Unfinished | undefined;
  readonly nowMs: number;
  readonly deadlineMs: number;
  /** When something last got further, ms since 1970; 0 where that is unknown. */
  readonly progressedMs: number;
  /** What a person reads where all is done. */
  readonly done: { readonly reason: string; readonly message: string };
}

export function makeCondition(
  type: string,
  status: Condition["status"] | boolean,
  why: { readonly reason: string; readonly message: string },
): Condition {
  const word = typeof status === "boolean" ? (status ? "True" : "False") : status;
  return { type, status: word, reason: why.reason, message: why.message.slice(0, 4000) };
}

/** The three, each about `generation`. */
export function progressConditions(input: ProgressInput): Condition[] {
  const { unfinished, before, generation, done } = input;
  const about = (condition: Condition): Condition => ({ ...condition, observedGeneration: generation });
  if (!unfinished) return [about(makeCondition("Ready", true, done))];
  const isStalled = unfinished.kind === "Fail" || isOverdue(input);
  const wasReady = before?.find(({ type }) => type === "Ready");
  const isNew = wasReady === undefined || wasReady.status === "Unknown";
  const ready = isNew && !isStalled ? "Unknown" : "False";
  return [
    about(makeCondition("Ready", ready, unfinished)),
    about(makeCondition(isStalled ? "Stalled" : "Reconciling", true, unfinished)),
  ];
}

function isOverdue({ before, generation, nowMs, deadlineMs, progressedMs }: ProgressInput): boolean {
  const stalled = before?.find(({ type }) => type === "Stalled");
  if (stalled) return stalled.observedGeneration === generation && progressedMs < timeOf(stalled);
  const reconciling = before?.find(({ type }) => type === "Reconciling");
  if (!reconciling) return false;
  return nowMs - Math.max(timeOf(reconciling), progressedMs) > deadlineMs;
}

function timeOf({ lastTransitionTime }: Condition): number {
  return lastTransitionTime === undefined ? 0 : Date.parse(lastTransitionTime);
}

/** When the deadline is over, for a look then; undefined where nothing is awaited. */
export function deadlineLeftMs(input: ProgressInput): number | undefined {
  const reconciling = input.before?.find(({ type }) => type === "Reconciling");
  if (!reconciling || input.unfinished === undefined || input.unfinished.kind === "Fail") return undefined;
  const sinceMs = Math.max(timeOf(reconciling), input.progressedMs);
  return Math.max(1000, sinceMs + input.deadlineMs - input.nowMs + 1000);
}
