/**
 * What a replica that is to lead does next, from what the other replicas said of themselves (DESIGN §5). Pure.
 *
 * Invariants
 * 1. The log with the highest {term, index} is the one that is led on; an empty log and one that is being replaced by a
 *    copy never count as more.
 * 2. Nobody leads in a term that an entry of a known log has already, or that its own log has passed.
 * 3. A term of a replica's own making is led only when every other replica has promised it.
 */

import type { NodeId } from "../../meta/ids.ts";
import type { LogPosition } from "../../wire/binlog-sync.ts";
import type { Standing } from "../../wire/positions.ts";

/** Another replica of the slot, as the candidate sees it. */
export interface OtherReplica {
  readonly node: NodeId;
  /** Undefined: it has not answered. */
  readonly standing: Standing | undefined;
  /** Whether an answer is still waited for; without it the candidate leads all the same. */
  readonly isAwaited: boolean;
  /** It could not be fetched from. */
  readonly isGivenUp: boolean;
}

export interface CandidateView {
  /** The term that is to be led in. */
  readonly term: number;
  /** No manager gave that term: all others must promise it. */
  readonly needsAll: boolean;
  /** The highest term that the own replica has seen. */
  readonly seenTerm: number;
  /** The own last entry. */
  readonly last: LogPosition;
  readonly others: readonly OtherReplica[];
}

export type CandidateStep =
  | { readonly kind: "wait" }
  /** Have what that node has more, then decide again. */
  | { readonly kind: "fetch"; readonly node: NodeId }
  | { readonly kind: "lead" }
  /** Ask all others for a promise of this higher term. */
  | { readonly kind: "raise"; readonly term: number }
  /** The term is used or passed: only a newer one, from a manager, helps. */
  | { readonly kind: "yield" };

const WAIT: CandidateStep = { kind: "wait" };

export function decideCandidacy(view: CandidateView): CandidateStep {
  const { term, needsAll, seenTerm, others } = view;
  let highestTerm = seenTerm;
  for (const { standing } of others) highestTerm = Math.max(highestTerm, lastSeenTerm(standing));
  if (needsAll) {
    const isRefused = others.some(({ standing }) => standing !== undefined && lastSeenTerm(standing) > term);
    if (isRefused || seenTerm >= term || others.some((other) => refusesTerm(other, term))) {
      return { kind: "raise", term: highestTerm + 1 };
    }
    if (!others.every(({ standing }) => standing?.kind === "standing" || standing?.kind === "copying")) return WAIT;
  } else if (others.some(({ standing, isAwaited }) => isAwaited && !isFinal(standing))) return WAIT;
  const best = findMore(view);
  if (best !== undefined && best.last.term >= term) return { kind: "yield" };
  if (best !== undefined) return { kind: "fetch", node: best.node };
  return seenTerm >= term ? { kind: "yield" } : { kind: "lead" };
}

/** Whether `a` is the log that wins over `b`. */
function isMore(a: LogPosition, b: LogPosition): boolean {
  return a.term > b.term || (a.term === b.term && a.index > b.index);
}

function lastSeenTerm(standing: Standing | undefined): number {
  return standing === undefined ? 0 : Math.max(standing.term, standing.last.term);
}

/** It has given the very term to another. */
function refusesTerm({ standing }: OtherReplica, term: number): boolean {
  return standing?.kind === "refusing" && standing.term >= term;
}

/** A leader of an older term may still take entries. */
function isFinal(standing: Standing | undefined): boolean {
  return standing !== undefined && standing.kind !== "leading";
}

function findMore({ last, others }: CandidateView): { node: NodeId; last: LogPosition } | undefined {
  let best: { node: NodeId; last: LogPosition } | undefined;
  for (const { node, standing, isGivenUp } of others) {
    if (isGivenUp || standing?.kind !== "standing" || standing.last.index === 0) continue;
    if (isMore(standing.last, best?.last ?? last)) best = { node, last: standing.last };
  }
  return best;
}
