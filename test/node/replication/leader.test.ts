/** What one peer may hold of the leading side. */

import { expect, it } from "vitest";
import { silentLogger } from "../../../node/base/log.ts";
import { replicaId, tableId } from "../../../node/meta/ids.ts";
import type { Channel } from "../../../node/replication/channel.ts";
import { ReplicationLeader } from "../../../node/replication/leader.ts";
import { MemoryHost } from "../../support/memory-host.ts";
import { nodeIdOf } from "../../support/topology-arbitrary.ts";

const TABLE = tableId(1);

async function asked(slotCount: number) {
  const host = new MemoryHost(async () => {});
  for (let slot = 0; slot < slotCount; slot++) {
    await host.create([{ table: TABLE, slot, replica: replicaId(1 + slot) }]);
    host.find(TABLE, slot)?.becomeFollower(1);
  }
  const leader = new ReplicationLeader({ logger: silentLogger, epoch: () => 1, host });
  const sent: { readonly name: string; readonly id: number }[] = [];
  const send = (name: string, id: number) => sent.push({ name, id });
  const channel = { peer: nodeIdOf(2), isOpen: true, hasBulkRoom: true, send, sendUrgent: send } as Channel;
  leader.onOpen(channel);
  const last = { term: 0, index: 0, crc: 0 };
  const fetch = (id: number, slot: number) =>
    leader.handlers.binlogSyncOpen(channel, id, {
      ...{ table: TABLE, slot, replica: 900, term: 2, epoch: 1 },
      ...{ wantsSnapshot: false, isFetch: true, windowBytes: 1024, last },
    });
  /** Whether the stream is there: an acknowledgement of what it was not sent is a fault then, and nothing else. */
  const isServed = (id: number) => {
    const streams = [{ stream: id, appendedIndex: 99, durableIndex: 99 }];
    try {
      leader.handlers.binlogSyncAck(channel, 0, { streams });
      return false;
    } catch {
      return true;
    }
  };
  return { leader, channel, sent, fetch, isServed };
}

it("a peer that fetches a slot again and again has one stream for it, the last", async () => {
  const { sent, fetch, isServed } = await asked(2);
  for (let id = 1; id <= 1000; id++) fetch(id, 0);
  fetch(1001, 1);
  expect(sent.filter(({ name }) => name === "binlogSyncRefused")).toEqual([]);
  expect(Array.from({ length: 1001 }, (_, i) => i + 1).filter(isServed)).toEqual([1000, 1001]);
});

it("a peer may fetch 16,384 slots at once, and its link's end lets all go", async () => {
  const { leader, channel, sent, fetch, isServed } = await asked(16_384);
  for (let slot = 0; slot < 16_384; slot++) fetch(slot + 1, slot);
  expect(sent.filter(({ name }) => name === "binlogSync").length).toBe(16_384);
  expect([1, 8000, 16_384].every(isServed)).toBe(true);
  leader.onClose(channel);
  expect([1, 8000, 16_384].some(isServed)).toBe(false);
});
