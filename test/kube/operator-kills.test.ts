/**
 * Operators that die after each single write, one after another: what they leave is what one that lives makes. Each is
 * cut off from the API server once its first write was answered, or right before the server is told of it.
 */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { OperatingError } from "../../node/base/errors.ts";
import type { Transport } from "../../operator/kube/transport.ts";
import { waitFor } from "../support/wait-for.ts";
import type { KubeObject } from "./kube-api.ts";
import { conditionOf, type Manifest, OperatorGround } from "./operator-ground.ts";
import { hasControlPlane } from "./shared-control-plane.ts";

type Place = Awaited<ReturnType<OperatorGround["place"]>>;

const READS: ReadonlySet<string> = new Set(["get", "list", "watch"]);
/** More lives than this are a circle. */
const MAX_LIVES = 150;

const cluster: Manifest = {
  apiVersion: "pika.io/v1alpha1",
  kind: "PikaCluster",
  metadata: { name: "demo" },
  spec: { nodes: { replicas: 1 }, manager: { replicas: 1 }, etcd: { managed: { replicas: 1 } } },
};
const table: Manifest = {
  apiVersion: "pika.io/v1alpha1",
  kind: "PikaTable",
  metadata: { name: "default" },
  spec: { clusterRef: { name: "demo" }, slots: 4, deletionPolicy: "Delete" },
};

/** A way to the API server that ends with the first write, before it or after it. */
function mortal(life: { isOver: boolean; readonly diesBefore: boolean }): (transport: Transport) => Transport {
  const refuse = (): never => {
    throw new OperatingError("ApiUnreachable", "this operator is dead");
  };
  return (transport) => ({
    send: async (request) => {
      if (life.isOver && request.resource !== "leases") refuse();
      if (READS.has(request.verb) || request.resource === "leases" || request.resource === "events") {
        return transport.send(request);
      }
      life.isOver = true;
      if (life.diesBefore) refuse();
      return await transport.send(request);
    },
    open: (request) => transport.open(request),
    close: () => transport.close(),
  });
}

describe.runIf(hasControlPlane())("operators that are killed at each write", () => {
  let ground: OperatorGround;
  beforeAll(async () => {
    ground = await OperatorGround.open();
  }, 60_000);
  afterEach(() => ground.end(), 60_000);
  afterAll(() => ground?.close());

  const isDone = async (place: Place): Promise<boolean> => {
    const objects = await Promise.all([place.custom("pikaclusters", "demo"), place.custom("pikatables", "default")]);
    return objects.every((object) => {
      const isPresent = object.status?.observedGeneration === object.metadata.generation;
      return isPresent && conditionOf(object, "Ready")?.status === "True";
    });
  };
  /** One operator after another until all is ready; how many there were. */
  const runLives = async (place: Place): Promise<number> => {
    for (let count = 1; count <= MAX_LIVES; count++) {
      // Every fourth dies before its write, which then was never made.
      const life = { isOver: false, diesBefore: count % 4 === 0 };
      const running = await place.operator({ wrapTransport: mortal(life) });
      await waitFor(async () => life.isOver || (await isDone(place)), { timeoutMs: 30_000, what: "a write" });
      await running.stop();
      if (await isDone(place)) return count;
    }
    throw new Error(`not ready after ${MAX_LIVES} operators`);
  };
  const secretsOf = async (place: Place): Promise<unknown> => {
    const secrets = await place.list<KubeObject & { readonly data?: unknown }>("v1", "secrets");
    return secrets.map(({ metadata, data }) => [metadata.uid, data]);
  };

  test("make the same cluster, renew it, and keep its identity and its secrets", async () => {
    const place = await ground.place();
    await place.apply([cluster, table]);
    expect(await runLives(place)).toBeGreaterThan(15);
    const { status } = await place.custom("pikaclusters", "demo");
    const secrets = await secretsOf(place);
    const nodes = async (): Promise<string[]> => {
      const pods = await place.list<KubeObject>("v1", "pods");
      return pods.filter(({ metadata }) => metadata.name.startsWith("demo-nodes-")).map(({ metadata }) => metadata.uid);
    };
    const before = await nodes();
    await place.edit("pikaclusters", "demo", { spec: { nodes: { config: { maxClients: 500 } } } });
    await runLives(place);
    expect(await nodes()).not.toEqual(before);
    expect(await nodes()).toHaveLength(1);
    expect((await place.custom("pikaclusters", "demo")).status?.clusterID).toBe(status?.clusterID);
    expect(await secretsOf(place)).toEqual(secrets);
    const last = await place.operator();
    await waitFor(() => last.looks() >= 2, { timeoutMs: 30_000 });
    expect(last.writes()).toEqual([]);
  }, 240_000);
});
