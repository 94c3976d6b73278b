import { expect, it } from "vitest";
import { FollowerTrack, progressOf } from "../../../../node/replication/core/follower-track.ts";

function streaming(lastIndex: number, windowBytes = 100): FollowerTrack {
  const track = new FollowerTrack();
  track.begin(lastIndex, windowBytes);
  return track;
}

it("keeps no more than a window on the way, and opens it by acknowledgements", () => {
  const track = streaming(10);
  expect(track.roomBytes).toBe(100);
  track.sent(2, 60);
  track.sent(1, 70);
  expect([track.roomBytes, track.sentIndex]).toEqual([0, 13]);
  expect(track.acknowledged(11, 10, 13)).toBe(true);
  expect(track.roomBytes).toBe(0);
  expect(track.acknowledged(12, 10, 13)).toBe(true);
  expect(track.roomBytes).toBe(30);
  expect([track.appendedIndex, track.durableIndex]).toEqual([12, 10]);
});

it("refuses acknowledgements of what was not sent", () => {
  const track = streaming(10);
  expect(track.acknowledged(11, 0, 20)).toBe(false);
  expect(track.acknowledged(10, 11, 20)).toBe(false);
});

it("is in sync once it has had everything, until its stream ends", () => {
  const track = streaming(10);
  track.sent(2, 10);
  track.acknowledged(11, 11, 12);
  expect(track.isInSync).toBe(false);
  track.acknowledged(12, 11, 12);
  expect(track.isInSync).toBe(true);
  track.acknowledged(12, 12, 500);
  expect(track.isInSync).toBe(true);
  track.become("away");
  expect([track.isInSync, track.appendedIndex]).toEqual([false, 12]);
});

it("tells what a slot must keep: the log for the slowest, the database behind the fastest in sync", () => {
  expect(progressOf([])).toEqual({
    needFrom: Number.POSITIVE_INFINITY,
    copiesNeedFrom: Number.POSITIVE_INFINITY,
    acknowledged: Number.POSITIVE_INFINITY,
  });
  const fast = streaming(20);
  fast.acknowledged(20, 20, 20);
  const slow = streaming(5);
  const copying = streaming(0);
  copying.become("copying");
  copying.copies(8);
  expect(progressOf([fast, slow, copying])).toEqual({ needFrom: 6, copiesNeedFrom: 9, acknowledged: 20 });
  expect(progressOf([slow, copying])).toEqual({
    needFrom: 6,
    copiesNeedFrom: 9,
    acknowledged: Number.POSITIVE_INFINITY,
  });
});

it("needs the log behind its copy until it has caught up or gone", () => {
  const track = streaming(3);
  expect(track.needsLogForCopy).toBe(false);
  track.become("copying");
  expect(track.needsLogForCopy).toBe(false);
  track.copies(50);
  expect([track.needsLogForCopy, track.appendedIndex]).toEqual([true, 50]);
  track.become("away");
  expect(track.needsLogForCopy).toBe(false);
  track.begin(50, 100);
  track.sent(5, 10);
  expect(track.needsLogForCopy).toBe(true);
  track.acknowledged(55, 55, 55);
  expect(track.needsLogForCopy).toBe(false);
  track.become("away");
  track.begin(55, 100);
  expect(track.needsLogForCopy).toBe(false);
});
