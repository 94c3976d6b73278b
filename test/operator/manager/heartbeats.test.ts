import { describe, expect, test } from "vitest";
import { replicaId } from "../../../node/meta/ids.ts";
import type { HeartbeatRequest, ReplicaPosition } from "../../../node/meta/manager-api.ts";
import { HeartbeatBook } from "../../../operator/manager/heartbeats.ts";
import { nodeIdOf } from "../../support/topology-arbitrary.ts";

const NODE = nodeIdOf(1);
const R1 = replicaId(1);
const R2 = replicaId(2);
const beat = (start: string, isFull: boolean, positions: ReplicaPosition[]): HeartbeatRequest => ({
  nodeId: NODE,
  startId: start.repeat(32),
  knownEpoch: 3,
  isReady: true,
  isFull,
  positions,
  load: { opsPerSecond: 1, connectedClients: 0, memoryBytes: 0, diskBytes: 0, tables: [] },
  peers: [],
});

describe("what nodes said", () => {
  test("positions are merged within a start, and complete only after a full report", () => {
    const book = new HeartbeatBook();
    expect(book.heartbeat(beat("a", false, [[R1, 1, 5, 0]]), 10)).toBe(false);
    expect(
      book.heartbeat(
        beat("a", true, [
          [R1, 1, 6, 0],
          [R2, 1, 9, 1],
        ]),
        20,
      ),
    ).toBe(true);
    expect(book.heartbeat(beat("a", false, [[R1, 1, 7, 0]]), 30)).toBe(true);
    expect(book.positionOf(R1)).toEqual({ term: 1, index: 7, state: 0 });
    expect(book.positionOf(R2)).toEqual({ term: 1, index: 9, state: 1 });
    expect(book.of(NODE)).toMatchObject({ lastHeardMs: 30, knownEpoch: 3, isReady: true });
  });

  test("a full report and another start forget what came before", () => {
    const book = new HeartbeatBook();
    book.heartbeat(
      beat("a", true, [
        [R1, 1, 6, 0],
        [R2, 1, 9, 0],
      ]),
      1,
    );
    book.heartbeat(beat("a", true, [[R1, 1, 7, 0]]), 2);
    expect(book.positionOf(R2)).toBeUndefined();
    book.register(NODE, { startId: "b".repeat(32), positions: [[R2, 2, 1, 2]], nowMs: 3 });
    expect(book.positionOf(R1)).toBeUndefined();
    expect(book.heartbeat(beat("b", false, []), 4)).toBe(true);
    expect(book.positionOf(R2)).toEqual({ term: 2, index: 1, state: 2 });
  });

  test("the granter waits longer than the receiver may count", () => {
    const book = new HeartbeatBook();
    expect(book.grantedUntilMs(NODE)).toBe(Number.NEGATIVE_INFINITY);
    book.grant(NODE, 2000, 500);
    expect(book.grantedUntilMs(NODE)).toBe(500 + 2020 + 1);
  });
});
