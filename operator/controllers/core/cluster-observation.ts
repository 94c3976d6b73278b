/**
 * What a reconcile of a PikaCluster is decided from: everything from the caches and one answer of the leading manager.
 * Immutable; objects are those of the caches.
 */

import type { V1PersistentVolumeClaim, V1Pod, V1StatefulSet } from "@kubernetes/client-node";
import type { z } from "zod";
import type { ClusterReply, NodeReply, StatusReply } from "../../../node/meta/manager-api.ts";
import type { PikaCluster } from "../../api/v1alpha1/pika-cluster.ts";
import type { clusterStatus } from "../../api/v1alpha1/pika-cluster-status.ts";
import type { KubeObject, Wire } from "../../kube/core/api-object.ts";
import type { Condition } from "../../kube/core/status-change.ts";

export type ClusterSpec = PikaCluster["spec"];
/** Conditions without their times: the writer has them. */
export type ClusterStatus = Omit<z.infer<typeof clusterStatus>, "conditions"> & {
  readonly conditions?: readonly Condition[];
};

/** As the API server has it: without defaults, and perhaps with fields that this release does not know. */
export interface LiveCluster extends KubeObject {
  readonly spec: unknown;
  readonly status?: ClusterStatus;
}

type Typed<T> = KubeObject & Omit<Wire<T>, "metadata">;
export type StatefulSet = Typed<V1StatefulSet>;
export type Pod = Typed<V1Pod>;
export type Claim = Typed<V1PersistentVolumeClaim>;

/** What the leading manager says. */
export type ManagerView =
  | { readonly kind: "Away"; readonly message: string }
  | {
      readonly kind: "Leads";
      readonly status: StatusReply;
      readonly cluster: ClusterReply;
      readonly nodes: readonly NodeReply[];
    };

/** A Secret that the user names: its values in base64, or that there is none. */
export type UserSecret = Readonly<Record<string, string>> | undefined;

export interface ClusterObservation {
  readonly live: LiveCluster;
  readonly spec: ClusterSpec;
  /** Children that the cluster controls. */
  readonly sets: readonly StatefulSet[];
  /** Pods and volumes with the cluster's label. */
  readonly pods: readonly Pod[];
  readonly claims: readonly Claim[];
  /** `data` of ConfigMap `<c>-manager`. */
  readonly managerConfig: Readonly<Record<string, string>> | undefined;
  /** Values of our own Secrets, base64; undefined where there is none yet. */
  readonly clusterSecret: string | undefined;
  readonly adminSecret: string | undefined;
  /** The Secrets that the spec names, by name. */
  readonly userSecrets: ReadonlyMap<string, UserSecret>;
  readonly manager: ManagerView;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}
