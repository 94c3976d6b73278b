/**
 * The operator on a real API server without nodes, for tests of controllers. How to use it:
 *
 *   const ground = await OperatorGround.open();       in beforeAll (60 s); `close()` in afterAll
 *   const place = await ground.place();               a namespace with a fake kubelet, for one test
 *   const operator = await place.operator();          a PikaOperator in this process; several may run at once
 *   await place.apply(quickstart());                  manifests, as kubectl apply --server-side would
 *   await place.ready("pikaclusters", "demo");        waits for Ready=True of the present generation
 *   place.kubelet.hold("demo-nodes-1");               a pod that never gets ready
 *   await place.list("apps/v1", "statefulsets");      what is there
 *   operator.writes()                                 writes that it sent, by verb and resource
 * `ground.end()` in afterEach stops operators and kubelets and deletes the namespaces.
 */

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { SystemClock } from "../../node/base/clock.ts";
import { createLogger, silentLogger } from "../../node/base/log.ts";
import { Metrics } from "../../node/base/metrics.ts";
import { nodeOptions } from "../../node/node-options.ts";
import { customResourceDefinitions } from "../../operator/api/v1alpha1/custom-resources.ts";
import type { ManagerPort } from "../../operator/controllers/manager-port.ts";
import { PikaOperator } from "../../operator/controllers/pika-operator.ts";
import { KubeconfigCredentials } from "../../operator/kube/kubeconfig-credentials.ts";
import type { ApiRequest, Transport } from "../../operator/kube/transport.ts";
import { ManagerClient } from "../../operator/manager/api/client.ts";
import { waitFor } from "../support/wait-for.ts";
import { FakeKubelet } from "./fake-kubelet.ts";
import { KubeApi, type KubeObject } from "./kube-api.ts";
import { type SharedCluster, shareControlPlane } from "./shared-control-plane.ts";

const clock = new SystemClock();
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/**
 * A cluster of three nodes is ready in about 4 s. But a pod without a kubelet goes at once: where its successor of the same
 * name comes before Kubernetes' disruption controller looks, that counts the old one as leaving for two minutes more.
 */
const READY_MS = 150_000;

export interface Manifest extends Omit<KubeObject, "metadata"> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: unknown;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface Custom extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly generation: number; readonly resourceVersion: string };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly observedGeneration?: number;
    readonly clusterID?: string;
    readonly conditions?: readonly Condition[];
    readonly [field: string]: unknown;
  };
}

/** The documents of an example. */
export function readExample(file: string): Manifest[] {
  const text = readFileSync(join(import.meta.dirname, "../../examples", file), "utf8");
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

export function conditionOf(object: Custom, type: string): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type);
}

export interface RunningOperator {
  readonly operator: PikaOperator;
  readonly metrics: Metrics;
  /** What it sent that changes something, `apply /apis/apps/v1/…`, in order; its Lease left out. */
  readonly writes: () => readonly string[];
  /** How often it asked a manager for the status: each is a look at a whole cluster. */
  readonly looks: () => number;
  stop(): Promise<void>;
}

export class OperatorGround {
  readonly api: KubeApi;
  readonly #cluster: SharedCluster;
  readonly #places: OperatorPlace[] = [];

  private constructor(cluster: SharedCluster) {
    this.#cluster = cluster;
    this.api = new KubeApi(cluster.kubeconfig);
  }

  static async open(): Promise<OperatorGround> {
    const ground = new OperatorGround(await shareControlPlane());
    for (const definition of customResourceDefinitions()) {
      const { name } = definition.metadata as { name: string };
      await ground.api.apply(`${CRDS}/${name}`, definition);
    }
    const served = () => ground.api.get("/apis/pika.io/v1alpha1/pikatables").then(Boolean, () => false);
    await waitFor(served, { what: "the definitions to be served" });
    return ground;
  }

  async place(): Promise<OperatorPlace> {
    const namespace = `operator-${randomBytes(4).toString("hex")}`;
    await this.api.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    const place = new OperatorPlace(this.api, namespace, this.#cluster.kubeconfig);
    this.#places.push(place);
    place.kubelet.start();
    return place;
  }

  async end(): Promise<void> {
    for (const place of this.#places.splice(0)) await place.end();
  }

  async close(): Promise<void> {
    await this.end();
    this.api.close();
    this.#cluster.release();
  }
}

/** Asks the manager that the kubelet runs now, wherever it listens; tells when the status is asked for. */
class FollowingClient implements ManagerPort {
  readonly #findUrl: () => string;
  readonly #secret: string;
  readonly #onLook: () => void;
  #url = "";
  #client: ManagerClient | undefined;

  constructor(findUrl: () => string, secret: string, onLook: () => void) {
    this.#findUrl = findUrl;
    this.#secret = secret;
    this.#onLook = onLook;
  }

  get #now(): ManagerClient {
    const url = this.#findUrl();
    if (this.#client && url === this.#url) return this.#client;
    this.#client?.close();
    this.#url = url;
    this.#client = new ManagerClient(
      { managers: [url], secret: this.#secret, caller: "operator", timeoutMs: 3000 },
      clock,
    );
    return this.#client;
  }

  status() {
    this.#onLook();
    return this.#now.status();
  }
  cluster = () => this.#now.cluster();
  nodes = () => this.#now.nodes();
  tables = () => this.#now.tables();
  putCluster = (...call: Parameters<ManagerPort["putCluster"]>) => this.#now.putCluster(...call);
  putTable = (...call: Parameters<ManagerPort["putTable"]>) => this.#now.putTable(...call);
  deleteTable = (...call: Parameters<ManagerPort["deleteTable"]>) => this.#now.deleteTable(...call);
  restartSafety = (node: string) => this.#now.restartSafety(node);
  close = () => this.#client?.close();
}

/** One namespace. */
class OperatorPlace {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly kubelet: FakeKubelet;
  readonly #kubeconfig: string;
  readonly #operators: RunningOperator[] = [];

  constructor(api: KubeApi, namespace: string, kubeconfig: string) {
    this.api = api;
    this.namespace = namespace;
    this.#kubeconfig = kubeconfig;
    this.kubelet = new FakeKubelet(api, namespace);
  }

  /** Started. @param over.wrapTransport puts something between it and the API server. */
  async operator(
    over: { readonly wrapTransport?: (transport: Transport) => Transport } = {},
  ): Promise<RunningOperator> {
    const metrics = new Metrics();
    const sent: string[] = [];
    let lookCount = 0;
    const connect = (managers: readonly string[], secret: string): ManagerPort =>
      this.#connect(managers, secret, () => lookCount++);
    const operator = new PikaOperator(
      {
        watchNamespaces: [this.namespace],
        image: "localhost/pika:test",
        etcdImage: "localhost/etcd:test",
        clusterDomain: "cluster.local",
        identity: `test-${randomBytes(4).toString("hex")}`,
        leaseNamespace: this.namespace,
        leaseName: "pika-operator",
        httpHost: "127.0.0.1",
        httpPort: 0,
        programVersion: "0.1.0",
      },
      {
        credentials: new KubeconfigCredentials({ file: this.#kubeconfig, context: "" }),
        clock,
        random: Math.random,
        logger: process.env.PIKA_TEST_LOG ? createLogger({ level: "info" }) : silentLogger,
        metrics,
        nodeOptions,
        connectManager: ({ managers, secret }) => connect(managers, secret),
        wrapTransport: (transport) => noteWrites((over.wrapTransport ?? ((inner) => inner))(transport), sent),
      },
    );
    const running: RunningOperator = {
      operator,
      metrics,
      writes: () => [...sent],
      looks: () => lookCount,
      stop: () => operator.stop(),
    };
    this.#operators.push(running);
    await operator.start();
    return running;
  }

  /** The manager that the kubelet runs for the cluster in these URLs. */
  #connect(urls: readonly string[], secret: string, onLook: () => void): ManagerPort {
    const cluster = /^http:\/\/(.*)-manager-0\./.exec(urls[0] ?? "")?.[1] ?? "";
    return new FollowingClient(() => this.kubelet.manager(cluster)?.url ?? "http://127.0.0.1:1", secret, onLook);
  }

  async apply(manifests: readonly Manifest[]): Promise<void> {
    for (const manifest of manifests) {
      const path = pathOf(manifest.apiVersion, `${manifest.kind.toLowerCase()}s`, this.namespace);
      await this.api.apply(`${path}/${manifest.metadata.name}`, manifest);
    }
  }

  path(apiVersion: string, plural: string, name = ""): string {
    return `${pathOf(apiVersion, plural, this.namespace)}${name === "" ? "" : `/${name}`}`;
  }

  list<T extends KubeObject>(apiVersion: string, plural: string): Promise<readonly T[]> {
    return this.api.list<T>(this.path(apiVersion, plural));
  }

  /** A PikaCluster or PikaTable. */
  custom(plural: "pikaclusters" | "pikatables", name: string): Promise<Custom> {
    return this.api.get<Custom>(this.path("pika.io/v1alpha1", plural, name));
  }

  /** Merges into the object. */
  async edit(plural: "pikaclusters" | "pikatables", name: string, change: unknown): Promise<void> {
    await this.api.patch(this.path("pika.io/v1alpha1", plural, name), change);
  }

  /** Waits until a condition of the present generation has the status, and gives the object. */
  async until(
    plural: "pikaclusters" | "pikatables",
    name: string,
    wanted: { readonly type: string; readonly status: string; readonly reason?: string },
  ): Promise<Custom> {
    let last: Custom | undefined;
    const look = async () => {
      last = await this.custom(plural, name);
      const { type, status, reason } = wanted;
      const found = conditionOf(last, type);
      const isPresent = last.status?.observedGeneration === last.metadata.generation;
      const isSo = found?.status === status && (reason === undefined || found.reason === reason);
      return isPresent && isSo ? last : undefined;
    };
    const what = `${plural} ${name}: ${JSON.stringify(wanted)}`;
    return await waitFor(look, { timeoutMs: READY_MS, what }).catch((error) => {
      const fault = this.kubelet.fault === undefined ? "" : `; the kubelet: ${this.kubelet.fault}`;
      throw new Error(
        `${error instanceof Error ? error.message : error}; it has ${JSON.stringify(last?.status)}${fault}`,
      );
    });
  }

  ready(plural: "pikaclusters" | "pikatables", name: string): Promise<Custom> {
    return this.until(plural, name, { type: "Ready", status: "True" });
  }

  async end(): Promise<void> {
    for (const { operator } of this.#operators.splice(0)) await operator.stop();
    await this.kubelet.stop();
    await this.api.delete(`/api/v1/namespaces/${this.namespace}`);
  }
}

function pathOf(apiVersion: string, plural: string, namespace: string): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${root}/namespaces/${namespace}/${plural}`;
}

const READS: ReadonlySet<string> = new Set(["get", "list", "watch"]);

function noteWrites(transport: Transport, sent: string[]): Transport {
  return {
    send: (request: ApiRequest) => {
      if (!READS.has(request.verb) && request.resource !== "leases")
        sent.push(`${request.verb} ${request.path.split("?")[0]}`);
      return transport.send(request);
    },
    open: (request) => transport.open(request),
    close: () => transport.close(),
  };
}
