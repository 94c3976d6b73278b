import fc from "fast-check";
import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { hash32 } from "../../../node/base/hash.ts";
import {
  DifferenceMerge,
  IntersectionMerge,
  type MemberMerge,
  orderBySize,
  UnionMerge,
} from "../../../node/datatypes/member-merge.ts";
import { MemberStream } from "../../../node/datatypes/member-stream.ts";
import { RedisSet } from "../../../node/datatypes/set.ts";
import { Zset } from "../../../node/datatypes/zset.ts";
import { MapTransaction } from "../../support/map-transaction.ts";

/** A source: members and their scores; those of a set all score 1. */
interface Source {
  readonly isSet: boolean;
  readonly members: ReadonlyMap<string, number>;
}

const KEYS = Argv.of("a", "b", "c", "d");
// Long names make trees of some sources, so that both forms meet in one merge.
const name = fc.integer({ min: 0, max: 25 }).map((n) => `m${n}${"-".repeat(6 * n)}`);
const source: fc.Arbitrary<Source> = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(name, fc.integer({ min: -9, max: 9 })), { maxLength: 25, size: "max" }))
  .map(([isSet, entries]) => ({
    isSet,
    members: new Map(entries.map(([member, score]) => [member, isSet ? 1 : score])),
  }));
const sources = fc.array(source, { minLength: 1, maxLength: 4 });

function store(tx: MapTransaction, all: readonly Source[]): void {
  all.forEach(({ isSet, members }, index) => {
    tx.runToEnd((open) => {
      const collection = isSet ? new RedisSet() : new Zset();
      collection.open(open, KEYS, index);
      for (const [member, score] of members) {
        const bytes = Buffer.from(member);
        if (collection instanceof Zset) collection.add(bytes, 0, bytes.length, score);
        else collection.add(bytes, 0, bytes.length);
      }
      collection.close();
    });
  });
}

function merged(all: readonly Source[], make: (streams: readonly MemberStream[]) => MemberMerge): [string, number][] {
  const tx = new MapTransaction();
  store(tx, all);
  return tx.runToEnd((open) => {
    const merge = make(all.map((_, index) => MemberStream.ofScored(open, KEYS, index) as MemberStream));
    const found: [string, number][] = [];
    while (merge.next()) {
      const { buf, start, end } = merge.element;
      found.push([buf.toString("latin1", start, end), merge.score]);
    }
    return found;
  });
}

const hashKey = new MapTransaction().hashKey;
function inOrder(members: ReadonlyMap<string, number>): [string, number][] {
  const hashOf = (member: string) => hash32(hashKey, Buffer.from(member), 0, member.length);
  return [...members].sort(([a], [b]) => hashOf(a) - hashOf(b) || (a < b ? -1 : 1));
}

const weighted = (streams: readonly MemberStream[]) => streams.map((stream, i) => ({ stream, weight: i + 1 }));
const scoresOf = (all: readonly Source[], member: string) =>
  all.flatMap(({ members }, i) => (members.has(member) ? [(i + 1) * (members.get(member) as number)] : []));
const sumOf = (scores: readonly number[]) => scores.reduce((sum, score) => sum + score, 0);

it("a union has each member once, in the order of the hashes, with the scores of all", () => {
  fc.assert(
    fc.property(sources, (all) => {
      const names = new Set(all.flatMap(({ members }) => [...members.keys()]));
      const expected = new Map([...names].map((member) => [member, sumOf(scoresOf(all, member))]));
      expect(merged(all, (streams) => new UnionMerge(orderBySize(weighted(streams)), "sum"))).toEqual(
        inOrder(expected),
      );
    }),
    { numRuns: 60 },
  );
});

it("an intersection has what all have, by the aggregate", () => {
  fc.assert(
    fc.property(sources, fc.constantFrom("min" as const, "max" as const), (all, aggregate) => {
      const names = [...(all[0] as Source).members.keys()].filter((member) =>
        all.every(({ members }) => members.has(member)),
      );
      const expected = new Map(names.map((member) => [member, Math[aggregate](...scoresOf(all, member))]));
      expect(merged(all, (streams) => new IntersectionMerge(orderBySize(weighted(streams)), aggregate))).toEqual(
        inOrder(expected),
      );
    }),
    { numRuns: 60 },
  );
});

it("a difference has what only the first has, with its scores", () => {
  fc.assert(
    fc.property(sources, ([first, ...others]) => {
      const own = [...(first as Source).members].filter(([member]) =>
        others.every(({ members }) => !members.has(member)),
      );
      expect(merged([first as Source, ...others], (streams) => new DifferenceMerge(weighted(streams)))).toEqual(
        inOrder(new Map(own)),
      );
    }),
    { numRuns: 60 },
  );
});

it("what is not a number counts as zero", () => {
  const infinite = (score: number): Source => ({ isSet: false, members: new Map([["m", score]]) });
  const both = [infinite(Number.POSITIVE_INFINITY), infinite(Number.NEGATIVE_INFINITY)];
  expect(merged(both, (streams) => new UnionMerge(weighted(streams), "sum"))).toEqual([["m", 0]]);
  expect(merged(both, (streams) => new IntersectionMerge(weighted(streams), "sum"))).toEqual([["m", 0]]);
});
