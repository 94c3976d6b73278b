/** What COMMAND tells of the commands over ranges of a sorted set, and which form of the work each stands for. */

import type { DataCommand, DataContext } from "./command.ts";

export type RangeKind = "index" | "score" | "name";

/** What a command of the ZRANGE family leaves to its options, or fixes. */
export interface RangeForm {
  /** Undefined: BYSCORE and BYLEX say it. */
  readonly by: RangeKind | undefined;
  /** Undefined: REV says it. */
  readonly isReverse: boolean | undefined;
  readonly isStore: boolean;
}

/** The work, by sorted-set-ranges.ts. */
interface RangeWork {
  readonly executeRange: (context: DataContext, form: RangeForm) => void;
  readonly executeRangeStore: (context: DataContext) => void;
  readonly executeCount: (context: DataContext, by: RangeKind) => void;
  readonly executeRemoveRange: (context: DataContext, by: RangeKind) => void;
}

const COMMON = {
  scope: "data",
  keys: { kind: "range", first: 1, last: 1, step: 1 },
  group: "sorted-set",
} as const;
const READ = {
  ...COMMON,
  flags: ["readonly"],
  arity: -4,
  complexity: "O(log(N)+M) where N is the size of the set and M the number of members replied",
} as const;
const COUNT = {
  ...COMMON,
  flags: ["readonly", "fast"],
  arity: 4,
  complexity: "O(log(N)) where N is the size of the set",
} as const;
const REMOVE = {
  ...COMMON,
  flags: ["write"],
  arity: 4,
  complexity: "O(log(N)*M) where N is the size of the set and M the number of members removed",
} as const;

export function sortedSetRangeSpecs(work: RangeWork): DataCommand[] {
  const reader = (by: RangeKind | undefined, isReverse: boolean | undefined) => (context: DataContext) =>
    work.executeRange(context, { by, isReverse, isStore: false });
  return [
    {
      ...READ,
      name: "zrange",
      since: "1.2.0",
      summary: "Reads the members of a range by position, score or name.",
      execute: reader(undefined, undefined),
    },
    {
      ...COMMON,
      flags: ["write", "denyoom"],
      keys: { kind: "range", first: 1, last: 2, step: 1 },
      name: "zrangestore",
      arity: -5,
      since: "6.2.0",
      summary: "Stores the members of a range by position, score or name.",
      complexity: "O(log(N)+M*log(M)) where N is the size of the set and M the number of members stored",
      execute: work.executeRangeStore,
    },
    ...olderReaders(reader),
    {
      ...COUNT,
      name: "zcount",
      since: "2.0.0",
      summary: "Counts the members of a range by score.",
      execute: (context) => work.executeCount(context, "score"),
    },
    {
      ...COUNT,
      name: "zlexcount",
      since: "2.8.9",
      summary: "Counts the members of a range by name.",
      execute: (context) => work.executeCount(context, "name"),
    },
    {
      ...REMOVE,
      name: "zremrangebyrank",
      since: "2.0.0",
      summary: "Removes the members of a range by position.",
      execute: (context) => work.executeRemoveRange(context, "index"),
    },
    {
      ...REMOVE,
      name: "zremrangebyscore",
      since: "1.2.0",
      summary: "Removes the members of a range by score.",
      execute: (context) => work.executeRemoveRange(context, "score"),
    },
    {
      ...REMOVE,
      name: "zremrangebylex",
      since: "2.8.9",
      summary: "Removes the members of a range by name.",
      execute: (context) => work.executeRemoveRange(context, "name"),
    },
  ];
}

/** The commands that ZRANGE's options have replaced. */
function olderReaders(reader: (by: RangeKind, isReverse: boolean) => (context: DataContext) => void): DataCommand[] {
  return [
    {
      ...READ,
      name: "zrevrange",
      since: "1.2.0",
      summary: "Reads the members of a range by position, from the highest score.",
      execute: reader("index", true),
    },
    {
      ...READ,
      name: "zrangebyscore",
      since: "1.0.5",
      summary: "Reads the members of a range by score.",
      execute: reader("score", false),
    },
    {
      ...READ,
      name: "zrevrangebyscore",
      since: "2.2.0",
      summary: "Reads the members of a range by score, from the highest.",
      execute: reader("score", true),
    },
    {
      ...READ,
      name: "zrangebylex",
      since: "2.8.9",
      summary: "Reads the members of a range by name.",
      execute: reader("name", false),
    },
    {
      ...READ,
      name: "zrevrangebylex",
      since: "2.8.9",
      summary: "Reads the members of a range by name, from the highest.",
      execute: reader("name", true),
    },
  ];
}
