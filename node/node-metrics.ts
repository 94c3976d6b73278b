/** The metrics of a node: plain counters of its parts, read when the metrics are. */

import type { Metrics } from "./base/metrics.ts";
import type { DataPlane } from "./data-plane.ts";
import type { Peering } from "./replication/peering.ts";
import type { ClientServer } from "./server/client-server.ts";

export interface ObservedNode {
  readonly server: ClientServer;
  readonly plane: DataPlane;
  readonly peering: Peering | undefined;
  readonly isReady: () => boolean;
}

export function observeNode(metrics: Metrics, node: ObservedNode): void {
  const { server, plane, peering } = node;
  const { statistics, clients } = server;
  const observe = (name: string, help: string, read: () => number) =>
    metrics.observe({ name: `pika_node_${name}`, help }, read);
  observe("ready", "1 when clients are served", () => (node.isReady() ? 1 : 0));
  observe("clients", "connected clients", () => clients.count);
  observe("clients_blocked", "clients that wait in a blocking command", () => clients.blockedCount);
  observe("connections_total", "connections accepted or rejected", () => statistics.connectionCount);
  observe("connections_rejected_total", "connections beyond maxClients", () => statistics.rejectedConnections);
  observe("commands_total", "commands answered to clients", () => statistics.commandCount);
  observe("command_errors_total", "error replies to clients", () => statistics.errorCount);
  observe("client_input_bytes_total", "bytes read from clients", () => statistics.inputBytes);
  observe("client_output_bytes_total", "bytes written to clients", () => statistics.outputBytes);
  observe("protocol_errors_total", "connections closed for malformed input", () => statistics.protocolErrors);
  observe("replicas", "replicas held", () => [...plane.replicas.all()].length);
  observe("replicas_leading", "replicas that lead", () => count(plane, "leader"));
  observe("cache_bytes", "bytes of the record cache: slabs and index", () => plane.engine.stats.cacheBytes);
  observe(
    "cache_dirty_bytes",
    "bytes of records that the database does not have yet",
    () => plane.engine.stats.dirtyBytes,
  );
  observe(
    "lost_entries_total",
    "log entries set aside in lost-writes: a new leader never had them",
    () => plane.lostEntryCount,
  );
  observe("write_delay_seconds", "by how much writes are slowed now", () => plane.writeDelayMs() / 1000);
  if (peering === undefined) return;
  observe("forwards_in_flight", "commands sent to peers and not answered", () => peering.forwardsInFlight);
  observe("peers_linked", "peers with a link", () => peering.peers().filter(({ isLinked }) => isLinked).length);
  observe("followers_lag_entries", "entries that followers of led slots lack, together", () =>
    peering.followerLags().reduce((sum, { lagEntries }) => sum + lagEntries, 0),
  );
}

function count(plane: DataPlane, role: string): number {
  let found = 0;
  for (const replica of plane.replicas.all()) if (replica.role === role) found++;
  return found;
}
