/** The plan of one reconcile of a PikaTable: what it says, and the call to the manager. Pure. */

import type { PutTableRequest, TableReply } from "../../../node/meta/manager-api.ts";
import { clusterSpec } from "../../api/v1alpha1/pika-cluster.ts";
import { canonicalJson } from "../../kube/core/intent.ts";
import { type LiveTable, type TableObservation, type TableSpec, tableNameOf } from "./table-observation.ts";
import { fail, retry, type Unfinished, waitFor } from "./task.ts";

/** Held while there is something to delete in the cluster when the PikaTable goes. */
export const TABLE_FINALIZER = "pika.io/table";

export interface TablePlan {
  readonly unfinished: Unfinished | undefined;
  /** What the manager shall be told; undefined where it knows it, or nothing may be said. */
  readonly desired: PutTableRequest | undefined;
  /** What the manager says of it. */
  readonly known: TableReply | undefined;
}

export function planTable(observation: TableObservation, hashPassword: (password: string) => string): TablePlan {
  const { live, manager } = observation;
  const known = manager.kind === "Leads" ? manager.tables.find(({ name }) => name === tableNameOf(live)) : undefined;
  const barred = findBar(observation);
  if (barred) return { unfinished: barred, desired: undefined, known };
  if (manager.kind === "Away") {
    return { unfinished: retry("ManagerUnavailable", manager.message), desired: undefined, known };
  }
  if (manager.clusterId !== observation.cluster?.status?.clusterID) {
    const unfinished = waitFor("ManagerUnavailable", "the metadata are of another cluster; the PikaCluster says more");
    return { unfinished, desired: undefined, known };
  }
  const request = requestOf(observation, hashPassword);
  if (known && isSaid(known, request)) return { unfinished: judge(known), desired: undefined, known };
  const frozen = known && known.spec.slots !== request.spec.slots;
  if (frozen) {
    const message = `spec.slots: the table ${known.name} that is there has ${known.spec.slots} slots; that never changes`;
    return { unfinished: fail("Immutable", message), desired: undefined, known };
  }
  return { unfinished: retry("Applying", "the manager is being told what is wanted"), desired: request, known };
}

function findBar(observation: TableObservation): Unfinished | undefined {
  const { live, spec, cluster, siblings, password } = observation;
  const refused = findUnsupported(spec);
  if (refused) return fail("NotSupported", refused);
  const name = tableNameOf(live);
  const older = siblings.find((other) => tableNameOf(other) === name && isOlder(other, live));
  if (older) return fail("Conflict", `PikaTable ${older.metadata.name} is older and has the table ${name} already`);
  if (!cluster)
    return waitFor("ClusterNotFound", `spec.clusterRef.name: there is no PikaCluster ${spec.clusterRef.name}`);
  if (cluster.metadata.deletionTimestamp !== undefined) {
    return waitFor("ClusterNotFound", `PikaCluster ${spec.clusterRef.name} is being deleted`);
  }
  const ref = spec.passwordSecretRef;
  if (ref && password === undefined) {
    return waitFor("SecretNotFound", `spec.passwordSecretRef: there is no Secret ${ref.name}`);
  }
  if (ref && (password?.[ref.key] ?? "") === "") {
    return waitFor("SecretNotFound", `spec.passwordSecretRef: Secret ${ref.name} has no value for the key ${ref.key}`);
  }
  const parsed = clusterSpec.safeParse(cluster.spec);
  const nodes = parsed.success ? parsed.data.nodes.replicas : undefined;
  if (nodes !== undefined && (spec.replicas ?? 1) > nodes) {
    const message = `spec.replicas is ${spec.replicas}; the cluster has ${nodes} nodes, one replica each at most`;
    return waitFor("InsufficientCapacity", message);
  }
  return undefined;
}

function findUnsupported(spec: TableSpec): string | undefined {
  if (spec.consistency === "Consistent") return "spec.consistency: this release has Asynchronous tables only";
  if (spec.quota) return "spec.quota: this release has no quotas; leave it out";
  if (spec.placement) return "spec.placement: this release places replicas on all nodes; leave it out";
  return undefined;
}

function isOlder(a: LiveTable, b: LiveTable): boolean {
  const age = ({ metadata }: LiveTable) => [metadata.creationTimestamp ?? "", metadata.uid ?? ""] as const;
  const [aTime, aUid] = age(a);
  const [bTime, bUid] = age(b);
  return aTime === bTime ? aUid < bUid : aTime < bTime;
}

function requestOf(observation: TableObservation, hashPassword: (password: string) => string): PutTableRequest {
  const { live, spec, password, manager } = observation;
  const ref = spec.passwordSecretRef;
  const text = ref && Buffer.from(password?.[ref.key] ?? "", "base64").toString("utf8");
  return {
    owner: live.metadata.uid ?? "",
    generation: live.metadata.generation ?? 0,
    ...(manager.kind === "Leads" ? { adopt: manager.clusterId as NonNullable<PutTableRequest["adopt"]> } : {}),
    spec: {
      slots: spec.slots,
      replicas: spec.replicas ?? null,
      consistency: spec.consistency,
      clientRouting: spec.clientRouting,
      passwordHashes: text === undefined ? [] : [hashPassword(text)],
    },
  };
}

function isSaid(known: TableReply, { owner, generation, spec }: PutTableRequest): boolean {
  return known.owner === owner && known.generation === generation && canonicalJson(known.spec) === canonicalJson(spec);
}

function judge({ isReady, slots, notes }: TableReply): Unfinished | undefined {
  if (isReady) return undefined;
  const detail = notes.length > 0 ? `: ${notes.slice(0, 3).join("; ")}` : "";
  if (slots.withLeader < slots.total) {
    return retry(
      "SlotsWithoutLeader",
      `${slots.total - slots.withLeader} of ${slots.total} slots have no leader${detail}`,
    );
  }
  return retry(
    "ReplicasBehind",
    `${slots.underReplicated} of ${slots.total} slots have a replica that is not in sync${detail}`,
  );
}
