/** `pika status`: nodes, tables and slots of a cluster, as its manager sees them; text for people, or JSON. */

import type { NodeReply, StatusReply, TableReply } from "../../node/meta/manager-api.ts";
import { formatBytes, type Output } from "./output.ts";

export interface StatusSource {
  status(): Promise<StatusReply>;
  nodes(): Promise<readonly NodeReply[]>;
  tables(): Promise<readonly TableReply[]>;
}

/** Asks and prints. @throws the client's OperatingError where no manager answers. */
export async function runStatus(
  source: StatusSource,
  options: { readonly isJson: boolean },
  output: Output,
): Promise<void> {
  const [status, nodes, tables] = await Promise.all([source.status(), source.nodes(), source.tables()]);
  if (options.isJson) {
    output.line(JSON.stringify({ status, nodes, tables }, null, 2));
    return;
  }
  const { slots } = status;
  output.line(`cluster   ${status.clusterId}   ${status.isReady ? "ready" : "not ready"}   epoch ${status.epoch}`);
  output.line(`manager   ${status.leader.url} leads, ${status.managers.length} in all`);
  output.line(
    `slots     ${slots.withLeader}/${slots.total} with a leader, ${slots.underReplicated} under-replicated, ${slots.lost} lost`,
  );
  output.line();
  output.table(
    ["NODE", "CLIENTS", "ZONE", "STATE", "LEADS", "REPLICAS", "OPS/S", "MEMORY", "DISK"],
    nodes.map(nodeRow),
  );
  output.line();
  output.table(["TABLE", "READY", "SLOTS", "REPLICAS", "PASSWORD", "KEYS", "SIZE"], tables.map(tableRow));
  // Those of the tables are among them.
  for (const note of status.notes) output.line(`note: ${note}`);
}

function nodeRow(node: NodeReply): string[] {
  const state = node.state !== "active" ? node.state : !node.isAlive ? "silent" : node.isReady ? "ready" : "starting";
  return [
    node.name,
    `${node.announceHost}:${node.announcePort}`,
    node.zone === "" ? "-" : node.zone,
    state,
    `${node.leads}`,
    `${node.replicas}`,
    node.load ? `${Math.round(node.load.opsPerSecond)}` : "-",
    node.load ? formatBytes(node.load.memoryBytes) : "-",
    node.load ? formatBytes(node.load.diskBytes) : "-",
  ];
}

function tableRow(table: TableReply): string[] {
  return [
    table.name,
    table.isReady ? "yes" : "no",
    `${table.slots.withLeader}/${table.slots.total}`,
    `${table.replicas}`,
    table.spec.passwordHashes.length > 0 ? "yes" : "no",
    `${table.keys}`,
    formatBytes(table.bytes),
  ];
}
