/**
 * The plan of one reconcile of a PikaCluster (docs/operator.md, "Flow"): what the tasks say, the objects that shall be,
 * the call to the manager. Pure; it remembers nothing: killed between any two writes, the next operator plans the same.
 */

import type { PutClusterRequest } from "../../../node/meta/manager-api.ts";
import { etcdReplicas } from "../../resources/addresses.ts";
import { nameOf, type Role } from "../../resources/child-names.ts";
import { clusterChildren } from "../../resources/children.ts";
import { type ClusterBlueprint, etcdIsManaged, type PlannedChild } from "../../resources/cluster-blueprint.ts";
import { totalOf } from "../../resources/node-spread.ts";
import type { ClusterObservation } from "./cluster-observation.ts";
import { diagnosePods } from "./diagnose-pods.ts";
import { identify, isBootstrapped } from "./identity.ts";
import { isReady, nodeChoices, planSpread, podsOf, type SpreadPlan, setChoice, setsOf } from "./node-sets.ts";
import { type ClaimChange, judgeClaims, planClaims } from "./plan-claims.ts";
import { planUpdate, type UpdatePlan } from "./plan-update.ts";
import { imageOfVersion, type OperatorSettings } from "./settings.ts";
import { COMPLETE, retry, type TaskName, type TaskOutcome, type TaskResult, waitFor } from "./task.ts";
import { nodeFlagsOf, validateCluster } from "./validate-cluster.ts";

/** What a plan may need that is random: used only where nothing is there yet. */
export interface FreshValues {
  /** 32 random hex digits. */
  readonly clusterId: string;
  /** Base64. */
  readonly clusterSecret: string;
  readonly adminSecret: string;
}

export interface PlanInput {
  readonly observation: ClusterObservation;
  readonly settings: OperatorSettings;
  readonly fresh: FreshValues;
  /** SHA-256 of a password in hex. */
  readonly hashPassword: (password: string) => string;
}

export interface ClusterPlan {
  readonly outcomes: readonly TaskOutcome[];
  /** Undefined where the cluster's identity cannot be told. */
  readonly clusterId: string | undefined;
  /** Undefined where nothing may be written. */
  readonly blueprint: ClusterBlueprint | undefined;
  /** In the order in which they are applied. */
  readonly children: readonly PlannedChild[];
  /** What the manager shall be told; undefined where it knows it, or none leads. */
  readonly desired: PutClusterRequest | undefined;
  readonly spread: SpreadPlan | undefined;
  readonly update: UpdatePlan | undefined;
  readonly claims: readonly ClaimChange[];
}

export function planCluster(input: PlanInput): ClusterPlan {
  const { observation, settings, fresh } = input;
  const validity = validateCluster(observation, settings);
  const identity = identify(observation, fresh.clusterId);
  const outcomes: TaskOutcome[] = [
    { task: "validate", result: validity },
    { task: "identity", result: identity.result },
  ];
  const { clusterId } = identity;
  const isFirst = observation.live.status?.clusterID === undefined;
  const isBarred = validity.kind !== "Complete" || identity.result.kind !== "Complete";
  const nothing: ClusterPlan = {
    outcomes,
    clusterId,
    blueprint: undefined,
    children: [],
    desired: undefined,
    spread: undefined,
    update: undefined,
    claims: [],
  };
  if (clusterId === undefined || isBarred) return nothing;
  if (isFirst) {
    outcomes.push({ task: "secrets", result: retry("Creating", "the cluster is being created", 0) });
    return nothing;
  }
  const blueprint = resolve(input, clusterId);
  const spread = planSpread(observation);
  const desired = planDesired(input, clusterId);
  const update = planUpdate(observation, blueprint);
  outcomes.push(...judge(observation, blueprint, { spread, desired, update }));
  const children = planChildren(input, blueprint, { spread, update });
  const claims = planClaims(observation, clusterId);
  return { outcomes, clusterId, blueprint, children, desired, spread, update, claims };
}

function resolve({ observation, settings }: PlanInput, clusterId: string): ClusterBlueprint {
  const { live, spec, userSecrets } = observation;
  const version = spec.version || live.status?.version || settings.programVersion;
  const etcdTls = userSecrets.get(spec.etcd?.external?.tlsSecretRef?.name ?? "");
  return {
    namespace: live.metadata.namespace ?? "",
    name: live.metadata.name ?? "",
    spec,
    clusterId,
    isBootstrapped: isBootstrapped(observation, clusterId),
    version,
    image: spec.image || imageOfVersion(settings, version),
    etcdImage: spec.etcd?.managed?.image || settings.etcdImage,
    clusterDomain: settings.clusterDomain,
    hasEtcdCertificate: etcdTls?.["tls.crt"] !== undefined && etcdTls["tls.key"] !== undefined,
    nodeFlags: nodeFlagsOf(spec),
  };
}

function planChildren(
  { observation, fresh }: PlanInput,
  blueprint: ClusterBlueprint,
  { spread: plan, update }: { readonly spread: SpreadPlan; readonly update: UpdatePlan },
): PlannedChild[] {
  const { spec } = observation;
  const ownsAdmin = spec.auth?.adminSecretRef === undefined;
  const memberCounts: Readonly<Record<Role, number>> = {
    etcd: etcdReplicas(blueprint),
    manager: spec.manager.replicas,
    node: totalOf(plan.spread),
  };
  const { openSets } = update;
  const choose = (role: Role) =>
    setChoice(observation, setsOf(observation, role)[0], { members: memberCounts[role], openSets });
  // Nodes are made once somebody leads: what they hold may be known to it, or be foreign.
  const mayHaveNodes = observation.manager.kind === "Leads" || setsOf(observation, "node").length > 0;
  return clusterChildren(blueprint, {
    secrets: {
      cluster: observation.clusterSecret ?? fresh.clusterSecret,
      admin: ownsAdmin ? (observation.adminSecret ?? fresh.adminSecret) : undefined,
    },
    etcd: choose("etcd"),
    manager: choose("manager"),
    nodes: mayHaveNodes ? nodeChoices(observation, plan.spread, openSets) : new Map(),
    memberCounts,
    mayLoseNode: mayLoseNode(observation),
  });
}

/** Whether every slot has another replica in sync. */
function mayLoseNode({ manager }: ClusterObservation): boolean {
  return manager.kind === "Away" || manager.status.slots.underReplicated === 0;
}

function planDesired({ observation, hashPassword }: PlanInput, clusterId: string): PutClusterRequest | undefined {
  const { live, spec, manager, userSecrets, adminSecret } = observation;
  if (manager.kind === "Away") return undefined;
  const ref = spec.auth?.adminSecretRef;
  const encoded = ref ? userSecrets.get(ref.name)?.[ref.key] : adminSecret;
  if (encoded === undefined) return undefined;
  const password = Buffer.from(encoded, "base64").toString("utf8");
  const owner = live.metadata.uid ?? "";
  const generation = live.metadata.generation ?? 0;
  const wanted = { nodes: spec.nodes.replicas, adminPasswordHashes: [hashPassword(password)] };
  const known = manager.cluster;
  if (known.clusterId !== clusterId) return undefined;
  const isKnown =
    known.owner === owner &&
    known.generation === generation &&
    known.spec?.nodes === wanted.nodes &&
    known.spec.adminPasswordHashes.length === 1 &&
    known.spec.adminPasswordHashes[0] === wanted.adminPasswordHashes[0];
  return isKnown ? undefined : { owner, generation, adopt: known.clusterId, spec: wanted };
}

interface Judged {
  readonly spread: SpreadPlan;
  readonly desired: PutClusterRequest | undefined;
  readonly update: UpdatePlan;
}

function judge(observation: ClusterObservation, blueprint: ClusterBlueprint, judged: Judged): TaskOutcome[] {
  const { spec, manager } = observation;
  if (spec.suspend) {
    const left = observation.pods.length;
    const result = left === 0 ? COMPLETE : waitFor("Suspending", `${left} pods are still there`);
    return [{ task: "nodes", result }];
  }
  const etcd = etcdIsManaged(blueprint) ? judgeRole(observation, "etcd", etcdReplicas(blueprint)) : COMPLETE;
  const managers = judgeRole(observation, "manager", spec.manager.replicas);
  const away = manager.kind === "Away" ? retry("ManagerUnavailable", manager.message) : COMPLETE;
  const isStrange = manager.kind === "Leads" && manager.cluster.clusterId !== blueprint.clusterId;
  const strange = `the metadata are of the cluster ${manager.kind === "Leads" ? manager.cluster.clusterId : ""}, this one is ${blueprint.clusterId}`;
  const results: [TaskName, TaskResult][] = [
    ["etcd", etcd],
    ["managers", managers],
    ["managers", isStrange ? waitFor("AdoptionMismatch", strange) : away],
    ["nodes", judgeRole(observation, "node", totalOf(judged.spread.spread))],
    ["update", judged.update.result],
    ["desired state", judged.desired ? retry("Applying", "the manager is being told what is wanted") : COMPLETE],
    ["storage", judgeClaims(observation, blueprint.clusterId)],
    ["scale in", judgeScaleIn(judged.spread)],
    ["slots", judgeSlots(observation)],
  ];
  return results.map(([task, result]) => ({ task, result }));
}

const WORDS: Readonly<Record<Role, readonly [reason: string, noun: string]>> = {
  etcd: ["EtcdUnavailable", "etcd members"],
  manager: ["ManagerUnavailable", "managers"],
  node: ["WaitingForNodes", "nodes"],
};

function judgeRole(observation: ClusterObservation, role: Role, wanted: number): TaskResult {
  const ready = podsOf(observation, role).filter(isReady).length;
  if (ready >= wanted) return COMPLETE;
  const [reason, noun] = WORDS[role];
  const why = diagnosePods(observation, role);
  const counts = `${ready} of ${wanted} ${noun} are ready`;
  if (why) return waitFor(why.reason, `${counts}: ${why.message}`);
  return waitFor(reason, `${counts} (${nameOf(observation.live.metadata.name ?? "", role)})`);
}

function judgeScaleIn({ blocked }: SpreadPlan): TaskResult {
  return blocked ? retry("DrainBlocked", `${blocked.pod} cannot go: ${blocked.why}`, 5000) : COMPLETE;
}

function judgeSlots({ manager, spec }: ClusterObservation): TaskResult {
  if (manager.kind === "Away") return COMPLETE;
  const { status } = manager;
  if (status.nodes.ready < spec.nodes.replicas) {
    return retry("WaitingForNodes", `the managers know of ${status.nodes.ready} of ${spec.nodes.replicas} ready nodes`);
  }
  const { total, withLeader, underReplicated } = status.slots;
  const notes = status.notes.length > 0 ? ` (${status.notes.slice(0, 3).join("; ")})` : "";
  if (withLeader < total)
    return retry("SlotsWithoutLeader", `${total - withLeader} of ${total} slots have no leader${notes}`);
  if (underReplicated > 0) {
    return retry("ReplicasBehind", `${underReplicated} of ${total} slots have a replica that is not in sync${notes}`);
  }
  if (status.tables.ready < status.tables.total)
    return retry("TablesNotReady", `${status.tables.ready} of ${status.tables.total} tables are ready${notes}`);
  return COMPLETE;
}
