/**
 * Until when a leader may take writes (DESIGN §5, the rule of grants). Pure.
 * Of n replicas a promotion needs P = floor(n / 2) of the others. A leader therefore holds its lease by a grant of the
 * manager, or by grants of n − P followers: each set of P promoters has one of these in it. A single replica needs none.
 */

export interface Grants {
  /** All replicas of the slot, the leader among them. */
  readonly replicaCount: number;
  /** Until when the manager promised to promote nobody else, monotonic ms. */
  readonly managerUntilMs: number;
  /** Until when each follower promised not to help, monotonic ms; −Infinity for none. */
  readonly followersUntilMs: readonly number[];
}

/** The end of the lease, monotonic ms; −Infinity: there is none. */
export function leaseUntilMs(grants: Grants): number {
  const { replicaCount, managerUntilMs, followersUntilMs } = grants;
  if (replicaCount <= 1) return Number.POSITIVE_INFINITY;
  const needed = replicaCount - Math.floor(replicaCount / 2);
  const byFollowers = followersUntilMs.toSorted((a, b) => b - a)[needed - 1] ?? Number.NEGATIVE_INFINITY;
  return Math.max(managerUntilMs, byFollowers);
}
