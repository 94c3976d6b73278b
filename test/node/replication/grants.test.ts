/** Both sides of grants over channels that a test carries by hand. */

import { expect, it } from "vitest";
import { replicaId, tableId } from "../../../node/meta/ids.ts";
import type { Channel } from "../../../node/replication/channel.ts";
import type { WantedReplica } from "../../../node/replication/core/replica-roles.ts";
import { GrantAsker } from "../../../node/replication/grant-asker.ts";
import { Granter } from "../../../node/replication/granter.ts";
import { MemoryHost } from "../../support/memory-host.ts";
import type { MemoryReplica } from "../../support/memory-replica.ts";
import { nodeIdOf } from "../../support/topology-arbitrary.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const TABLE = tableId(1);
const LEADER = nodeIdOf(1);
const FOLLOWER = nodeIdOf(2);
const NONE = Number.NEGATIVE_INFINITY;

interface Sent {
  readonly name: string;
  readonly message: never;
}

class TestChannel implements Channel {
  readonly peer;
  isOpen = true;
  hasBulkRoom = true;
  readonly sent: Sent[] = [];

  constructor(peer: typeof LEADER) {
    this.peer = peer;
  }

  send(name: string, _id: number, message: unknown): void {
    this.sent.push({ name, message: message as never });
  }

  sendUrgent(name: string, id: number, message: unknown): void {
    this.send(name, id, message);
  }
}

function wanted(slot: number, term: number): WantedReplica {
  const leader = { id: replicaId(1 + slot), node: LEADER };
  const others = [{ id: replicaId(101 + slot), node: FOLLOWER }];
  return { table: TABLE, slot, replica: leader.id, term, leader, others };
}

async function pair(slots: number) {
  const leaderClock = new VirtualClock();
  const granterClock = new VirtualClock();
  const host = new MemoryHost(async () => {});
  const asker = new GrantAsker(
    { heartbeatMs: 100, grantMs: 1000 },
    { clock: leaderClock, epoch: () => 1, onTick: () => {} },
  );
  const granter = new Granter({ host, clock: granterClock, epoch: () => 1 });
  const toFollower = new TestChannel(FOLLOWER);
  const toLeader = new TestChannel(LEADER);
  for (let slot = 0; slot < slots; slot++) {
    await host.create([{ table: TABLE, slot, replica: replicaId(101 + slot) }]);
    host.find(TABLE, slot)?.becomeFollower(1);
  }
  asker.onOpen(toFollower);
  asker.start();
  /** Carries all that was sent to the follower's node; its answers stay in `toLeader`. */
  const ask = () => {
    for (const { name, message } of toFollower.sent.splice(0)) {
      if (name === "grantSet") granter.handlers.grantSet(toLeader, 0, message);
      else granter.handlers.heartbeat(toLeader, 0, message);
    }
  };
  const answer = () => {
    for (const { message } of toLeader.sent.splice(0)) asker.handlers.heartbeatReply(toFollower, 0, message);
  };
  return { leaderClock, granterClock, host, asker, granter, toFollower, toLeader, ask, answer };
}

const replicaOf = (host: MemoryHost, slot: number) => host.find(TABLE, slot) as MemoryReplica;

it("count from the sending of the heartbeat, and bind the granter for longer", async () => {
  const { leaderClock, granterClock, asker, granter, ask, answer } = await pair(1);
  asker.lead([wanted(0, 1)]);
  granterClock.advance(5000);
  ask();
  expect(granter.grantedUntilMs(LEADER)).toBe(5000 + 1010);
  leaderClock.advance(90);
  answer();
  expect(asker.grantedUntilMs(FOLLOWER, TABLE, 0)).toBe(1000);
  leaderClock.advance(10);
  ask();
  answer();
  expect(asker.grantedUntilMs(FOLLOWER, TABLE, 0)).toBe(1100);
});

it("tell the slots once, and only a number after that", async () => {
  const { leaderClock, asker, toFollower, ask, answer } = await pair(3);
  asker.lead([0, 1, 2].map((slot) => wanted(slot, 1)));
  expect(toFollower.sent.map(({ name }) => name)).toEqual(["grantSet", "heartbeat"]);
  ask();
  answer();
  leaderClock.advance(300);
  expect(toFollower.sent.map(({ name }) => name)).toEqual(["heartbeat", "heartbeat", "heartbeat"]);
  asker.lead([0, 1, 2].map((slot) => wanted(slot, 1)));
  expect(toFollower.sent.length).toBe(3);
});

it("are refused for a slot whose follower has seen a newer term, or is not there", async () => {
  const { host, asker, granter, leaderClock, ask, answer } = await pair(2);
  asker.lead([0, 1, 2].map((slot) => wanted(slot, 1)));
  replicaOf(host, 1).becomeFollower(2);
  ask();
  answer();
  const granted = () => [0, 1, 2].map((slot) => asker.grantedUntilMs(FOLLOWER, TABLE, slot));
  expect(granted()).toEqual([1000, NONE, NONE]);
  replicaOf(host, 0).becomeFollower(3);
  granter.recheck();
  leaderClock.advance(100);
  ask();
  answer();
  expect(granted()).toEqual([NONE, NONE, NONE]);
});

it("count for nothing when the set has changed since, or the answer is to no heartbeat", async () => {
  const { asker, toFollower, ask, answer } = await pair(2);
  asker.lead([wanted(0, 1)]);
  ask();
  asker.lead([wanted(0, 1), wanted(1, 1)]);
  answer();
  expect(asker.grantedUntilMs(FOLLOWER, TABLE, 0)).toBe(NONE);
  const unknown = { sequence: 999, epoch: 1, grantMs: 1000, grantSet: 2, refused: [] };
  asker.handlers.heartbeatReply(toFollower, 0, unknown);
  expect(asker.grantedUntilMs(FOLLOWER, TABLE, 0)).toBe(NONE);
  ask();
  answer();
  expect(asker.grantedUntilMs(FOLLOWER, TABLE, 1)).toBe(1000);
});

it("stay for slots that are led on in the same term when the set changes", async () => {
  const { asker, ask, answer } = await pair(3);
  asker.lead([wanted(0, 1), wanted(1, 1)]);
  ask();
  answer();
  asker.lead([wanted(0, 1), wanted(1, 2), wanted(2, 1)]);
  expect([0, 1, 2].map((slot) => asker.grantedUntilMs(FOLLOWER, TABLE, slot))).toEqual([1000, NONE, NONE]);
  asker.lead([wanted(0, 1)]);
  expect(asker.grantedUntilMs(FOLLOWER, TABLE, 0)).toBe(1000);
});

it("are not given for a set that was never told", async () => {
  const { granter, toLeader } = await pair(1);
  granter.handlers.heartbeat(toLeader, 0, { sequence: 1, epoch: 1, grantMs: 1000, grantSet: 1 });
  expect(toLeader.sent[0]?.message).toMatchObject({ grantMs: 0 });
  expect(granter.grantedUntilMs(LEADER)).toBe(NONE);
});

it("outlast the link on both sides: a promise was made", async () => {
  const { asker, granter, toFollower, toLeader, ask, answer } = await pair(1);
  asker.lead([wanted(0, 1)]);
  ask();
  answer();
  asker.onClose(toFollower);
  granter.onClose(toLeader);
  expect(asker.grantedUntilMs(FOLLOWER, TABLE, 0)).toBe(1000);
  expect(granter.grantedUntilMs(LEADER)).toBe(1010);
  asker.stop();
});

it("a set may be of many tables of 16,384 slots, but not of any number: the link is closed then", async () => {
  const { granter, toLeader } = await pair(0);
  const tell = (table: number, isBeginning: boolean) => {
    const slots = Array.from({ length: 16_384 }, (_, slot) => ({ table, slot, replica: 1, term: 1 }));
    granter.handlers.grantSet(toLeader, 0, { grantSet: 1, isBeginning, slots });
  };
  for (let table = 1; table <= 16; table++) tell(table, table === 1);
  // Told again, a slot takes no more room.
  tell(16, false);
  expect(() => tell(17, false)).toThrow(/grant set of more than 262144 slots/);
  tell(1, true);
  tell(2, false);
});
