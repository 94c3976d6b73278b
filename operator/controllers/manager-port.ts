/** What the controllers ask of a cluster's managers, as a port. */

import type { ManagerClient } from "../manager/api/client.ts";

export type ManagerPort = Pick<
  ManagerClient,
  "status" | "cluster" | "nodes" | "tables" | "putCluster" | "putTable" | "deleteTable" | "restartSafety" | "close"
>;

/** Where a cluster's managers are, and what proves the operator to them. */
export interface ManagerTarget {
  /** Base URLs. */
  readonly managers: readonly string[];
  readonly secret: string;
}

export type ConnectManager = (target: ManagerTarget) => ManagerPort;

/** One connection for each cluster, kept while its target stays the same. */
export class ManagerConnections {
  readonly #connect: ConnectManager;
  readonly #kept = new Map<string, { readonly target: string; readonly port: ManagerPort }>();

  constructor(connect: ConnectManager) {
    this.#connect = connect;
  }

  /** @param key `namespace/name` of the PikaCluster. */
  of(key: string, target: ManagerTarget): ManagerPort {
    const text = JSON.stringify(target);
    const kept = this.#kept.get(key);
    if (kept?.target === text) return kept.port;
    kept?.port.close();
    const port = this.#connect(target);
    this.#kept.set(key, { target: text, port });
    return port;
  }

  forget(key: string): void {
    this.#kept.get(key)?.port.close();
    this.#kept.delete(key);
  }

  close(): void {
    for (const key of [...this.#kept.keys()]) this.forget(key);
  }
}
