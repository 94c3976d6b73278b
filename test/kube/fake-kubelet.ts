/**
 * A kubelet for pods of PikaClusters on a control plane without nodes: it marks pods ready, and is what would run in
 * them. Behind the manager pods of a cluster is one real manager on an embedded store; behind each node pod a node's
 * real agent, which registers and reports all replicas as in sync. A node keeps its id with its volume.
 * `hold(pod)` keeps a pod from getting ready until `release(pod)`.
 * A pod that was ready ends as a real one does, not at once: by a finalizer it stays until no budget counts it as about
 * to be evicted. Budgets count by name, for up to two minutes: a pod of a StatefulSet that were back at once would count.
 */

import { delay, SystemClock } from "../../node/base/clock.ts";
import type { NodeId } from "../../node/meta/ids.ts";
import { ManagerClient } from "../../operator/manager/api/client.ts";
import type { Manager } from "../../operator/manager/manager.ts";
import type { MetadataStore } from "../../operator/manager/store/metadata-store.ts";
import { Playground, type RunningNode } from "../support/managers.ts";
import type { KubeApi, KubeObject } from "./kube-api.ts";

export interface Pod extends KubeObject {
  readonly spec: { readonly volumes?: readonly { readonly persistentVolumeClaim?: { readonly claimName: string } }[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface Budget extends KubeObject {
  readonly status?: { readonly disruptedPods?: Readonly<Record<string, string>> };
}

interface Values extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const clock = new SystemClock();
const LOOK_EVERY_MS = 50;
const CLUSTER = "pika.io/cluster";
const FINALIZER = "pika.io/fake-kubelet";
const COMPONENT = "app.kubernetes.io/component";

export class FakeKubelet {
  readonly #api: KubeApi;
  readonly #namespace: string;
  readonly #play = new Playground();
  readonly #held = new Set<string>();
  readonly #managers = new Map<string, { readonly manager: Manager; readonly secret: string }>();
  /** What a cluster's etcd would keep. */
  readonly #stores = new Map<string, MetadataStore>();
  /** By pod; the identity outlives it, by the UID of its volume. */
  readonly #nodes = new Map<string, { readonly uid: string; readonly node: RunningNode }>();
  readonly #identities = new Map<string, { readonly nodeId: NodeId; readonly directory: string }>();
  #isStopping = false;
  #working: Promise<void> = Promise.resolve();
  /** What went wrong last, for a test that waits in vain. */
  fault: unknown;

  constructor(api: KubeApi, namespace: string) {
    this.#api = api;
    this.#namespace = namespace;
  }

  start(): void {
    this.#working = this.#work();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#working;
    for (const pod of await this.#api.list<Pod>(this.#path("pods"))) await this.#letGo(pod);
    await this.#play.stop();
  }

  hold(pod: string): void {
    this.#held.add(pod);
  }

  release(pod: string): void {
    this.#held.delete(pod);
  }

  /** The manager of a cluster, once its pods run. */
  manager(cluster: string): Manager | undefined {
    return this.#managers.get(cluster)?.manager;
  }

  /** A client of a cluster's manager, as a person's tools would be. */
  connect(cluster: string, secret: string): ManagerClient {
    const managers = [this.#managers.get(cluster)?.manager.url ?? ""];
    return new ManagerClient({ managers, secret: secret.trim(), caller: "test" }, clock);
  }

  async #work(): Promise<void> {
    while (!this.#isStopping) {
      try {
        await this.#look();
      } catch (error) {
        this.fault = error;
      }
      await delay(clock, LOOK_EVERY_MS);
    }
  }

  #path(kind: string, name = ""): string {
    return `/api/v1/namespaces/${this.#namespace}/${kind}${name === "" ? "" : `/${name}`}`;
  }

  async #look(): Promise<void> {
    const pods = await this.#api.list<Pod>(this.#path("pods"));
    for (const [name, { uid, node }] of this.#nodes) {
      if (pods.some(({ metadata }) => metadata.uid === uid && metadata.deletionTimestamp === undefined)) continue;
      this.#nodes.delete(name);
      await node.agent.stop();
    }
    for (const [cluster, { manager }] of this.#managers) {
      if (pods.some(({ metadata: { labels } }) => labels?.[CLUSTER] === cluster && labels[COMPONENT] === "manager"))
        continue;
      this.#managers.delete(cluster);
      await manager.stop();
    }
    await this.#endPods(pods.filter(({ metadata }) => metadata.deletionTimestamp !== undefined));
    for (const pod of pods) {
      const { name, labels, deletionTimestamp } = pod.metadata;
      const cluster = labels?.[CLUSTER];
      if (cluster === undefined || deletionTimestamp !== undefined || this.#held.has(name)) continue;
      if (pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True")) continue;
      if (labels?.[COMPONENT] === "manager" && !(await this.#runManager(cluster))) continue;
      if (labels?.[COMPONENT] === "node" && !(await this.#runNode(pod, cluster))) continue;
      await this.#markReady(pod);
    }
  }

  async #runManager(cluster: string): Promise<boolean> {
    if (this.#managers.has(cluster)) return true;
    const config = await this.#api.get<Values>(this.#path("configmaps", `${cluster}-manager`));
    const { data } = await this.#api.get<Values>(this.#path("secrets", `${cluster}-secret`));
    const secret = Buffer.from(data?.secret ?? "", "base64")
      .toString()
      .trim();
    const { PIKA_NEW_CLUSTER_ID: newClusterId, PIKA_CLUSTER_ID: clusterId } = config.data ?? {};
    const store = this.#stores.get(cluster) ?? (await this.#play.embedded());
    this.#stores.set(cluster, store);
    const { manager } = await this.#play.manager(store, {
      prefix: `/pika/${this.#namespace}/${cluster}`,
      secrets: [secret],
      ...(newClusterId === undefined ? {} : { newClusterId }),
      ...(clusterId === undefined ? {} : { clusterId }),
    });
    this.#managers.set(cluster, { manager, secret });
    return true;
  }

  async #runNode(pod: Pod, cluster: string): Promise<boolean> {
    const running = this.#managers.get(cluster);
    if (!running) return false;
    const { name, uid, labels } = pod.metadata;
    if (this.#nodes.has(name)) return true;
    const claim = pod.spec.volumes?.find((volume) => volume.persistentVolumeClaim)?.persistentVolumeClaim?.claimName;
    const volume = await this.#api.get<KubeObject>(this.#path("persistentvolumeclaims", claim ?? ""));
    const identity = this.#identities.get(volume.metadata.uid);
    const zone = labels?.["pika.io/zone"] ?? "";
    const node = await this.#play.node([running.manager.url], { name, zone, secret: running.secret, ...identity });
    this.#identities.set(volume.metadata.uid, { nodeId: node.nodeId, directory: node.directory });
    this.#nodes.set(name, { uid, node });
    return true;
  }

  async #endPods(ending: readonly Pod[]): Promise<void> {
    if (ending.length === 0) return;
    const budgets = await this.#api.list<Budget>(`/apis/policy/v1/namespaces/${this.#namespace}/poddisruptionbudgets`);
    const counted = new Set(budgets.flatMap(({ status }) => Object.keys(status?.disruptedPods ?? {})));
    for (const pod of ending) if (!counted.has(pod.metadata.name)) await this.#letGo(pod);
  }

  async #letGo({ metadata: { name, uid, finalizers } }: Pod): Promise<void> {
    if (finalizers?.includes(FINALIZER) !== true) return;
    await this.#api.patch(this.#path("pods", name), { metadata: { uid, finalizers: null } });
  }

  /** Refused where another pod has the name by now. */
  async #markReady({ metadata: { name, uid } }: Pod): Promise<void> {
    await this.#api.patch(this.#path("pods", name), { metadata: { uid, finalizers: [FINALIZER] } });
    const now = new Date().toISOString().slice(0, 19);
    const conditions = ["Initialized", "PodScheduled", "ContainersReady", "Ready"].map((type) => {
      return { type, status: "True", lastTransitionTime: `${now}Z` };
    });
    const status = { phase: "Running", conditions };
    await this.#api.patch(this.#path("pods", `${name}/status`), { metadata: { uid }, status });
  }
}
