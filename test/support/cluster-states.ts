/** Cluster states for tests of the manager's decisions. */

import type { NodeId } from "../../node/meta/ids.ts";
import type { RegisterRequest, TableSpec } from "../../node/meta/manager-api.ts";
import { type ClusterState, emptyState, type ObservedPosition } from "../../operator/manager/core/cluster-state.ts";
import { putCluster, putTable } from "../../operator/manager/core/desired-state.ts";
import type { PlanContext } from "../../operator/manager/core/plan.ts";
import { recordStart } from "../../operator/manager/core/registration.ts";
import { CLUSTER, nodeIdOf } from "./topology-arbitrary.ts";

export function registerRequest(number: number, over: Partial<RegisterRequest> = {}): RegisterRequest {
  return {
    nodeId: nodeIdOf(number),
    startId: "5".repeat(32),
    name: `demo-nodes-${number}`,
    host: "127.0.0.1",
    peerPort: 9222,
    httpPort: 9223,
    announceHost: "127.0.0.1",
    announcePort: 9221,
    zone: "",
    programVersion: "0.1.0",
    maxFeatureLevel: 1,
    knownEpoch: 0,
    replicas: [],
    ...over,
  };
}

export function tableSpec(over: Partial<TableSpec> = {}): TableSpec {
  return {
    slots: 64,
    replicas: null,
    consistency: "Asynchronous",
    clientRouting: "Forward",
    passwordHashes: [],
    ...over,
  };
}

/** A cluster that expects as many nodes as `zones` has entries, all of them registered. */
export function clusterWith(zones: readonly string[]): ClusterState {
  let state = emptyState(CLUSTER);
  const put = putCluster(state, {
    owner: "o",
    generation: 1,
    spec: { nodes: Math.max(1, zones.length), adminPasswordHashes: [] },
  });
  if (!put.ok) throw new Error(put.fault.message);
  state = put.state;
  for (const [i, zone] of zones.entries()) state = recordStart(state, registerRequest(i, { zone }));
  return state;
}

export function withTable(state: ClusterState, name: string, over: Partial<TableSpec> = {}): ClusterState {
  const put = putTable(state, {
    name,
    request: { owner: "o", generation: 1, spec: tableSpec(over) },
    nowMs: 0,
    hashSeed: "0123456789abcdef",
  });
  if (!put.ok) throw new Error(put.fault.message);
  return put.state;
}

/** All nodes alive, all replicas in sync where `positions` says nothing else. */
export function planContext(
  over: Partial<PlanContext> & { readonly dead?: readonly NodeId[]; readonly position?: ObservedPosition } = {},
): PlanContext {
  return {
    nowMs: 0,
    mayReplaceLeaders: true,
    isAlive: (node) => !over.dead?.includes(node),
    positionOf: () => over.position ?? { term: 1, index: 1, state: 0 },
    ...over,
  };
}
