/**
 * `pika operator` as a process: its options, and the composition of runtime, caches and controllers.
 * The same as a class, so that tests run it in their process; what it asks of managers goes through a port.
 */

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { type Clock, SystemClock } from "../node/base/clock.ts";
import { OperatingError } from "../node/base/errors.ts";
import type { Service } from "../node/base/lifecycle.ts";
import { createLogger, type Logger } from "../node/base/log.ts";
import { randomHex } from "../node/base/mac.ts";
import { Metrics } from "../node/base/metrics.ts";
import type { OptionTable, OptionValues } from "../node/base/options.ts";
import { Caches } from "./controllers/caches.ts";
import { ClusterObserver } from "./controllers/cluster-observer.ts";
import { ClusterReconciler } from "./controllers/cluster-reconciler.ts";
import { type ConnectManager, ManagerConnections } from "./controllers/manager-port.ts";
import { TableReconciler } from "./controllers/table-reconciler.ts";
import type { Credentials } from "./kube/credentials.ts";
import { InClusterCredentials } from "./kube/in-cluster-credentials.ts";
import type { Transport } from "./kube/transport.ts";
import { ManagerClient } from "./manager/api/client.ts";
import { OperatorRuntime } from "./runtime/operator-runtime.ts";

export const operatorOptions = {
  watchNamespace: { kind: "list", default: [], help: "namespaces to watch; none: all" },
  image: { kind: "text", default: "", help: "image of nodes and managers of clusters that name none" },
  etcdImage: { kind: "text", default: "quay.io/coreos/etcd:v3.5.21", help: "image of etcd of clusters that name none" },
  kubeconfig: { kind: "text", default: "", help: "kubeconfig to use; default: the account of the pod that it runs in" },
  leaseNamespace: { kind: "text", default: "", help: "namespace of the Lease; default: the pod's own" },
  leaseName: { kind: "text", default: "pika-operator", help: "name of the Lease by which one operator of several acts" },
  httpHost: { kind: "text", default: "0.0.0.0", help: "address of healthz, readyz and metrics" },
  httpPort: { kind: "count", default: 9240, min: 0, max: 65_535, help: "port of healthz, readyz and metrics" },
  clusterDomain: { kind: "text", default: "cluster.local", help: "domain of Services" },
  logLevel: {
    kind: "choice",
    default: "info",
    choices: ["debug", "info", "warn", "error", "silent"],
    help: "least level of log lines",
  },
} as const satisfies OptionTable;

export interface PikaOperatorOptions {
  /** None: all. */
  readonly watchNamespaces: readonly string[];
  readonly image: string;
  readonly etcdImage: string;
  readonly clusterDomain: string;
  /** Of this process alone. */
  readonly identity: string;
  readonly leaseNamespace: string;
  readonly leaseName: string;
  readonly httpHost: string;
  readonly httpPort: number;
  readonly programVersion: string;
}

export interface PikaOperatorDeps {
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What `spec.nodes.config` may have. */
  readonly nodeOptions: OptionTable;
  /** Absent: over HTTP. */
  readonly connectManager?: ConnectManager;
  readonly wrapTransport?: (transport: Transport) => Transport;
}

/** Clusters at once: each waits for the API server and its managers most of the time. */
const CONCURRENCY = 8;

export class PikaOperator implements Service {
  readonly runtime: OperatorRuntime;
  readonly #connections: ManagerConnections;

  constructor(options: PikaOperatorOptions, deps: PikaOperatorDeps) {
    const { image, etcdImage, clusterDomain, programVersion } = options;
    const { clock, nodeOptions } = deps;
    this.runtime = new OperatorRuntime(
      {
        identity: options.identity,
        programVersion,
        namespace: options.leaseNamespace,
        leaseName: options.leaseName,
        host: options.httpHost,
        port: options.httpPort,
      },
      deps,
    );
    const connect =
      deps.connectManager ??
      (({ managers, secret }) => new ManagerClient({ managers, secret, caller: "operator" }, clock));
    this.#connections = new ManagerConnections(connect);
    const { runtime } = this;
    const connections = this.#connections;
    const caches = new Caches(runtime, options.watchNamespaces);
    const observer = new ClusterObserver({ caches, client: runtime.client, connections, clock, clusterDomain });
    const settings = { programVersion, image, etcdImage, clusterDomain, nodeOptions };
    const clusters = runtime.control(
      { name: "pikacluster", concurrency: CONCURRENCY },
      {
        reconciler: new ClusterReconciler({ runtime, caches, observer, connections, settings }),
        keys: () => caches.clusterKeys(),
      },
    );
    const tables = runtime.control(
      { name: "pikatable", concurrency: CONCURRENCY },
      {
        reconciler: new TableReconciler({ runtime, caches, observer, clock, clusterDomain }),
        keys: () => caches.tableKeys(),
      },
    );
    caches.onChange(
      (key, isEdit) => clusters.add(key, isEdit ? "edit" : "change"),
      (key, isEdit) => tables.add(key, isEdit ? "edit" : "change"),
    );
  }

  start(): Promise<void> {
    return this.runtime.start();
  }

  async stop(): Promise<void> {
    await this.runtime.stop();
    this.#connections.close();
  }
}

/** Where a pod finds its account's token and the name of its own namespace. */
const ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface RunOperatorDeps {
  readonly signal: AbortSignal;
  readonly programVersion: string;
  readonly nodeOptions: OptionTable;
  /** KUBERNETES_SERVICE_HOST and _PORT; empty outside of a pod. */
  readonly apiServer: { readonly host: string; readonly port: string };
}

/** Runs the operator until the signal aborts. @throws OperatingError when it cannot start. */
export async function runOperator(
  options: OptionValues<typeof operatorOptions>,
  deps: RunOperatorDeps,
): Promise<void> {
  if (options.image === "") {
    throw new OperatingError("InvalidOption", "--image is missing: the image of nodes and managers");
  }
  const clock = new SystemClock();
  const metrics = new Metrics();
  metrics.observeProcess("pika_operator_");
  const logger = createLogger({ level: options.logLevel, fields: { process: "operator" } });
  const operator = new PikaOperator(
    {
      watchNamespaces: options.watchNamespace,
      image: options.image,
      etcdImage: options.etcdImage,
      clusterDomain: options.clusterDomain,
      identity: `${hostname()}_${randomHex(4)}`,
      leaseNamespace: options.leaseNamespace || ownNamespace(),
      leaseName: options.leaseName,
      httpHost: options.httpHost,
      httpPort: options.httpPort,
      programVersion: deps.programVersion,
    },
    {
      credentials: await findCredentials(options.kubeconfig, deps.apiServer, clock),
      clock,
      random: Math.random,
      logger,
      metrics,
      nodeOptions: deps.nodeOptions,
    },
  );
  try {
    await operator.start();
    logger.info({ port: operator.runtime.port }, "operator works");
    await aborted(deps.signal);
  } finally {
    await operator.stop();
  }
}

async function findCredentials(
  kubeconfig: string,
  apiServer: RunOperatorDeps["apiServer"],
  clock: Clock,
): Promise<Credentials> {
  if (kubeconfig !== "") {
    // Loaded here only: its library takes 80 MB, and a pod does not need it.
    const { KubeconfigCredentials } = await import("./kube/kubeconfig-credentials.ts");
    return new KubeconfigCredentials({ file: kubeconfig, context: "" });
  }
  if (apiServer.host === "") {
    throw new OperatingError("InvalidOption", "--kubeconfig is missing, and this is no pod of a Kubernetes cluster");
  }
  return new InClusterCredentials({ ...apiServer, directory: ACCOUNT_DIRECTORY }, clock);
}

function ownNamespace(): string {
  try {
    return readFileSync(`${ACCOUNT_DIRECTORY}/namespace`, "utf8").trim();
  } catch (error) {
    throw new OperatingError("InvalidOption", "--lease-namespace is missing: outside of a pod there is no default", {
      cause: error,
    });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
