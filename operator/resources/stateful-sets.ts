/**
 * The StatefulSets of the three roles. All are Parallel (ordered starts deadlock etcd's bootstrap), keep every volume,
 * and rest at RollingUpdate with `partition` = replicas: a template change restarts nothing, and a pod that is
 * re-created keeps its revision until its turn.
 */

import { etcdEndpoints, etcdReplicas, managerUrls, metadataPrefix } from "./addresses.ts";
import {
  CLUSTER_ID,
  DATA_CLAIM,
  labelsOf,
  MEMBERS,
  nameOf,
  nodeSetName,
  PORTS,
  podHost,
  type Role,
  secretNames,
  selectorOf,
  ZONE_LABEL,
} from "./child-names.ts";
import { type ChildIntent, type ClusterBlueprint, childMetadata, type PlannedChild } from "./cluster-blueprint.ts";
import { STATEFUL_SETS } from "./kinds.ts";
import { httpProbe, podTemplate, secretVolume } from "./pods.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What of a StatefulSet depends on more than the spec. */
export interface SetChoice {
  /** Pods that shall run: 0 while the cluster is suspended. */
  readonly replicas: number;
  /** Nodes that the set has, whether or not they run; `replicas` where absent. */
  readonly members?: number;
  /** Size in the claim template, which cannot be changed: the one that is there, else the spec's. */
  readonly claimSize?: string;
  /** A pod is being renewed: pods that are made now get the newest revision. */
  readonly isRenewing?: boolean;
}

const SECRET_FILES = "/etc/pika/secret";
const DATA = "/data";
const READINESS = { periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 };
const LIVENESS = { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 };

/** The StatefulSet of a zone's nodes. @param zone "" where the cluster has no zones. */
export function nodeSet(blueprint: ClusterBlueprint, zone: string, choice: SetChoice): PlannedChild {
  const { name, spec } = blueprint;
  const service = nameOf(name, "node");
  const zoneLabel = zone === "" ? {} : { [ZONE_LABEL]: zone };
  const ports = { port: PORTS.client, "peer-port": PORTS.peer, "http-port": PORTS.nodeHttp };
  const flags = {
    name: "$(POD_NAME)",
    "announce-host": podHost("$(POD_NAME)", service, blueprint),
    ...ports,
    "data-dir": DATA,
    "secret-file": `${SECRET_FILES}/secret`,
    managers: managerUrls(blueprint).join(","),
    ...(zone === "" ? {} : { zone }),
    ...blueprint.nodeFlags,
  };
  const template = podTemplate(blueprint, {
    role: "node",
    template: spec.nodes.podTemplate,
    labels: zoneLabel,
    image: blueprint.image,
    args: ["node", ...asArguments(flags)],
    ports: [
      { name: "redis", containerPort: PORTS.client },
      { name: "peer", containerPort: PORTS.peer },
      { name: "http", containerPort: PORTS.nodeHttp },
    ],
    probes: {
      readiness: httpProbe("/readyz", PORTS.nodeHttp, READINESS),
      liveness: httpProbe("/healthz", PORTS.nodeHttp, LIVENESS),
    },
    mounts: [
      { name: DATA_CLAIM, mountPath: DATA },
      { name: "secret", mountPath: SECRET_FILES, readOnly: true },
    ],
    volumes: [secretVolume("secret", secretNames.cluster(name))],
    graceSeconds: 60,
    ...(zone === "" ? {} : { zone }),
  });
  const object = statefulSet(blueprint, { role: "node", name: nodeSetName(name, zone), template, choice });
  const selector = { matchLabels: { ...selectorOf(name, "node"), ...zoneLabel } };
  return planned({
    ...object,
    metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...zoneLabel } },
    spec: {
      ...(object.spec as Fields),
      selector,
      volumeClaimTemplates: [claim(blueprint, spec.nodes.storage, choice)],
    },
  });
}

export function managerSet(blueprint: ClusterBlueprint, choice: SetChoice): PlannedChild {
  const { name, spec } = blueprint;
  const service = nameOf(name, "manager");
  const external = spec.etcd?.external;
  const flags = {
    port: PORTS.manager,
    "announce-url": `http://${podHost("$(POD_NAME)", service, blueprint)}:${PORTS.manager}`,
    etcd: etcdEndpoints(blueprint).join(","),
    prefix: metadataPrefix(blueprint),
    "secret-file": `${SECRET_FILES}/secret`,
  };
  const credentials = etcdCredentials(external, blueprint.hasEtcdCertificate);
  const template = podTemplate(blueprint, {
    role: "manager",
    template: spec.manager.podTemplate,
    image: blueprint.image,
    args: ["manager", ...asArguments(flags), ...credentials.args],
    env: credentials.env,
    envFrom: [{ configMapRef: { name: service } }],
    ports: [{ name: "http", containerPort: PORTS.manager }],
    probes: {
      readiness: httpProbe("/readyz", PORTS.manager, READINESS),
      liveness: httpProbe("/healthz", PORTS.manager, LIVENESS),
    },
    mounts: [{ name: "secret", mountPath: SECRET_FILES, readOnly: true }, ...credentials.mounts],
    volumes: [secretVolume("secret", secretNames.cluster(name)), ...credentials.volumes],
    graceSeconds: 15,
  });
  return planned(statefulSet(blueprint, { role: "manager", name: service, template, choice }));
}

/** How managers prove themselves to somebody else's etcd. */
function etcdCredentials(external: NonNullable<ClusterBlueprint["spec"]["etcd"]>["external"], hasCertificate: boolean) {
  const tls = external?.tlsSecretRef?.name;
  const auth = external?.authSecretRef?.name;
  const tlsFiles = "/etc/pika/etcd-tls";
  const authFiles = "/etc/pika/etcd-auth";
  const certificate = { "etcd-cert-file": `${tlsFiles}/tls.crt`, "etcd-key-file": `${tlsFiles}/tls.key` };
  const userName = { secretKeyRef: { name: auth ?? "", key: "username" } };
  return {
    args: [
      ...(tls ? asArguments({ "etcd-ca-file": `${tlsFiles}/ca.crt`, ...(hasCertificate ? certificate : {}) }) : []),
      ...(auth ? asArguments({ "etcd-password-file": `${authFiles}/password` }) : []),
    ],
    env: auth ? [{ name: "PIKA_ETCD_USER", valueFrom: userName }] : [],
    mounts: [
      ...(tls ? [{ name: "etcd-tls", mountPath: tlsFiles, readOnly: true }] : []),
      ...(auth ? [{ name: "etcd-auth", mountPath: authFiles, readOnly: true }] : []),
    ],
    volumes: [...(tls ? [secretVolume("etcd-tls", tls)] : []), ...(auth ? [secretVolume("etcd-auth", auth)] : [])],
  };
}

export function etcdSet(blueprint: ClusterBlueprint, choice: SetChoice): PlannedChild {
  const { name, spec } = blueprint;
  const service = nameOf(name, "etcd");
  const storage = { size: "2Gi", ...spec.etcd?.managed?.storage };
  const host = (pod: string) => podHost(pod, service, blueprint);
  const members = Array.from({ length: etcdReplicas(blueprint) }, (_, index) => `${service}-${index}`);
  const flags = {
    name: "$(POD_NAME)",
    "data-dir": `${DATA}/etcd`,
    "listen-client-urls": `http://0.0.0.0:${PORTS.etcdClient}`,
    "advertise-client-urls": `http://${host("$(POD_NAME)")}:${PORTS.etcdClient}`,
    "listen-peer-urls": `http://0.0.0.0:${PORTS.etcdPeer}`,
    "initial-advertise-peer-urls": `http://${host("$(POD_NAME)")}:${PORTS.etcdPeer}`,
    "initial-cluster": members.map((pod) => `${pod}=http://${host(pod)}:${PORTS.etcdPeer}`).join(","),
    "initial-cluster-state": "new",
    "initial-cluster-token": blueprint.clusterId,
    "listen-metrics-urls": `http://0.0.0.0:${PORTS.etcdHttp}`,
    "auto-compaction-mode": "periodic",
    "auto-compaction-retention": "1h",
    "quota-backend-bytes": quotaBytes(storage.size),
  };
  const template = podTemplate(blueprint, {
    role: "etcd",
    template: spec.etcd?.managed?.podTemplate,
    image: blueprint.etcdImage,
    command: ["etcd"],
    args: Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    ports: [
      { name: "client", containerPort: PORTS.etcdClient },
      { name: "peer", containerPort: PORTS.etcdPeer },
      { name: "http", containerPort: PORTS.etcdHttp },
    ],
    probes: { readiness: httpProbe("/health", PORTS.etcdHttp, { ...READINESS, timeoutSeconds: 5 }) },
    mounts: [{ name: DATA_CLAIM, mountPath: DATA }],
    volumes: [],
    graceSeconds: 30,
  });
  const object = statefulSet(blueprint, { role: "etcd", name: service, template, choice });
  const volumeClaimTemplates = [claim(blueprint, storage, choice)];
  return planned({ ...object, spec: { ...(object.spec as Fields), volumeClaimTemplates } });
}

/** Of the volume, what the log and a defragmentation leave; etcd itself advises against more than 8 GiB. */
const QUOTA_SHARE = 0.6;
const MAX_QUOTA_BYTES = 8 * 2 ** 30;

function quotaBytes(size: string): number {
  return Math.min(Math.floor(toBytes(size) * QUOTA_SHARE), MAX_QUOTA_BYTES);
}

const STEPS = ["", "k", "m", "g", "t", "p"];

/** Bytes of a quantity as the schema allows it, and as volumes have it: a whole number with a suffix. */
export function toBytes(size: string): number {
  const [, digits = "0", suffix = ""] = /^(\d+)(\w*)$/.exec(size) ?? [];
  const base = suffix.endsWith("i") ? 1024 : 1000;
  return Number(digits) * base ** STEPS.indexOf(suffix.slice(0, 1).toLowerCase());
}

interface SetParts {
  readonly role: Role;
  readonly name: string;
  readonly template: Fields;
  readonly choice: SetChoice;
}

function statefulSet(blueprint: ClusterBlueprint, { role, name, template, choice }: SetParts): ChildIntent {
  const updateStrategy = choice.isRenewing
    ? { type: "OnDelete" }
    : { type: "RollingUpdate", rollingUpdate: { partition: choice.replicas } };
  const metadata = childMetadata(blueprint, name, labelsOf(blueprint.name, role));
  return {
    metadata: {
      ...metadata,
      annotations: { [CLUSTER_ID]: blueprint.clusterId, [MEMBERS]: String(choice.members ?? choice.replicas) },
    },
    spec: {
      serviceName: nameOf(blueprint.name, role),
      replicas: choice.replicas,
      podManagementPolicy: "Parallel",
      updateStrategy,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      selector: { matchLabels: selectorOf(blueprint.name, role) },
      template,
    },
  };
}

interface StorageSpec {
  readonly size: string;
  readonly storageClassName?: string | undefined;
}

function claim(blueprint: ClusterBlueprint, storage: StorageSpec, choice: SetChoice): Fields {
  const { storageClassName } = storage;
  return {
    metadata: { name: DATA_CLAIM, annotations: { [CLUSTER_ID]: blueprint.clusterId } },
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(storageClassName === undefined ? {} : { storageClassName }),
      resources: { requests: { storage: choice.claimSize ?? storage.size } },
    },
  };
}

function asArguments(flags: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
}

function planned(object: ChildIntent): PlannedChild {
  return { resource: STATEFUL_SETS, object };
}
