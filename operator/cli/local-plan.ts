/**
 * From manifests to the local processes of one cluster: pure, so that `up` and `apply` decide alike.
 * Locally node i listens on 127.0.0.1: client port base + 21 + 10·i, peer + 1, HTTP + 2; managers on base, base + 1, …
 * (base 9200, so the first node's client port is 9221).
 * Refuses what this release does not do, with the field and the reason; what only means something on Kubernetes
 * (pods, volumes, Services) is named in a notice, never dropped in silence.
 */

import type { Located, Manifest, ManifestProblem } from "../api/v1alpha1/manifest.ts";
import type { PikaCluster } from "../api/v1alpha1/pika-cluster.ts";
import { nameOfTable, type PikaTable } from "../api/v1alpha1/pika-table.ts";
import { secretValue } from "../api/v1alpha1/secret.ts";

export interface LocalNode {
  readonly index: number;
  /** `demo-nodes-0`, as its pod would be called. */
  readonly name: string;
  readonly zone: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly httpPort: number;
}

export interface LocalTable {
  readonly name: string;
  readonly slots: number;
  readonly replicas: number;
  readonly clientRouting: "Forward" | "Redirect";
  /** "" for none. */
  readonly password: string;
}

export interface LocalPlan {
  readonly cluster: string;
  readonly nodes: readonly LocalNode[];
  readonly managerPorts: readonly number[];
  /** Node options from `spec.nodes.config`. */
  readonly config: Readonly<Record<string, string | number | boolean>>;
  readonly tables: readonly LocalTable[];
  /** "" for none: as in a Redis without a password, the default table's connections are administrators. */
  readonly adminPassword: string;
  readonly detectionSeconds: number;
  /** What a person should know: fields without a meaning here, fewer managers than asked for. */
  readonly notices: readonly string[];
}

export type LocalPlanResult =
  | { readonly ok: true; readonly plan: LocalPlan }
  | { readonly ok: false; readonly problems: readonly ManifestProblem[] };

export interface LocalPlanOptions {
  readonly portBase: number;
  /** With etcd all managers run; the embedded store has room for one. */
  readonly hasEtcd: boolean;
}

const CLIENT_PORT_OFFSET = 21;
const PORTS_PER_NODE = 10;
/** More local nodes than this do not fit between the base and the end of the ports. */
const MAX_LOCAL_NODES = 64;

/** Decides the processes and tables of the one cluster in a manifest, or says what is wrong with it. */
export function planLocalCluster(manifest: Manifest, options: LocalPlanOptions): LocalPlanResult {
  const problems: ManifestProblem[] = [...manifest.problems];
  const cluster = manifest.clusters[0];
  if (problems.length > 0) return { ok: false, problems };
  if (!cluster) return { ok: false, problems: [missingCluster(manifest)] };
  for (const other of manifest.clusters.slice(1)) {
    problems.push(other.problem(["metadata", "name"], "is a second PikaCluster; run one `pika up` for each"));
  }
  problems.push(...refuseUnbuilt(cluster, options));
  const tables: LocalTable[] = [];
  for (const located of manifest.tables) {
    const table = planTable(located, cluster.object, manifest);
    if (table.ok) tables.push(table.table);
    else problems.push(...table.problems);
  }
  const admin = adminPassword(cluster, manifest);
  if (admin.problem) problems.push(admin.problem);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, plan: assemble(cluster.object, tables, { ...options, adminPassword: admin.password }) };
}

function assemble(
  cluster: PikaCluster,
  tables: readonly LocalTable[],
  options: LocalPlanOptions & { readonly adminPassword: string },
): LocalPlan {
  const { spec } = cluster;
  const managerCount = options.hasEtcd ? spec.manager.replicas : 1;
  const notices: string[] = [];
  if (managerCount < spec.manager.replicas) {
    notices.push(
      `1 manager instead of ${spec.manager.replicas}: the embedded metadata store serves one process; use --etcd URL for all`,
    );
  }
  notices.push(...kubernetesOnly(cluster).map((field) => `${field} means nothing outside Kubernetes and is left out`));
  return {
    cluster: cluster.metadata.name,
    nodes: Array.from({ length: spec.nodes.replicas }, (_, index) => planNode(cluster, index, options.portBase)),
    managerPorts: Array.from({ length: managerCount }, (_, index) => options.portBase + index),
    config: spec.nodes.config,
    tables,
    adminPassword: options.adminPassword,
    detectionSeconds: spec.failover.detectionSeconds,
    notices,
  };
}

function planNode(cluster: PikaCluster, index: number, portBase: number): LocalNode {
  const clientPort = portBase + CLIENT_PORT_OFFSET + PORTS_PER_NODE * index;
  const zones = cluster.spec.nodes.zones.map(({ name }) => name).toSorted();
  return {
    index,
    name: `${cluster.metadata.name}-nodes-${index}`,
    zone: zones.length === 0 ? "" : (zones[index % zones.length] ?? ""),
    clientPort,
    peerPort: clientPort + 1,
    httpPort: clientPort + 2,
  };
}

function missingCluster(manifest: Manifest): ManifestProblem {
  const first = manifest.tables[0]?.problem([], "");
  return {
    file: first?.file ?? "the manifest",
    line: first?.line ?? 1,
    column: 1,
    field: "",
    message: "there is no PikaCluster in these files; give the file that has it with another -f",
  };
}

/** What the cluster asks for that this release does not do. */
function refuseUnbuilt(located: Located<PikaCluster>, options: LocalPlanOptions): ManifestProblem[] {
  const { spec } = located.object;
  const problems: ManifestProblem[] = [];
  const refuse = (path: readonly string[], reason: string) => {
    problems.push(located.problem(["spec", ...path], `not supported: ${reason}`));
  };
  if (spec.tls.mode !== "Disabled") refuse(["tls", "mode"], "this release has no TLS for clients; use Disabled");
  if (spec.etcd?.external && !options.hasEtcd) {
    refuse(["etcd", "external"], "locally the store is embedded; give the endpoints with --etcd URL");
  }
  if (spec.version !== "") refuse(["version"], "a local cluster runs the version of this program; leave it out");
  if (spec.featureLevel !== "") refuse(["featureLevel"], "this release has one feature level; leave it out");
  if (spec.suspend) refuse(["suspend"], "stop a local cluster with `pika down`");
  if (spec.nodes.replicas > MAX_LOCAL_NODES) {
    refuse(["nodes", "replicas"], `at most ${MAX_LOCAL_NODES} nodes run on one machine`);
  }
  return problems;
}

/** Fields that were set and have no meaning for local processes. */
function kubernetesOnly(cluster: PikaCluster): string[] {
  const { spec } = cluster;
  const set: [string, boolean][] = [
    ["spec.image", spec.image !== ""],
    ["spec.nodes.podTemplate", spec.nodes.podTemplate !== undefined],
    ["spec.manager.podTemplate", spec.manager.podTemplate !== undefined],
    ["spec.nodes.storage.storageClassName", spec.nodes.storage.storageClassName !== undefined],
    ["spec.etcd.managed", spec.etcd?.managed !== undefined],
    ["spec.service.type", spec.service.type !== "ClusterIP"],
    ["spec.networkPolicy.clients", spec.networkPolicy.clients !== undefined],
    ["spec.monitoring", spec.monitoring.serviceMonitor || spec.monitoring.prometheusRule || spec.monitoring.dashboard],
  ];
  return set.filter(([, isSet]) => isSet).map(([field]) => field);
}

type TableResult =
  | { readonly ok: true; readonly table: LocalTable }
  | { readonly ok: false; readonly problems: readonly ManifestProblem[] };

function planTable(located: Located<PikaTable>, cluster: PikaCluster, manifest: Manifest): TableResult {
  const { spec } = located.object;
  const problems: ManifestProblem[] = [];
  const report = (path: readonly string[], message: string) => {
    problems.push(located.problem(["spec", ...path], message));
  };
  if (spec.clusterRef.name !== cluster.metadata.name) {
    report(["clusterRef", "name"], `names no PikaCluster of these files; they have ${cluster.metadata.name}`);
  }
  if (spec.consistency === "Consistent")
    report(["consistency"], "not supported: this release has Asynchronous tables only");
  if (spec.quota) report(["quota"], "not supported: this release has no quotas; leave it out");
  if (spec.placement) report(["placement"], "not supported: this release places replicas on all nodes; leave it out");
  const replicas = spec.replicas ?? Math.min(2, cluster.spec.nodes.replicas);
  if (replicas > cluster.spec.nodes.replicas) {
    report(
      ["replicas"],
      `is ${replicas}; the cluster has ${cluster.spec.nodes.replicas} nodes, one replica each at most`,
    );
  }
  let password = "";
  if (spec.passwordSecretRef) {
    const found = findSecret(manifest, spec.passwordSecretRef);
    if (found === undefined) report(["passwordSecretRef"], noSecret(spec.passwordSecretRef));
    else password = found;
  }
  if (problems.length > 0) return { ok: false, problems };
  const { slots, clientRouting } = spec;
  return { ok: true, table: { name: nameOfTable(located.object), slots, replicas, clientRouting, password } };
}

interface SecretRef {
  readonly name: string;
  readonly key: string;
}

function findSecret(manifest: Manifest, ref: SecretRef): string | undefined {
  const located = manifest.secrets.find(({ object }) => object.metadata.name === ref.name);
  const value = located && secretValue(located.object, ref.key);
  return value === "" ? undefined : value;
}

function noSecret(ref: SecretRef): string {
  return `there is no Secret ${ref.name} with a value for ${ref.key} in these files`;
}

function adminPassword(
  located: Located<PikaCluster>,
  manifest: Manifest,
): { password: string; problem?: ManifestProblem } {
  const ref = located.object.spec.auth?.adminSecretRef;
  if (!ref) return { password: "" };
  const password = findSecret(manifest, ref);
  if (password !== undefined) return { password };
  return { password: "", problem: located.problem(["spec", "auth", "adminSecretRef"], noSecret(ref)) };
}
