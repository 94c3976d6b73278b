/** Measured values beside the floor and the goal that DESIGN §9 sets for them. */

export interface Judged {
  readonly what: string;
  readonly value: number;
  /** How the value is written. */
  readonly text: string;
  readonly floor: number;
  readonly goal: number;
  /** Whether less is better. */
  readonly isCost?: boolean;
}

/** `met` is about the floor; the goal is said where it is reached too. */
function verdictOf({ value, floor, goal, isCost = false }: Judged): string {
  const reaches = (limit: number) => (isCost ? value <= limit : value >= limit);
  if (reaches(goal)) return "goal";
  return reaches(floor) ? "floor" : "**below the floor**";
}

/** A table with one row each: measured, floor, goal, verdict. */
export function formatJudgement(rows: readonly Judged[]): string {
  const sign = (row: Judged) => (row.isCost ? "≤" : "≥");
  return [
    "| what | measured | floor | goal | reaches |",
    "|---|---|---|---|---|",
    ...rows.map((row) => {
      const cells = [row.what, row.text, `${sign(row)} ${row.floor}`, `${sign(row)} ${row.goal}`, verdictOf(row)];
      return `| ${cells.join(" | ")} |`;
    }),
  ].join("\n");
}
