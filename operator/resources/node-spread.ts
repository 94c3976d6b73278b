/**
 * How many nodes each zone has. Sticky: a node that exists stays where it is; a new one goes to the zone with the
 * fewest, ties by name; one that goes is the highest of the zone with the most. The order of zones means nothing. Pure.
 */

/** Zone → nodes; the zone is "" where the cluster has none. */
export type NodeSpread = ReadonlyMap<string, number>;

/** A node's StatefulSet is its zone's; `ordinal` is the pod's in it. */
export interface NodePlace {
  readonly zone: string;
  readonly ordinal: number;
}

export function totalOf(spread: NodeSpread): number {
  return [...spread.values()].reduce((sum, count) => sum + count, 0);
}

/** @param current what is; zones that are not in `zones` keep their nodes until they are taken away. */
export function growSpread(current: NodeSpread, zones: readonly string[], total: number): NodeSpread {
  const names = (zones.length === 0 ? [""] : zones).toSorted();
  const next = new Map([...names.map((name) => [name, 0] as const), ...current]);
  for (let missing = total - totalOf(next); missing > 0; missing--) {
    const [first = ""] = names;
    const fewest = names.reduce((best, name) => ((next.get(name) ?? 0) < (next.get(best) ?? 0) ? name : best), first);
    next.set(fewest, (next.get(fewest) ?? 0) + 1);
  }
  return next;
}

/** The node that goes next where there are more than `total`. */
export function nextToGo(current: NodeSpread, zones: readonly string[], total: number): NodePlace | undefined {
  if (totalOf(current) <= total) return undefined;
  const wanted = new Set(zones.length === 0 ? [""] : zones);
  const filled = [...current].filter(([, count]) => count > 0);
  const [first] = filled.toSorted(([a, x], [b, y]) => {
    if (wanted.has(a) !== wanted.has(b)) return wanted.has(a) ? 1 : -1;
    return y - x || (a > b ? -1 : 1);
  });
  return first && { zone: first[0], ordinal: first[1] - 1 };
}
