/**
 * The operator, put together: runtime, caches, controllers. What it asks of managers goes through a port, so that tests
 * run it in their process with managers of their own.
 */

import type { Clock } from "../../node/base/clock.ts";
import type { Service } from "../../node/base/lifecycle.ts";
import type { Logger } from "../../node/base/log.ts";
import type { Metrics } from "../../node/base/metrics.ts";
import type { OptionTable } from "../../node/base/options.ts";
import type { Credentials } from "../kube/credentials.ts";
import type { Transport } from "../kube/transport.ts";
import { ManagerClient } from "../manager/api/client.ts";
import { OperatorRuntime } from "../runtime/operator-runtime.ts";
import { Caches } from "./caches.ts";
import { ClusterObserver } from "./cluster-observer.ts";
import { ClusterReconciler } from "./cluster-reconciler.ts";
import { type ConnectManager, ManagerConnections } from "./manager-port.ts";
import { TableReconciler } from "./table-reconciler.ts";

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
