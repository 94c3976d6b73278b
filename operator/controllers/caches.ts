/**
 * The caches that the controllers read: one set for each watched namespace, or one for all. Children are found by the
 * label that every one of ours has, users' Secrets by name.
 */

import { type KubeObject, keyOf, objectKey, type Resource } from "../kube/core/api-object.ts";
import type { ObjectStore, StoreChange } from "../kube/object-store.ts";
import { SECRETS, type SecretReader } from "../kube/secret-reader.ts";
import { CLUSTER_LABEL } from "../resources/child-names.ts";
import {
  CLAIMS,
  CONFIG_MAPS,
  DISRUPTION_BUDGETS,
  NETWORK_POLICIES,
  PIKA_CLUSTERS,
  PIKA_TABLES,
  PODS,
  SERVICE_ACCOUNTS,
  SERVICES,
  STATEFUL_SETS,
} from "../resources/kinds.ts";
import type { OperatorRuntime } from "../runtime/operator-runtime.ts";
import type { Claim, LiveCluster, Pod } from "./core/cluster-observation.ts";
import type { LiveTable } from "./core/table-observation.ts";

/** The kinds of children; a Secret's values are read in full, since all of these are ours. */
const CHILD_KINDS: readonly Resource[] = [
  SECRETS,
  CONFIG_MAPS,
  SERVICE_ACCOUNTS,
  SERVICES,
  NETWORK_POLICIES,
  DISRUPTION_BUDGETS,
  STATEFUL_SETS,
];

/** Of a child, pod or volume: `namespace/name` of its PikaCluster. */
export const BY_CLUSTER = "cluster";
/** Of a PikaCluster or PikaTable: the Secrets that it names. */
const BY_SECRET = "secret";

export interface NamespaceCaches {
  readonly clusters: ObjectStore<LiveCluster>;
  readonly tables: ObjectStore<LiveTable>;
  readonly pods: ObjectStore<Pod>;
  readonly claims: ObjectStore<Claim>;
  readonly secrets: SecretReader;
  /** By the plural of their kind. */
  readonly children: ReadonlyMap<string, ObjectStore<KubeObject>>;
}

function clusterKeys(object: KubeObject): readonly string[] {
  const cluster = object.metadata.labels?.[CLUSTER_LABEL];
  return cluster === undefined ? [] : [objectKey(object.metadata.namespace, cluster)];
}

interface NamedRef {
  readonly name?: string;
}

/** What a spec names, whatever else is wrong with it. */
function namesIn(object: KubeObject, paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    const found = path
      .split(".")
      .reduce<unknown>((value, field) => (value as Record<string, unknown> | undefined)?.[field], object);
    const { name } = (found ?? {}) as NamedRef;
    return name === undefined ? [] : [objectKey(object.metadata.namespace, name)];
  });
}

const CLUSTER_SECRETS = [
  "spec.auth.adminSecretRef",
  "spec.etcd.external.tlsSecretRef",
  "spec.etcd.external.authSecretRef",
];
const TABLE_SECRETS = ["spec.passwordSecretRef"];
const TABLE_CLUSTER = ["spec.clusterRef"];

function makeCaches(runtime: OperatorRuntime, namespace: string | undefined): NamespaceCaches {
  const where = namespace === undefined ? {} : { namespace };
  const labelSelector = CLUSTER_LABEL;
  const byCluster = { [BY_CLUSTER]: clusterKeys };
  const child = (resource: Resource) =>
    [resource.plural, runtime.cache({ ...where, resource, labelSelector }, byCluster)] as const;
  return {
    clusters: runtime.cache<LiveCluster>(
      { ...where, resource: PIKA_CLUSTERS },
      { [BY_SECRET]: (object) => namesIn(object, CLUSTER_SECRETS) },
    ),
    tables: runtime.cache<LiveTable>(
      { ...where, resource: PIKA_TABLES },
      {
        [BY_SECRET]: (object) => namesIn(object, TABLE_SECRETS),
        [BY_CLUSTER]: (object) => namesIn(object, TABLE_CLUSTER),
      },
    ),
    pods: runtime.cache<Pod>({ ...where, resource: PODS, labelSelector }, byCluster),
    claims: runtime.cache<Claim>({ ...where, resource: CLAIMS, labelSelector }, byCluster),
    secrets: runtime.secrets(where),
    children: new Map(CHILD_KINDS.map(child)),
  };
}

/** Called with a PikaCluster's or PikaTable's key and whether a person changed it. */
type Wake = (key: string, isEdit: boolean) => void;

export class Caches {
  readonly #byNamespace: ReadonlyMap<string, NamespaceCaches>;

  /** @param namespaces none: all. */
  constructor(runtime: OperatorRuntime, namespaces: readonly string[]) {
    const watched: (string | undefined)[] = namespaces.length === 0 ? [undefined] : [...new Set(namespaces)];
    this.#byNamespace = new Map(watched.map((name) => [name ?? "", makeCaches(runtime, name)]));
  }

  /** Those that have the objects of a namespace. */
  of(namespace: string): NamespaceCaches {
    const caches = this.#byNamespace.get(namespace) ?? this.#byNamespace.get("");
    if (!caches) throw new Error(`the namespace ${namespace} is not watched`);
    return caches;
  }

  clusterKeys(): string[] {
    return [...this.#byNamespace.values()].flatMap(({ clusters }) => [...clusters.keys()]);
  }

  tableKeys(): string[] {
    return [...this.#byNamespace.values()].flatMap(({ tables }) => [...tables.keys()]);
  }

  /** Tells which PikaClusters and PikaTables a change is about. */
  onChange(wakeCluster: Wake, wakeTable: Wake): void {
    for (const caches of this.#byNamespace.values()) {
      const { clusters, tables } = caches;
      const wakeTablesOf = (cluster: string) => {
        for (const table of tables.byIndex(BY_CLUSTER, cluster)) wakeTable(keyOf(table), false);
      };
      clusters.onChange((change) => {
        wakeCluster(change.key, isEdit(change));
        wakeTablesOf(change.key);
      });
      tables.onChange((change) => {
        wakeTable(change.key, isEdit(change));
        for (const cluster of namesIn(change.object, TABLE_CLUSTER)) {
          // Of two for one table the newer waits for the older.
          if (change.kind !== "updated") wakeTablesOf(cluster);
          if (isEdit(change)) wakeCluster(cluster, false);
        }
      });
      const wakeOwner = ({ object }: StoreChange<KubeObject>) => {
        for (const cluster of clusterKeys(object)) wakeCluster(cluster, false);
      };
      caches.pods.onChange(wakeOwner);
      caches.claims.onChange(wakeOwner);
      for (const store of caches.children.values()) store.onChange(wakeOwner);
      caches.secrets.metadata.onChange(({ key }) => {
        for (const cluster of clusters.byIndex(BY_SECRET, key)) wakeCluster(keyOf(cluster), true);
        for (const table of tables.byIndex(BY_SECRET, key)) wakeTable(keyOf(table), true);
      });
    }
  }
}

function isEdit({ kind, object, before }: StoreChange<KubeObject>): boolean {
  return kind !== "updated" || object.metadata.generation !== before?.metadata.generation;
}
