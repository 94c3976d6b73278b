/** One stream of a follower against a leader that the test plays, on a replica in memory whose disk the test holds up. */

import { beforeEach, expect, it } from "vitest";
import { silentLogger } from "../../../node/base/log.ts";
import { replicaId, tableId } from "../../../node/meta/ids.ts";
import { FollowerStream } from "../../../node/replication/follower-stream.ts";
import type { MessageName, MessageOf } from "../../../node/wire/messages.ts";
import { MemoryReplica } from "../../support/memory-replica.ts";
import { nodeIdOf } from "../../support/topology-arbitrary.ts";
import { settle, VirtualClock } from "../../support/virtual-clock.ts";

const TERM = 2;
const PLACEMENT = { table: tableId(1), slot: 0, replica: replicaId(7) };

class TestChannel {
  readonly peer = nodeIdOf(1);
  readonly hasBulkRoom = true;
  isOpen = true;
  readonly sent: MessageName[] = [];

  send<N extends MessageName>(name: N, _id: number, _message: MessageOf<N>): void {
    this.sent.push(name);
  }

  sendUrgent<N extends MessageName>(name: N, id: number, message: MessageOf<N>): void {
    this.send(name, id, message);
  }
}

/** What waits for the follower's disk. */
let disk: (() => void)[];
let clock: VirtualClock;
let replica: MemoryReplica;
let stream: FollowerStream;
let channel: TestChannel;
let streamCount: number;

beforeEach(() => {
  disk = [];
  clock = new VirtualClock();
  streamCount = 0;
  replica = new MemoryReplica(PLACEMENT, () => new Promise<void>((resolve) => disk.push(resolve)));
  replica.becomeFollower(TERM);
  channel = new TestChannel();
  stream = new FollowerStream(
    replica,
    { term: TERM, isFetch: false },
    {
      clock,
      logger: silentLogger,
      random: () => 0.5,
      epoch: () => 1,
      onLost: () => {},
      register: () => ++streamCount,
      unregister: () => {},
      acknowledge: () => {},
    },
  );
  stream.connected(channel);
});

/** Entries that a leader of `term` makes behind `count` entries of term 1. */
function entriesOf(term: number, count: number): readonly Buffer[] {
  const leader = new MemoryReplica({ ...PLACEMENT, replica: replicaId(1) }, () => Promise.resolve());
  void leader.becomeLeader(term);
  for (let i = 0; i < count; i++) leader.write(i);
  leader.endTurn();
  return leader.entriesFrom(1, Number.POSITIVE_INFINITY) ?? [];
}

function sync(entries: readonly Buffer[], term = TERM): void {
  stream.onBinlogSync({ term, lastIndex: entries.length, entries });
}

/** The follower has five entries that the leader has not, and is setting them aside; its disk takes its time. */
async function cutting(): Promise<void> {
  sync(entriesOf(1, 5));
  replica.endTurn();
  stream.disconnected();
  stream.connected(channel);
  stream.onProbe({ term: TERM, positions: [{ term: 0, index: 0, crc: 0 }] });
  await settle();
  expect(stream.state).toBe("cutting");
}

async function finishDisk(): Promise<void> {
  await settle();
  while (disk.length > 0) {
    for (const done of disk.splice(0)) done();
    await settle();
  }
}

it("opens no stream while the log is being cut, but right after", async () => {
  await cutting();
  channel.sent.length = 0;
  stream.disconnected();
  stream.connected(channel);
  expect(stream.state).toBe("waiting");
  expect(channel.sent).toEqual([]);
  await finishDisk();
  expect(channel.sent).toEqual(["binlogSyncOpen"]);
  expect(replica.last.index).toBe(0);
  expect(replica.violations).toEqual([]);
});

it("opens no stream while a copy that was broken off is being forgotten", async () => {
  const begin = {
    term: TERM,
    position: { term: 1, index: 9, crc: 1 },
    nowMs: 0,
    keyCount: 1,
    expiringCount: 0,
    sizeBytes: 1,
  };
  stream.onSnapshotBegin({ ...begin, cause: "logGone" });
  await settle();
  expect(stream.state).toBe("copying");
  stream.disconnected();
  stream.connected(channel);
  expect(stream.state).toBe("waiting");
  await finishDisk();
  expect(stream.state).toBe("opening");
  stream.onSnapshotBegin({ ...begin, cause: "logGone" });
  await settle();
  expect(replica.violations).toEqual([]);
});

it("ends only when nothing of it works on the log any more", async () => {
  await cutting();
  let isStopped = false;
  const stopping = stream.stop().then(() => {
    isStopped = true;
  });
  await settle();
  expect(isStopped).toBe(false);
  await finishDisk();
  await stopping;
  expect(replica.last.index).toBe(0);
});

it("takes nothing of another term than its own", () => {
  sync(entriesOf(1, 3), TERM - 1);
  sync(entriesOf(1, 3), TERM + 1);
  replica.endTurn();
  expect(replica.last.index).toBe(0);
  expect(stream.state).toBe("opening");
  stream.onProbe({ term: TERM - 1, positions: [{ term: 0, index: 0, crc: 0 }] });
  const snapshot = { position: { term: 1, index: 9, crc: 1 }, nowMs: 0, keyCount: 1, expiringCount: 0, sizeBytes: 1 };
  stream.onSnapshotBegin({ term: TERM - 1, ...snapshot, cause: "logGone" });
  expect(stream.state).toBe("opening");
});

it("acknowledges no more than the present stream has sent", () => {
  const entries = entriesOf(1, 3);
  sync(entries);
  // They are still on their way to the file when the link breaks; the new stream begins before them.
  stream.disconnected();
  stream.connected(channel);
  stream.onBinlogSync({ term: TERM, lastIndex: 3, entries: [] });
  replica.endTurn();
  expect(replica.last.index).toBe(3);
  expect(stream.acknowledged).toMatchObject({ appendedIndex: 0, durableIndex: 0 });
  sync(entries);
  expect(stream.acknowledged).toMatchObject({ appendedIndex: 3, durableIndex: 0 });
  replica.sync();
  expect(stream.acknowledged).toMatchObject({ appendedIndex: 3, durableIndex: 3 });
});
