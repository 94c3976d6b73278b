import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeAssignment, encodeAssignment } from "../../../node/meta/assignment-codec.ts";
import { replicaId } from "../../../node/meta/ids.ts";
import type { SlotAssignment } from "../../../node/meta/topology.ts";
import { nodeIdOf, slotsArbitrary } from "../../support/topology-arbitrary.ts";

const replica = (id: number, node: number) => ({ id: replicaId(id), node: nodeIdOf(node) });

describe("the assignment value", () => {
  test("is the worked example of the document", () => {
    const slots: SlotAssignment[] = [
      { term: 1, leader: 0, replicas: [replica(1, 10), replica(2, 11)] },
      { term: 3, leader: 0, replicas: [replica(3, 11), replica(4, 10)] },
    ];
    const value = encodeAssignment(slots);
    const body = `01000202${"00".repeat(15)}0a${"00".repeat(15)}0b120100020102120301020002`;
    expect(value.subarray(0, -4).toString("hex")).toBe(body);
    expect(decodeAssignment(value, "example")).toEqual(slots);
  });

  test("gives back what was put in", () => {
    fc.assert(
      fc.property(slotsArbitrary(), (slots) => {
        expect(decodeAssignment(encodeAssignment(slots), "x")).toEqual(slots);
      }),
    );
  });

  test("of 16,384 slots with three replicas is under 256 KiB, also when every replica has moved", () => {
    const make = (idOf: (slot: number, i: number) => number): Buffer =>
      encodeAssignment(
        Array.from({ length: 16384 }, (_, slot) => ({
          term: 1 + (slot % 5000),
          leader: slot % 3,
          replicas: [0, 1, 2].map((i) => replica(idOf(slot, i), (slot + i) % 100)),
        })),
      );
    expect(make((slot, i) => 1 + 3 * slot + i).length).toBeLessThan(160 * 1024);
    // A stride that is coprime to the range visits it in no order: every difference is large.
    expect(make((slot, i) => 1 + (((3 * slot + i) * 387_433) % 2 ** 20)).length).toBeLessThan(256 * 1024);
  });

  test("is refused when any byte of it is wrong or missing", () => {
    const value = encodeAssignment([{ term: 7, leader: 1, replicas: [replica(5, 1), replica(9, 2)] }]);
    for (let at = 0; at < value.length; at++) {
      const broken = Buffer.from(value);
      broken[at] = (broken[at] as number) ^ 0x40;
      expect(() => decodeAssignment(broken, "key")).toThrow(/^key: assignment value, offset/);
      expect(() => decodeAssignment(value.subarray(0, at), "key")).toThrow(/^key: /);
    }
  });
});
