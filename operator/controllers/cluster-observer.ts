/** Gathers what a reconcile of a PikaCluster is decided from. Reads only. */

import type { Clock } from "../../node/base/clock.ts";
import { messageOf } from "../../node/base/errors.ts";
import { controllerUidOf, type KubeObject, keyOf, objectKey } from "../kube/core/api-object.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { SECRETS, type Secret } from "../kube/secret-reader.ts";
import { managerUrls } from "../resources/addresses.ts";
import { nameOf, secretNames } from "../resources/child-names.ts";
import { ADMIN_KEY, CLUSTER_SECRET_KEY } from "../resources/configuration.ts";
import { CONFIG_MAPS, STATEFUL_SETS } from "../resources/kinds.ts";
import { BY_CLUSTER, type Caches, type NamespaceCaches } from "./caches.ts";
import type {
  ClusterObservation,
  ClusterSpec,
  LiveCluster,
  ManagerView,
  StatefulSet,
  UserSecret,
} from "./core/cluster-observation.ts";
import { isReady, podsOf } from "./core/node-sets.ts";
import { neededSecrets } from "./core/validate-cluster.ts";
import type { ManagerConnections, ManagerPort } from "./manager-port.ts";

export interface ClusterObserverDeps {
  readonly caches: Caches;
  readonly client: KubeClient;
  readonly connections: ManagerConnections;
  readonly clock: Clock;
  readonly clusterDomain: string;
}

/** The parts that need no manager. */
type Still = Omit<ClusterObservation, "manager">;

export class ClusterObserver {
  readonly #deps: ClusterObserverDeps;

  constructor(deps: ClusterObserverDeps) {
    this.#deps = deps;
  }

  async observe(live: LiveCluster, spec: ClusterSpec, signal: AbortSignal): Promise<ClusterObservation> {
    const still = await this.#observeStill(live, spec, signal);
    return { ...still, manager: await this.#askManager(still) };
  }

  /** The cluster's managers; undefined until their Secret is there. */
  connect(live: LiveCluster, spec: ClusterSpec, clusterSecret: string | undefined): ManagerPort | undefined {
    if (clusterSecret === undefined) return undefined;
    const { namespace = "", name = "" } = live.metadata;
    const text = Buffer.from(clusterSecret, "base64").toString("utf8");
    const [secret = ""] = text.split("\n").map((line) => line.trim());
    if (secret === "") return undefined;
    const place = { namespace, name, spec, clusterDomain: this.#deps.clusterDomain };
    return this.#deps.connections.of(keyOf(live), { managers: managerUrls(place), secret });
  }

  async #observeStill(live: LiveCluster, spec: ClusterSpec, signal: AbortSignal): Promise<Still> {
    const { namespace = "", name = "", uid = "" } = live.metadata;
    const caches = this.#deps.caches.of(namespace);
    const key = keyOf(live);
    const sets = caches.children.get(STATEFUL_SETS.plural)?.byIndex(BY_CLUSTER, key) ?? [];
    const config = this.#child(caches, CONFIG_MAPS.plural, objectKey(namespace, nameOf(name, "manager")));
    const userSecrets = new Map<string, UserSecret>();
    for (const needed of neededSecrets(spec)) {
      const secret = await caches.secrets.read(namespace, needed.name, { signal });
      userSecrets.set(needed.name, secret && (secret.data ?? {}));
    }
    const ownSecret = (secret: string) => this.#ownSecret(live, secret, signal);
    const isNew = live.status?.clusterID === undefined;
    const [cluster, admin] = isNew
      ? []
      : await Promise.all([ownSecret(secretNames.cluster(name)), ownSecret(secretNames.admin(name))]);
    return {
      live,
      spec,
      // A cache holds what the API server said is a StatefulSet.
      sets: sets.filter((set) => controllerUidOf(set) === uid) as readonly StatefulSet[],
      pods: caches.pods.byIndex(BY_CLUSTER, key),
      claims: caches.claims.byIndex(BY_CLUSTER, key),
      managerConfig: (config as { data?: Record<string, string> } | undefined)?.data,
      clusterSecret: cluster?.data?.[CLUSTER_SECRET_KEY],
      adminSecret: admin?.data?.[ADMIN_KEY],
      userSecrets,
      nowMs: this.#deps.clock.wallMs(),
    };
  }

  #child(caches: NamespaceCaches, plural: string, key: string): KubeObject | undefined {
    return caches.children.get(plural)?.byKey(key);
  }

  /** Where the cache has none, the API server is asked: a value that is there must never be replaced by a new one. */
  async #ownSecret({ metadata }: LiveCluster, name: string, signal: AbortSignal): Promise<Secret | undefined> {
    const { namespace = "" } = metadata;
    const store = this.#deps.caches.of(namespace).children.get(SECRETS.plural);
    const cached = store?.get(namespace, name) as Secret | undefined;
    return cached ?? (await this.#deps.client.get<Secret>(SECRETS, { namespace, name }, { signal }));
  }

  async #askManager(still: Still): Promise<ManagerView> {
    const ready = podsOf(still, "manager").filter(isReady).length;
    if (ready === 0) return AWAY;
    const port = this.connect(still.live, still.spec, still.clusterSecret);
    if (!port) return { kind: "Away", message: "the managers' Secret is not there yet" };
    try {
      const [status, cluster, nodes] = await Promise.all([port.status(), port.cluster(), port.nodes()]);
      return { kind: "Leads", status, cluster, nodes };
    } catch (error) {
      return { kind: "Away", message: messageOf(error) };
    }
  }
}

const AWAY: ManagerView = { kind: "Away", message: "no manager is ready" };
