/** The questions that the API answers, from a leader's session: status, nodes, tables, restart safety. */

import type { NodeId } from "../../../node/meta/ids.ts";
import type { ClusterReply, NodeReply, SlotCounts, StatusReply, TableReply } from "../../../node/meta/manager-api.ts";
import { type ClusterState, findTable, type NodeRecord, type TableRecord } from "../core/cluster-state.ts";
import { countSlots, describeTable, judgeRestart } from "../core/status.ts";
import type { LeaderSession } from "../leader-session.ts";
import { type ApiReply, answer, fault } from "./api-reply.ts";

/** Notes in one status; each table has its own in its answer. */
const MAX_NOTES = 100;

/** What an answer is made from. */
export interface Question {
  readonly session: LeaderSession;
  readonly state: ClusterState;
  /** Monotonic ms, for ages. */
  readonly nowMs: number;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
}

function tableOf(question: Question, record: TableRecord): TableReply {
  const { session, state, wallMs } = question;
  const load = session.loadOf(record.table.name);
  return describeTable(state, record, { observed: session.observed, load, nowMs: wallMs });
}

function allTables(question: Question): TableReply[] {
  return [...question.state.tables.values()]
    .toSorted((a, b) => a.table.id - b.table.id)
    .map((record) => tableOf(question, record));
}

export function answerTables(question: Question): ApiReply {
  return answer({ tables: allTables(question) });
}

export function answerTable(question: Question, name: string): ApiReply {
  const record = findTable(question.state, name);
  return record === undefined ? fault("NotFound", `there is no table ${name}`) : answer(tableOf(question, record));
}

interface Holdings {
  leads: number;
  replicas: number;
}

function countHoldings(state: ClusterState): Map<NodeId, Holdings> {
  const holdings = new Map<NodeId, Holdings>();
  for (const slots of state.assignments.values()) {
    for (const slot of slots) {
      for (const [i, { node }] of slot.replicas.entries()) {
        const held = holdings.get(node) ?? { leads: 0, replicas: 0 };
        held.replicas++;
        if (i === slot.leader) held.leads++;
        holdings.set(node, held);
      }
    }
  }
  return holdings;
}

function nodeOf(question: Question, record: NodeRecord, holdings: Holdings | undefined): NodeReply {
  const { node } = record;
  const observation = question.session.heartbeats.of(node.id);
  return {
    ...node,
    programVersion: record.programVersion,
    isAlive: question.session.observed.isAlive(node.id),
    isReady: observation?.isReady ?? false,
    silentMs: observation === undefined ? null : Math.max(0, Math.round(question.nowMs - observation.lastHeardMs)),
    knownEpoch: observation?.knownEpoch ?? 0,
    leads: holdings?.leads ?? 0,
    replicas: holdings?.replicas ?? 0,
    load: observation?.load ?? null,
    unreachablePeers: (observation?.peers ?? []).filter((peer) => !peer.isReachable).map((peer) => peer.node),
  };
}

function allNodes(question: Question): NodeReply[] {
  const holdings = countHoldings(question.state);
  return [...question.state.nodes.values()]
    .toSorted((a, b) => (a.node.name < b.node.name ? -1 : a.node.name > b.node.name ? 1 : 0))
    .map((record) => nodeOf(question, record, holdings.get(record.node.id)));
}

export function answerNodes(question: Question): ApiReply {
  return answer({ nodes: allNodes(question) });
}

/** The node of an id or, among members, of a name. */
function findNode(state: ClusterState, idOrName: string): NodeRecord | undefined {
  const byId = state.nodes.get(idOrName as NodeId);
  if (byId !== undefined) return byId;
  return [...state.nodes.values()].find(({ node }) => node.name === idOrName && node.state !== "retired");
}

export function answerNode(question: Question, idOrName: string): ApiReply {
  const record = findNode(question.state, idOrName);
  if (record === undefined) return fault("NotFound", `there is no node ${idOrName}`);
  return answer(nodeOf(question, record, countHoldings(question.state).get(record.node.id)));
}

export function answerRestartSafety(question: Question, idOrName: string): ApiReply {
  const record = findNode(question.state, idOrName);
  if (record === undefined) return fault("NotFound", `there is no node ${idOrName}`);
  return answer(judgeRestart(question.state, record.node.id, question.session.observed));
}

export function answerCluster({ state }: Question): ApiReply {
  const desired = state.settings.desired;
  const reply: ClusterReply = {
    clusterId: state.clusterId,
    epoch: state.epoch,
    owner: desired?.owner ?? null,
    generation: desired?.generation ?? 0,
    spec: desired?.spec ?? null,
  };
  return answer(reply);
}

export function answerStatus(question: Question): ApiReply {
  const { session, state } = question;
  const tables = allTables(question);
  const members = allNodes(question).filter((node) => node.state !== "retired");
  const desired = state.settings.desired?.spec.nodes ?? members.length;
  const nodes = {
    desired,
    registered: members.length,
    alive: members.filter((node) => node.isAlive).length,
    ready: members.filter((node) => node.isAlive && node.isReady).length,
  };
  const readyTables = tables.filter((table) => table.isReady).length;
  const notes = tables.flatMap((table) => table.notes.map((note) => `table ${table.name}: ${note}`));
  if (nodes.registered < desired)
    notes.unshift(`${desired - nodes.registered} of ${desired} nodes have not registered`);
  if (nodes.registered > desired) notes.unshift(`${nodes.registered} nodes are members, ${desired} are wanted`);
  const reply: StatusReply = {
    clusterId: state.clusterId,
    epoch: state.epoch,
    featureLevel: state.settings.featureLevel,
    leader: { id: session.options.selfId, url: session.options.selfUrl },
    managers: [...(session.feed.current?.managers ?? [])],
    nodes,
    tables: { total: tables.length, ready: readyTables },
    slots: sumSlots(tables.map((table) => table.slots)),
    isReady: nodes.ready >= desired && readyTables === tables.length,
    notes: notes.slice(0, MAX_NOTES),
  };
  return answer(reply);
}

/** How all slots are, for the metrics. */
export function countAllSlots(session: LeaderSession): SlotCounts {
  const { state } = session;
  if (state === undefined) return sumSlots([]);
  return sumSlots([...state.tables.values()].map((record) => countSlots(state, record, session.observed)));
}

function sumSlots(counts: readonly SlotCounts[]): SlotCounts {
  const sum = { total: 0, withLeader: 0, underReplicated: 0, lost: 0 };
  for (const count of counts) {
    sum.total += count.total;
    sum.withLeader += count.withLeader;
    sum.underReplicated += count.underReplicated;
    sum.lost += count.lost;
  }
  return sum;
}
