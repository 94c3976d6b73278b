/** A cluster of two nodes, started as a user does with `pika up -d`; its one table has one slot, so one node leads all. */

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { RespClient } from "./resp-client.ts";
import { ROOT } from "./server-process.ts";

const MANIFEST = `apiVersion: pika.io/v1alpha1
kind: PikaCluster
metadata:
  name: bench
spec:
  nodes:
    replicas: 2
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata:
  name: default
spec:
  clusterRef:
    name: bench
  slots: 1
  replicas: 1
`;

const execute = promisify(execFile);
const START_DEADLINE_MS = 120_000;

export interface ClusterNode {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

interface ClusterFile {
  readonly nodes: readonly { readonly name: string; readonly clientPort: number }[];
  readonly children: readonly { readonly name: string; readonly pid: number }[];
}

export class TwoNodeCluster {
  readonly #directory = mkdtempSync(join(tmpdir(), "pika-bench-"));
  nodes: readonly ClusterNode[] = [];

  async start(portBase: number): Promise<void> {
    const manifest = join(this.#directory, "cluster.yaml");
    writeFileSync(manifest, MANIFEST);
    await this.#pika("up", "-f", manifest, "-d", "--port-base", `${portBase}`);
    const file = JSON.parse(readFileSync(join(this.#directory, "data/bench/cluster.json"), "utf8")) as ClusterFile;
    this.nodes = file.nodes.map(({ name, clientPort }, index) => ({
      name,
      port: clientPort,
      pid: file.children.find((child) => child.name === `node-${index}`)?.pid ?? Number.NaN,
    }));
  }

  /** The node that leads the table's slot, and the other one. */
  async roles(): Promise<{ readonly leader: ClusterNode; readonly other: ClusterNode }> {
    const [first, second] = this.nodes;
    if (!first || !second) throw new Error("the cluster has not two nodes");
    const client = await RespClient.connect(first.port);
    const slots = (await client.call("CLUSTER", "SLOTS")) as unknown as [number, number, [string, number]][];
    client.close();
    const port = Number(slots[0]?.[2][1]);
    return port === first.port ? { leader: first, other: second } : { leader: second, other: first };
  }

  async remove(): Promise<void> {
    await this.#pika("down").catch(() => undefined);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #pika(verb: string, ...args: string[]): Promise<void> {
    await execute(join(ROOT, "bin/pika"), [verb, ...args, "--data-dir", join(this.#directory, "data")], {
      timeout: START_DEADLINE_MS,
    });
  }
}
