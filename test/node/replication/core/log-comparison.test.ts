import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compareLogs,
  type LogView,
  NO_POSITION,
  type ProbeBounds,
  probePositions,
  resolveProbe,
  UNPROBED,
} from "../../../../node/replication/core/log-comparison.ts";
import type { LogPosition } from "../../../../node/wire/binlog-sync.ts";

/** A log of which each entry is named by the branch it was written in; entries below `firstIndex` are gone. */
function logOf(branches: readonly number[], firstIndex = 1): LogView {
  const positions: LogPosition[] = [];
  let chain = 0;
  for (const [i, branch] of branches.entries()) {
    chain = (chain * 31 + branch + 1) % 1_000_003;
    positions.push({ term: branch, index: i + 1, crc: chain });
  }
  const at = (index: number) => (index >= firstIndex ? positions[index - 1] : undefined);
  return {
    last: positions.at(-1) ?? NO_POSITION,
    firstIndex,
    positionAt: at,
    previousCrcAt: (index) => (at(index) === undefined ? undefined : (positions[index - 2]?.crc ?? 0)),
  };
}

const repeat = (branch: number, count: number): number[] => new Array(count).fill(branch);

/** Plays leader and follower until the follower knows what to do; counts the rounds. */
function probe(leader: LogView, follower: LogView) {
  const comparison = compareLogs(leader, follower.last);
  if (comparison.kind !== "probe") return { result: comparison, rounds: 0 };
  let range: { readonly firstIndex: number; readonly lastIndex: number } = comparison;
  let bounds: ProbeBounds = UNPROBED;
  for (let rounds = 1; ; rounds++) {
    const step = resolveProbe(follower, bounds, probePositions(leader, range.firstIndex, range.lastIndex));
    if (step.kind !== "ask") return { result: step, rounds };
    bounds = step.bounds;
    range = step;
    expect(rounds).toBeLessThan(20);
  }
}

describe("comparing logs", () => {
  it("streams to who has a part of the leader's log", () => {
    const leader = logOf(repeat(1, 10));
    expect(compareLogs(leader, NO_POSITION)).toEqual({ kind: "stream", from: 1 });
    expect(compareLogs(leader, logOf(repeat(1, 4)).last)).toEqual({ kind: "stream", from: 5 });
    expect(compareLogs(leader, leader.last)).toEqual({ kind: "stream", from: 11 });
    expect(compareLogs(logOf([]), NO_POSITION)).toEqual({ kind: "stream", from: 1 });
  });

  it("copies all where the leader's log does not reach back so far", () => {
    const leader = logOf(repeat(1, 10), 6);
    expect(compareLogs(leader, NO_POSITION)).toEqual({ kind: "snapshot", cause: "emptyFollower" });
    expect(compareLogs(leader, logOf(repeat(1, 4)).last)).toEqual({ kind: "snapshot", cause: "logGone" });
  });

  it("streams to who is just before the leader's oldest entry, if that entry follows on it", () => {
    const leader = logOf(repeat(1, 10), 6);
    expect(compareLogs(leader, logOf(repeat(1, 5)).last)).toEqual({ kind: "stream", from: 6 });
    expect(compareLogs(leader, logOf(repeat(2, 5)).last)).toEqual({ kind: "snapshot", cause: "logGone" });
  });

  it("streams to who has all of a leader that holds no entry any more", () => {
    const leader = logOf(repeat(1, 10), 11);
    expect(compareLogs(leader, leader.last)).toEqual({ kind: "stream", from: 11 });
    expect(compareLogs(leader, logOf(repeat(1, 9)).last)).toEqual({ kind: "snapshot", cause: "logGone" });
  });

  it("finds the last common entry, whatever the lengths, and in few rounds", () => {
    const length = fc.nat(3000);
    fc.assert(
      fc.property(length, length, fc.integer({ min: 1, max: 3000 }), (common, leaderTail, followerTail) => {
        const leader = logOf([...repeat(1, common), ...repeat(2, leaderTail)]);
        const follower = logOf([...repeat(1, common), ...repeat(3, followerTail)]);
        const { result, rounds } = probe(leader, follower);
        const position = common === 0 ? NO_POSITION : follower.positionAt(common);
        expect(result).toEqual({ kind: "cut", position });
        expect(rounds).toBeLessThanOrEqual(3);
      }),
    );
  });

  it("sets aside what differs, then asks for a copy, where the common part is gone from either log", () => {
    const branches = (tail: number, count: number) => [...repeat(1, 10), ...repeat(tail, count)];
    const leader = logOf(branches(2, 20), 15);
    const cut = probe(leader, logOf(branches(3, 20))).result;
    expect(cut).toEqual({ kind: "cut", position: logOf(branches(3, 4)).last });
    expect(probe(leader, logOf(branches(3, 4))).result).toEqual({ kind: "snapshot", cause: "logGone" });
    expect(probe(logOf(branches(2, 20)), logOf(branches(3, 20), 15)).result).toEqual({ kind: "snapshot" });
  });

  it("never cuts what is common, whatever both still hold", () => {
    const anyLength = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(anyLength, anyLength, anyLength, fc.nat(30), fc.nat(30), (common, a, b, goneA, goneB) => {
        const leader = logOf([...repeat(1, common), ...repeat(2, a)], 1 + Math.min(goneA, common + a));
        const follower = logOf([...repeat(1, common), ...repeat(3, b)], 1 + Math.min(goneB, common + b));
        const { result } = probe(leader, follower);
        if (result.kind === "cut") expect(result.position.index).toBeGreaterThanOrEqual(common);
        else expect(result.kind).toBe("snapshot");
      }),
    );
  });
});
