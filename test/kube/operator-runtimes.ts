/** Operator runtimes on a test cluster, each ended with the test, and the resources that their tests use. */

import { randomBytes } from "node:crypto";
import { SystemClock } from "../../node/base/clock.ts";
import { silentLogger } from "../../node/base/log.ts";
import { Metrics } from "../../node/base/metrics.ts";
import type { KubeObject, Resource } from "../../operator/kube/core/api-object.ts";
import type { Credentials } from "../../operator/kube/credentials.ts";
import type { KubeClient } from "../../operator/kube/kube-client.ts";
import { OperatorRuntime } from "../../operator/runtime/operator-runtime.ts";

function builtIn(group: string, plural: string, kind: string): Resource {
  return { group, version: "v1", plural, kind, isNamespaced: true };
}

const NAMESPACES = { ...builtIn("", "namespaces", "Namespace"), isNamespaced: false };
export const CONFIG_MAPS = builtIn("", "configmaps", "ConfigMap");
export const SERVICES = builtIn("", "services", "Service");
export const STATEFUL_SETS = builtIn("apps", "statefulsets", "StatefulSet");
export const DISRUPTION_BUDGETS = builtIn("policy", "poddisruptionbudgets", "PodDisruptionBudget");
export const NETWORK_POLICIES = builtIn("networking.k8s.io", "networkpolicies", "NetworkPolicy");
export const EVENTS = builtIn("events.k8s.io", "events", "Event");

export interface TestRuntime {
  readonly runtime: OperatorRuntime;
  readonly metrics: Metrics;
}

/** A value of a metric, summed over the series that have all the labels. */
export async function sumOf(metrics: Metrics, name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  let sum = 0;
  for (const line of (await metrics.text()).split("\n")) {
    if (!line.startsWith(`${name}{`)) continue;
    if (!Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`))) continue;
    sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}

export class RuntimeGround {
  readonly #credentials: Credentials;
  readonly #runtimes: OperatorRuntime[] = [];

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /** Not started. */
  runtime(
    namespace: string,
    over: { readonly leaseName?: string; readonly credentials?: Credentials } = {},
  ): TestRuntime {
    const metrics = new Metrics();
    const runtime = new OperatorRuntime(
      {
        identity: `test-${randomBytes(4).toString("hex")}`,
        programVersion: "test",
        namespace,
        leaseName: over.leaseName ?? "operator",
        host: "127.0.0.1",
        port: 0,
      },
      {
        credentials: over.credentials ?? this.#credentials,
        clock: new SystemClock(),
        random: Math.random,
        logger: silentLogger,
        metrics,
      },
    );
    this.#runtimes.push(runtime);
    return { runtime, metrics };
  }

  async namespace(client: KubeClient): Promise<string> {
    const name = `runtime-${randomBytes(4).toString("hex")}`;
    await client.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    return name;
  }

  async stop(): Promise<void> {
    for (const runtime of this.#runtimes.splice(0)) await runtime.stop();
  }
}

/** A ConfigMap as a user would make it. */
export function configMap(namespace: string, name: string, data: Record<string, string> = {}): KubeObject {
  const labels = { "pika.io/test": "yes" };
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name, labels }, data } as KubeObject;
}
