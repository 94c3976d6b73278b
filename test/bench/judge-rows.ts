/** The floors and goals of DESIGN §9 for loads beside redis-server. */

import type { Judged } from "./judgement.ts";
import type { Measured } from "./side-by-side.ts";

interface Limits {
  readonly floor: number;
  readonly goal: number;
}

const RATE: Readonly<Record<string, Limits>> = {
  "GET P=1": { floor: 0.75, goal: 0.95 },
  "SET P=1": { floor: 0.6, goal: 0.9 },
  "GET P=16": { floor: 0.6, goal: 0.85 },
  "SET P=16": { floor: 0.6, goal: 1 },
  "SET P=16, 1,000,000 keys": { floor: 0.55, goal: 0.95 },
  "INCR P=1": { floor: 0.55, goal: 0.85 },
  "HSET P=1": { floor: 0.55, goal: 0.85 },
  "LPUSH P=1": { floor: 0.55, goal: 0.85 },
  "ZADD P=1": { floor: 0.55, goal: 0.85 },
  "INCR P=16": { floor: 0.35, goal: 0.6 },
  "HSET P=16": { floor: 0.35, goal: 0.6 },
  "LPUSH P=16": { floor: 0.35, goal: 0.6 },
  "ZADD P=16": { floor: 0.45, goal: 0.8 },
};
const CPU: Readonly<Record<string, Limits>> = {
  "SET P=1": { floor: 1.8, goal: 1.3 },
  "SET P=16": { floor: 1.8, goal: 1.1 },
};
const P99: Readonly<Record<string, Limits>> = {
  "GET P=1": { floor: 3, goal: 1.5 },
  "SET P=1": { floor: 3, goal: 1.5 },
};

/** What there is a floor for, of the rows of our node. */
export function judgeBesideRedis(rows: readonly Measured[]): Judged[] {
  return rows
    .filter(({ server }) => server === "pika")
    .flatMap((row) => {
      const { name } = row.load;
      return [
        ...judged(`${name}: rate`, row.rateRatio.median, RATE[name]),
        ...judged(`${name}: CPU`, row.cpuRatio.median, costs(CPU[name])),
        ...judged(`${name}: p99`, row.p99Ratio.median, costs(P99[name])),
      ];
    });
}

function judged(what: string, value: number, limits: (Limits & { readonly isCost?: boolean }) | undefined): Judged[] {
  return limits ? [{ what: `${what} against redis-server`, value, text: value.toFixed(2), ...limits }] : [];
}

/** Limits of what should be small. */
function costs(limits: Limits | undefined): (Limits & { readonly isCost: boolean }) | undefined {
  return limits && { ...limits, isCost: true };
}

/** GET beside a server that does nothing. */
export function judgeLimit(rows: readonly Measured[]): Judged[] {
  return rows
    .filter(({ server }) => server === "pika")
    .map(({ load, rateRatio: { median } }) => ({
      what: `${load.name}: rate against the limit`,
      value: median,
      text: median.toFixed(2),
      floor: 0.6,
      goal: 0.9,
    }));
}
