/**
 * Whether a status says something new, and the transition times of its conditions.
 * Source: Kubernetes API conventions, "Typical status properties". Pure.
 */

import { canonicalJson } from "./intent.ts";

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  /** RFC 3339, whole seconds: when `status` last changed. */
  readonly lastTransitionTime?: string;
}

export interface ConditionedStatus {
  readonly conditions?: readonly Condition[];
}

/** `next` with its conditions in the order of their types, each with the time since which it has its status. */
export function withTransitionTimes<S extends ConditionedStatus>(
  previous: ConditionedStatus | undefined,
  next: S,
  nowMs: number,
): S {
  if (next.conditions === undefined) return next;
  const now = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  const conditions = next.conditions
    .map((condition) => {
      const before = previous?.conditions?.find(({ type }) => type === condition.type);
      const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
      return { ...condition, lastTransitionTime: since ?? now };
    })
    .sort((a, b) => (a.type < b.type ? -1 : 1));
  return { ...next, conditions };
}

/** Whether both say the same: absent is null, and the order of conditions means nothing. */
export function isSameStatus(a: ConditionedStatus | undefined, b: ConditionedStatus | undefined): boolean {
  return canonicalJson(comparable(a ?? {})) === canonicalJson(comparable(b ?? {}));
}

function comparable(status: ConditionedStatus): unknown {
  const conditions = [...(status.conditions ?? [])].sort((a, b) => (a.type < b.type ? -1 : 1));
  return dropAbsent({ ...status, conditions });
}

function dropAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropAbsent);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value)
    .map(([name, inner]) => [name, dropAbsent(inner)] as const)
    .filter(([, inner]) => inner !== null && inner !== undefined);
  return Object.fromEntries(kept);
}
