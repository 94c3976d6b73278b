import { beforeEach, expect, it } from "vitest";
import { silentLogger } from "../../../node/base/log.ts";
import { type ReplicaId, replicaId, tableId } from "../../../node/meta/ids.ts";
import type { Topology } from "../../../node/meta/topology.ts";
import { ReplicationFollower } from "../../../node/replication/follower.ts";
import { PositionAnswerer } from "../../../node/replication/position-answerer.ts";
import type { MessageName, MessageOf } from "../../../node/wire/messages.ts";
import type { AskedSlot, PositionsAnswer } from "../../../node/wire/positions.ts";
import { MemoryHost } from "../../support/memory-host.ts";
import type { MemoryReplica } from "../../support/memory-replica.ts";
import { topologyOf } from "../../support/peer-node.ts";
import { nodeIdOf } from "../../support/topology-arbitrary.ts";
import { settle, VirtualClock } from "../../support/virtual-clock.ts";

const TABLE = tableId(1);
const ASKER = replicaId(1);
const OTHER = replicaId(2);
const OWN = replicaId(3);
const NOTHING = { term: 0, index: 0, crc: 0 };

class TestChannel {
  readonly peer = nodeIdOf(1);
  readonly hasBulkRoom = true;
  readonly isOpen = true;
  readonly answers: PositionsAnswer[] = [];

  send<N extends MessageName>(_name: N, _id: number, message: MessageOf<N>): void {
    this.answers.push(message as unknown as PositionsAnswer);
  }

  sendUrgent(): void {}
}

let replica: MemoryReplica;
let topology: Topology;
let answerer: PositionAnswerer;
let channel: TestChannel;
let promisedCount: number;
let disk: (() => void)[];

beforeEach(async () => {
  disk = [];
  promisedCount = 0;
  const host = new MemoryHost(() => new Promise<void>((resolve) => disk.push(resolve)));
  await host.create([{ table: TABLE, slot: 0, replica: OWN }]);
  replica = host.find(TABLE, 0) as MemoryReplica;
  topology = ledBy(ASKER, 9);
  const logger = silentLogger;
  const deps = { clock: new VirtualClock(), logger, random: () => 0, epoch: () => 9, defer: queueMicrotask };
  answerer = new PositionAnswerer({
    host,
    follower: new ReplicationFollower({ ...deps, onLost: () => {} }),
    source: {
      current: () => topology,
      isConfirmed: true,
      grantedUntilMs: Number.NEGATIVE_INFINITY,
      onChange: () => () => {},
    },
    logger,
    onPromised: () => promisedCount++,
  });
  channel = new TestChannel();
});

function ledBy(leader: ReplicaId, epoch: number): Topology {
  const ids = [ASKER, OTHER, OWN];
  const replicas = ids.map((id, i) => ({ id, node: nodeIdOf(i + 1) }));
  const assignment = { term: 3, leader: ids.indexOf(leader), replicas };
  return { ...topologyOf([], epoch), assignments: new Map([[TABLE, [assignment]]]) };
}

function asked(term: number, more: Partial<AskedSlot> = {}): AskedSlot {
  return { table: TABLE, slot: 0, replica: ASKER, term, last: NOTHING, ...more };
}

async function ask(slot: AskedSlot, wantsPromise: boolean, epoch = 9): Promise<PositionsAnswer | undefined> {
  channel.answers.length = 0;
  answerer.handlers.positionsAsk(channel, 1, { epoch, wantsPromise, slots: [slot] });
  await settle();
  for (const done of disk.splice(0)) done();
  await settle();
  return channel.answers[0];
}

it("lists a slot only where it differs from what the asker has", async () => {
  replica.becomeFollower(4);
  expect(await ask(asked(5), false)).toEqual({ slots: [] });
  const differs = { ...NOTHING, index: 1 };
  const listed = { table: TABLE, slot: 0, kind: "standing", term: 4, last: NOTHING };
  expect(await ask(asked(5, { last: differs }), false)).toEqual({ slots: [listed] });
  expect(await ask(asked(3), false)).toEqual({ slots: [listed] });
  expect(replica.promised).toBeUndefined();
});

it("says that it leads, and that it has no replica", async () => {
  await replica.becomeLeader(4);
  expect(await ask(asked(5), false)).toMatchObject({ slots: [{ kind: "leading", term: 4 }] });
  expect(await ask(asked(5), true)).toMatchObject({ slots: [{ kind: "leading", term: 4 }] });
  expect(await ask(asked(5, { slot: 8 }), true)).toMatchObject({ slots: [{ slot: 8, kind: "absent" }] });
  expect(promisedCount).toBe(0);
});

it("answers a promise once it is durable, and makes it to one replica only", async () => {
  answerer.handlers.positionsAsk(channel, 1, { epoch: 9, wantsPromise: true, slots: [asked(5)] });
  await settle();
  expect(channel.answers).toEqual([]);
  for (const done of disk.splice(0)) done();
  await settle();
  expect(channel.answers).toEqual([{ slots: [] }]);
  expect(replica.promised).toEqual({ term: 5, vote: ASKER });
  expect(promisedCount).toBe(1);
  // The same again, as after a broken link.
  expect(await ask(asked(5), true)).toEqual({ slots: [] });
  topology = ledBy(OTHER, 9);
  expect(await ask(asked(5, { replica: OTHER }), true)).toMatchObject({ slots: [{ kind: "refusing", term: 5 }] });
  expect(await ask(asked(4, { replica: OTHER }), true)).toMatchObject({ slots: [{ kind: "refusing", term: 5 }] });
  expect(await ask(asked(6, { replica: OTHER }), true)).toEqual({ slots: [] });
  expect(await ask(asked(5), true)).toMatchObject({ slots: [{ kind: "refusing", term: 6 }] });
});

it("promises nothing to who does not lead by what it knows, unless the asker knows more", async () => {
  topology = ledBy(OTHER, 9);
  expect(await ask(asked(5), true)).toMatchObject({ slots: [{ kind: "refusing" }] });
  expect(await ask(asked(5), true, 8)).toMatchObject({ slots: [{ kind: "refusing" }] });
  expect(replica.promised).toBeUndefined();
  expect(await ask(asked(5), true, 10)).toEqual({ slots: [] });
  expect(replica.promised).toEqual({ term: 5, vote: ASKER });
});
