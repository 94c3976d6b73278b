import { expect, test } from "vitest";
import { type Lease, LeaseRecord, leaseToWrite, microTime } from "../../../../operator/kube/core/lease-record.ts";

const options = { identity: "me", namespace: "ns", name: "lease", durationMs: 15_000 };
const lease = (holderIdentity: string, resourceVersion = "1"): Lease => ({
  metadata: { name: "lease", namespace: "ns", uid: "u", resourceVersion },
  spec: { holderIdentity, leaseDurationSeconds: 15, renewTime: microTime(0), leaseTransitions: 3 },
});

test("no Lease is made, a free one and our own are written", () => {
  const record = new LeaseRecord("me");
  record.observe(undefined, 0);
  expect(record.step(0)).toBe("create");
  record.observe(lease(""), 0);
  expect(record.step(0)).toBe("take");
  record.observe(lease("me"), 0);
  expect(record.step(0)).toBe("renew");
});

test("another holder is gone when its record did not change for its duration by our clock, whatever its time says", () => {
  const record = new LeaseRecord("me");
  record.observe(lease("other"), 1_000_000);
  record.observe(lease("other"), 1_010_000);
  expect(record.step(1_015_000)).toBe("wait");
  expect(record.step(1_015_001)).toBe("take");
  record.observe(lease("other", "2"), 1_015_001);
  expect(record.step(1_030_001)).toBe("wait");
});

test("a Lease that is deleted does not end the hold of who had it", () => {
  const record = new LeaseRecord("me");
  record.observe(lease("other"), 0);
  record.observe(undefined, 1000);
  expect(record.step(16_000)).toBe("wait");
  expect(record.step(16_001)).toBe("create");
  record.observe(lease("me"), 17_000);
  record.observe(undefined, 18_000);
  expect(record.step(18_000)).toBe("create");
});

test("a Lease that was made anew is a change, also with an equal version", () => {
  const record = new LeaseRecord("me");
  record.observe(lease("other"), 0);
  const anew = lease("other");
  record.observe({ ...anew, metadata: { ...anew.metadata, uid: "second" } }, 14_000);
  expect(record.step(16_000)).toBe("wait");
});

test("what is written: transitions count holders, the time of acquiring stays, a release is free at once", () => {
  const first = leaseToWrite(undefined, options, { wallMs: 0, isHeld: true });
  expect(first.spec).toEqual({
    holderIdentity: "me",
    leaseDurationSeconds: 15,
    acquireTime: "1970-01-01T00:00:00.000000Z",
    renewTime: "1970-01-01T00:00:00.000000Z",
    leaseTransitions: 0,
  });
  const renewed = leaseToWrite(first, options, { wallMs: 2500, isHeld: true });
  expect(renewed.spec).toMatchObject({
    acquireTime: "1970-01-01T00:00:00.000000Z",
    renewTime: "1970-01-01T00:00:02.500000Z",
    leaseTransitions: 0,
  });
  expect(leaseToWrite(lease("other"), options, { wallMs: 0, isHeld: true })).toMatchObject({
    metadata: { resourceVersion: "1" },
    spec: { leaseTransitions: 4 },
  });
  const released = leaseToWrite(renewed, options, { wallMs: 3000, isHeld: false });
  expect(released.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
});
