/**
 * Pod templates: what all roles share, under the Pod Security standard "restricted": no root, a read-only root, no
 * privileges, no service-account token. What the user's template says is laid over it; labels and annotations of ours win.
 */

import type { PikaCluster } from "../api/v1alpha1/pika-cluster.ts";
import { INPUT_HASH, labelsOf, nameOf, type Role, selectorOf } from "./child-names.ts";
import type { ClusterBlueprint } from "./cluster-blueprint.ts";
import { inputHash } from "./pod-inputs.ts";

export type UserTemplate = PikaCluster["spec"]["nodes"]["podTemplate"];

type Fields = Readonly<Record<string, unknown>>;

/** Nobody in particular: the images run as it, and any other number does as well. */
const USER = 65_532;

export interface PodParts {
  readonly role: Role;
  readonly template: UserTemplate;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image: string;
  /** Instead of the image's own program. */
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly env?: readonly Fields[];
  readonly envFrom?: readonly Fields[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly probes: { readonly readiness: Fields; readonly liveness?: Fields };
  readonly mounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly volumes: readonly Fields[];
  readonly graceSeconds: number;
  /** Where its pods must be, if anywhere. */
  readonly zone?: string;
}

const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

/** The template of a role's StatefulSet. */
export function podTemplate(blueprint: ClusterBlueprint, parts: PodParts): Fields {
  const { role, template } = parts;
  const { name } = blueprint;
  const user = dropAbsent({
    nodeSelector: template?.nodeSelector,
    tolerations: template?.tolerations,
    topologySpreadConstraints: template?.topologySpreadConstraints,
    priorityClassName: template?.priorityClassName,
    imagePullSecrets: template?.imagePullSecrets,
  });
  return {
    metadata: {
      labels: { ...template?.labels, ...labelsOf(name, role), ...parts.labels },
      annotations: { ...template?.annotations, [INPUT_HASH]: inputHash(blueprint, role) },
    },
    spec: {
      ...user,
      serviceAccountName: template?.serviceAccountName ?? nameOf(name, role),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: template?.terminationGracePeriodSeconds ?? parts.graceSeconds,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: USER,
        runAsGroup: USER,
        fsGroup: USER,
        fsGroupChangePolicy: "OnRootMismatch",
        seccompProfile: { type: "RuntimeDefault" },
        ...template?.securityContext,
      },
      affinity: affinityOf(name, parts),
      containers: [mainContainer(parts), ...(template?.sidecars ?? [])],
      volumes: [{ name: "tmp", emptyDir: {} }, ...parts.volumes, ...(template?.volumes ?? [])],
    },
  };
}

function mainContainer(parts: PodParts): Fields {
  const { role, template } = parts;
  return {
    name: role,
    image: parts.image,
    ...dropAbsent({ imagePullPolicy: template?.imagePullPolicy, command: parts.command, envFrom: parts.envFrom }),
    args: parts.args,
    env: [
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ...(parts.env ?? []),
      ...(template?.env ?? []),
    ],
    ports: parts.ports,
    readinessProbe: parts.probes.readiness,
    ...dropAbsent({ livenessProbe: parts.probes.liveness, resources: template?.resources }),
    securityContext: CONTAINER_SECURITY,
    volumeMounts: [{ name: "tmp", mountPath: "/tmp" }, ...parts.mounts],
  };
}

/** Where the user says nothing: pods of a role rather not on one Kubernetes node, nor all in one zone. */
function affinityOf(cluster: string, { role, template, zone }: PodParts): Fields {
  const matchLabels = selectorOf(cluster, role);
  const avoid = (topologyKey: string, weight: number): Fields => ({
    weight,
    podAffinityTerm: { topologyKey, labelSelector: { matchLabels } },
  });
  const preferred = [
    avoid("kubernetes.io/hostname", 100),
    ...(zone === undefined ? [avoid("topology.kubernetes.io/zone", 50)] : []),
  ];
  const chosen = template?.affinity ?? {
    podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred },
  };
  if (zone === undefined) return chosen;
  const inZone = { key: "topology.kubernetes.io/zone", operator: "In", values: [zone] };
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [inZone] }] },
  };
  return { ...chosen, nodeAffinity };
}

/** A probe of an HTTP path. */
export function httpProbe(path: string, port: number, limits: Fields): Fields {
  return { httpGet: { path, port }, ...limits };
}

/** Files of a Secret or ConfigMap in a pod. */
export function secretVolume(name: string, secretName: string): Fields {
  return { name, secret: { secretName } };
}

/** The fields that have a value. */
function dropAbsent(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
