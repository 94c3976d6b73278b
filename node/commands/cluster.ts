/**
 * CLUSTER and its kin, for clients that know Redis Cluster: the truth about the connection's table, told from the
 * topology. A slot of the table is one contiguous range of Redis slots, so every range here is contiguous and all
 * 16,384 Redis slots are covered. Nothing changes the cluster here: that is the manager's.
 * Source: redis.io/docs/latest/commands, group cluster; the line format of CLUSTER NODES is described there.
 */

import type { Argv } from "../base/argv.ts";
import type { NodeId } from "../meta/ids.ts";
import { REDIS_SLOT_COUNT, redisSlotOf, redisSlotRange } from "../meta/slot.ts";
import type { SlotAssignment, TopologyNode } from "../meta/topology.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type { SessionCommand } from "./command.ts";
import { replyHelp } from "./help-reply.ts";
import type { Session } from "./session.ts";

const COMMON = { scope: "session", group: "cluster", keys: { kind: "none" }, flags: ["loading", "stale"] } as const;
/** Redis's node names have 40 hex digits, ours 32: padded, as clients check the length. */
const NAME_DIGITS = 40;

/** Neighbouring Redis slots with the same replicas. */
interface Range {
  first: number;
  last: number;
  readonly leader: TopologyNode | undefined;
  /** By id: their order in the assignment says nothing. */
  readonly followers: readonly TopologyNode[];
}

function nodeName(id: NodeId): string {
  return id.padEnd(NAME_DIGITS, "0");
}

function membersOf(session: Session, assignment: SlotAssignment): Omit<Range, "first" | "last"> {
  const { nodes } = session.cluster.current();
  const leader = assignment.replicas[assignment.leader];
  const followers = assignment.replicas
    .filter((replica) => replica !== leader)
    .map((replica) => nodes.get(replica.node));
  return {
    leader: leader && nodes.get(leader.node),
    followers: followers.filter((node) => node !== undefined).sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
}

function isSameList(a: readonly TopologyNode[] | undefined, b: readonly TopologyNode[]): boolean {
  return a !== undefined && a.length === b.length && a.every((node, i) => node === b[i]);
}

/** The ranges of the connection's table, in order. */
function rangesOf(session: Session): Range[] {
  const { table } = session.access;
  const assignments = session.cluster.current().assignments.get(table.id) ?? [];
  const ranges: Range[] = [];
  assignments.forEach((assignment, slot) => {
    const { first, last } = redisSlotRange(slot, table.slots);
    const members = membersOf(session, assignment);
    const before = ranges.at(-1);
    const isSame = before?.leader === members.leader && isSameList(before?.followers, members.followers);
    if (before !== undefined && isSame) before.last = last;
    else ranges.push({ first, last, ...members });
  });
  return ranges;
}

function replySlotsNode(reply: ReplyWriter, node: TopologyNode): void {
  reply.array(4);
  reply.bulkText(node.announceHost);
  reply.integer(node.announcePort);
  reply.bulkText(nodeName(node.id));
  reply.array(0);
}

function slots(session: Session, _argv: Argv, reply: ReplyWriter): void {
  const ranges = rangesOf(session).filter((range) => range.leader !== undefined);
  reply.array(ranges.length);
  for (const { first, last, leader, followers } of ranges) {
    reply.array(3 + followers.length);
    reply.integer(first);
    reply.integer(last);
    if (leader !== undefined) replySlotsNode(reply, leader);
    for (const follower of followers) replySlotsNode(reply, follower);
  }
}

/** A node as CLUSTER NODES has it: a leader of ranges, or a follower only. */
interface Role {
  /** What it leads; neighbours are one range whoever follows. */
  readonly led: { first: number; last: number }[];
  /** Redis slots that it follows, by their leader. */
  readonly followed: Map<TopologyNode, number>;
}

/** All members of the cluster; those that hold nothing of the table have neither ranges nor leaders. */
function rolesOf(session: Session): Map<TopologyNode, Role> {
  const roles = new Map<TopologyNode, Role>();
  for (const node of session.cluster.current().nodes.values()) {
    if (node.state !== "retired") roles.set(node, { led: [], followed: new Map() });
  }
  for (const { first, last, leader, followers } of rangesOf(session)) {
    if (leader === undefined) continue;
    const led = roles.get(leader)?.led ?? [];
    const before = led.at(-1);
    if (before?.last === first - 1) before.last = last;
    else led.push({ first, last });
    for (const follower of followers) {
      const followed = roles.get(follower)?.followed;
      followed?.set(leader, (followed.get(leader) ?? 0) + last - first + 1);
    }
  }
  return roles;
}

/** The leader that a node follows in most slots; undefined for one that leads or holds nothing. */
function masterOf({ led, followed }: Role): TopologyNode | undefined {
  if (led.length > 0) return undefined;
  let master: TopologyNode | undefined;
  for (const [leader, count] of followed) {
    if (master === undefined || count > (followed.get(master) ?? 0)) master = leader;
  }
  return master;
}

/** Slots with the same leader and followers. */
interface Shard {
  readonly leader: TopologyNode;
  readonly followers: readonly TopologyNode[];
  readonly ranges: { readonly first: number; readonly last: number }[];
}

/** Members that hold nothing are shards without slots, as a master without slots is in Redis. */
function shardsOf(session: Session): Shard[] {
  const found = new Map<string, Shard>();
  for (const { first, last, leader, followers } of rangesOf(session)) {
    if (leader === undefined) continue;
    const name = [leader, ...followers].map(({ id }) => id).join(" ");
    const shard = found.get(name) ?? { leader, followers, ranges: [] };
    shard.ranges.push({ first, last });
    found.set(name, shard);
  }
  const shards = [...found.values()];
  for (const [node, { led, followed }] of rolesOf(session)) {
    if (led.length === 0 && followed.size === 0) shards.push({ leader: node, followers: [], ranges: [] });
  }
  return shards;
}

function replyShardNode(reply: ReplyWriter, node: TopologyNode, role: "master" | "replica"): void {
  reply.map(7);
  const texts = { id: nodeName(node.id), ip: node.announceHost, endpoint: node.announceHost };
  for (const [field, value] of Object.entries(texts)) {
    reply.bulkText(field);
    reply.bulkText(value);
  }
  reply.bulkText("port");
  reply.integer(node.announcePort);
  reply.bulkText("role");
  reply.bulkText(role);
  reply.bulkText("replication-offset");
  reply.integer(0);
  reply.bulkText("health");
  reply.bulkText("online");
}

/** One shard for each leader with the same followers: a node can lead one and follow in another. */
function shards(session: Session, _argv: Argv, reply: ReplyWriter): void {
  const all = shardsOf(session);
  reply.array(all.length);
  for (const { leader, followers, ranges } of all) {
    reply.map(2);
    reply.bulkText("slots");
    reply.array(2 * ranges.length);
    for (const { first, last } of ranges) {
      reply.integer(first);
      reply.integer(last);
    }
    reply.bulkText("nodes");
    reply.array(1 + followers.length);
    replyShardNode(reply, leader, "master");
    for (const follower of followers) replyShardNode(reply, follower, "replica");
  }
}

/** A line has one role: whoever leads a slot is a master there, also where it follows in others (CLUSTER SLOTS has all). */
function nodes(session: Session, _argv: Argv, reply: ReplyWriter): void {
  const { epoch } = session.cluster.current();
  const lines = [...rolesOf(session)].map(([node, role]) => {
    const master = masterOf(role);
    const kind = master === undefined ? "master" : "slave";
    const flags = node.id === session.cluster.self ? `myself,${kind}` : kind;
    const address = `${node.announceHost}:${node.announcePort}@${node.peerPort}`;
    const shown = role.led.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
    const name = master === undefined ? "-" : nodeName(master.id);
    return [nodeName(node.id), address, flags, name, 0, 0, epoch, "connected", ...shown].join(" ");
  });
  reply.verbatim("txt", `${lines.join("\n")}\n`);
}

function info(session: Session, _argv: Argv, reply: ReplyWriter): void {
  const { epoch } = session.cluster.current();
  const ranges = rangesOf(session);
  const covered = ranges
    .filter((range) => range.leader !== undefined)
    .reduce((sum, range) => sum + range.last - range.first + 1, 0);
  const roles = [...rolesOf(session).values()];
  const fields = {
    cluster_enabled: 1,
    cluster_state: covered === REDIS_SLOT_COUNT ? "ok" : "fail",
    cluster_slots_assigned: REDIS_SLOT_COUNT,
    cluster_slots_ok: covered,
    cluster_slots_pfail: 0,
    cluster_slots_fail: REDIS_SLOT_COUNT - covered,
    cluster_known_nodes: roles.length,
    cluster_size: roles.filter(({ led }) => led.length > 0).length,
    cluster_current_epoch: epoch,
    cluster_my_epoch: epoch,
    cluster_stats_messages_sent: 0,
    cluster_stats_messages_received: 0,
  };
  const text = Object.entries(fields).map(([name, value]) => `${name}:${value}\r\n`);
  reply.verbatim("txt", text.join(""));
}

/** A Redis slot number in argument `index`, or undefined with the error written. */
function readSlot(argv: Argv, index: number, reply: ReplyWriter): number | undefined {
  const slot = /^\d{1,5}$/.test(argv.text(index)) ? Number(argv.text(index)) : REDIS_SLOT_COUNT;
  if (slot < REDIS_SLOT_COUNT) return slot;
  reply.error("ERR Invalid or out of range slot");
  return undefined;
}

function countKeysInSlot(session: Session, argv: Argv, reply: ReplyWriter): void {
  const slot = readSlot(argv, 2, reply);
  if (slot === undefined) return;
  const { slots: slotCount } = session.access.table;
  if (slotCount === REDIS_SLOT_COUNT) reply.integer(session.cluster.countRecords(slot) ?? 0);
  else reply.integer(session.cluster.keysInRedisSlot(slot, Number.MAX_SAFE_INTEGER).length);
}

function getKeysInSlot(session: Session, argv: Argv, reply: ReplyWriter): void {
  const slot = readSlot(argv, 2, reply);
  if (slot === undefined) return;
  if (!/^\d{1,9}$/.test(argv.text(3))) {
    reply.error("ERR Invalid number of keys");
    return;
  }
  const keys = session.cluster.keysInRedisSlot(slot, Number(argv.text(3)));
  reply.array(keys.length);
  for (const key of keys) reply.bulk(key);
}

type Execute = SessionCommand<Session>["execute"];
type About = Pick<SessionCommand<Session>, "arity" | "summary">;

function subcommand(name: string, about: About, execute: Execute): SessionCommand<Session> {
  return {
    ...COMMON,
    ...about,
    name: `cluster|${name}`,
    since: "3.0.0",
    complexity: "O(N) for N slots",
    execute,
  };
}

const ok: Execute = (_session, _argv, reply) => reply.ok();
const REFUSED = "ERR the cluster is changed through its manifests and the manager, not by CLUSTER commands";
const CHANGING = [
  "addslots",
  "addslotsrange",
  "delslots",
  "delslotsrange",
  "failover",
  "flushslots",
  "forget",
  "meet",
  "replicate",
  "reset",
  "saveconfig",
  "set-config-epoch",
  "setslot",
  "bumpepoch",
];

function top(name: string, summary: string): SessionCommand<Session> {
  return {
    ...COMMON,
    name,
    arity: 1,
    flags: ["fast", "loading", "stale"],
    since: "3.0.0",
    summary,
    complexity: "O(1)",
    execute: ok,
  };
}

export const clusterCommands: readonly SessionCommand<Session>[] = [
  subcommand("info", { arity: 2, summary: "The state of the table's slots." }, info),
  subcommand("myid", { arity: 2, summary: "The node's name." }, (session, _argv, reply) =>
    reply.bulkText(nodeName(session.cluster.self)),
  ),
  subcommand("keyslot", { arity: 3, summary: "The Redis slot of a key." }, (_session, argv, reply) =>
    reply.integer(redisSlotOf(argv.buf, argv.start(2), argv.end(2))),
  ),
  subcommand("slots", { arity: 2, summary: "Ranges of Redis slots and who serves them." }, slots),
  subcommand("shards", { arity: 2, summary: "The nodes and the ranges that they lead." }, shards),
  subcommand("nodes", { arity: 2, summary: "The nodes, a line each." }, nodes),
  subcommand(
    "countkeysinslot",
    { arity: 3, summary: "Counts the keys of a Redis slot that this node leads." },
    countKeysInSlot,
  ),
  subcommand("getkeysinslot", { arity: 4, summary: "Keys of a Redis slot that this node leads." }, getKeysInSlot),
  subcommand("links", { arity: 2, summary: "Always empty: peer links are in /metrics." }, (_session, _argv, reply) =>
    reply.array(0),
  ),
  ...CHANGING.map((name) =>
    subcommand(name, { arity: -2, summary: "Refused: the manager does this." }, (_session, _argv, reply) =>
      reply.error(REFUSED),
    ),
  ),
  subcommand("help", { arity: 2, summary: "Lists the subcommands." }, (_session, _argv, reply) =>
    replyHelp(
      reply,
      "CLUSTER",
      clusterCommands
        .filter(({ name }) => name.startsWith("cluster|") && !CHANGING.includes(name.slice("cluster|".length)))
        .map(({ name, summary }) => [name.slice("cluster|".length).toUpperCase(), summary] as const),
    ),
  ),
  top("readonly", "Answers OK: every node answers for all slots."),
  top("readwrite", "Answers OK."),
  top("asking", "Answers OK: no slot is ever half moved for clients."),
];
