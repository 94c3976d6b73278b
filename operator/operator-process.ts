/**
 * `pika operator` as a process: its options, its credentials, log and metrics. What it does is PikaOperator.
 */

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { type Clock, SystemClock } from "../node/base/clock.ts";
import { OperatingError } from "../node/base/errors.ts";
import { createLogger } from "../node/base/log.ts";
import { randomHex } from "../node/base/mac.ts";
import { Metrics } from "../node/base/metrics.ts";
import type { OptionTable, OptionValues } from "../node/base/options.ts";
import { PikaOperator } from "./controllers/pika-operator.ts";
import type { Credentials } from "./kube/credentials.ts";
import { InClusterCredentials } from "./kube/in-cluster-credentials.ts";

export const operatorOptions = {
  watchNamespace: { kind: "list", default: [], help: "namespaces to watch; none: all" },
  image: { kind: "text", default: "", help: "image of nodes and managers of clusters that name none" },
  etcdImage: { kind: "text", default: "quay.io/coreos/etcd:v3.5.21", help: "image of etcd of clusters that name none" },
  kubeconfig: { kind: "text", default: "", help: "kubeconfig to use; default: the account of the pod that it runs in" },
  leaseNamespace: { kind: "text", default: "", help: "namespace of the Lease; default: the pod's own" },
  leaseName: {
    kind: "text",
    default: "pika-operator",
    help: "name of the Lease by which one operator of several acts",
  },
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
export async function runOperator(options: OptionValues<typeof operatorOptions>, deps: RunOperatorDeps): Promise<void> {
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
