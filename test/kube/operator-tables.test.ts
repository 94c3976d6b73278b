/** The operator on a real API server: tables in any order, changed, in conflict, deleted with or without their data. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { type Manifest, OperatorGround } from "./operator-ground.ts";
import { hasControlPlane } from "./shared-control-plane.ts";

const apiVersion = "pika.io/v1alpha1";
const table = (name: string, spec: object = {}): Manifest => ({
  apiVersion,
  kind: "PikaTable",
  metadata: { name },
  spec: { clusterRef: { name: "demo" }, slots: 4, ...spec },
});
const cluster: Manifest = {
  apiVersion,
  kind: "PikaCluster",
  metadata: { name: "demo" },
  spec: { nodes: { replicas: 2 } },
};

describe.runIf(hasControlPlane())("the operator's tables", () => {
  let ground: OperatorGround;
  let place: Awaited<ReturnType<OperatorGround["place"]>>;
  beforeAll(async () => {
    ground = await OperatorGround.open();
  }, 60_000);
  beforeEach(async () => {
    place = await ground.place();
    await place.operator();
  });
  afterEach(() => ground.end(), 60_000);
  afterAll(() => ground?.close());

  const tablesOf = async (): Promise<string[]> => {
    const { data } = await place.api.get<{ data: { secret: string } }>(place.path("v1", "secrets", "demo-secret"));
    const client = place.kubelet.connect("demo", Buffer.from(data.secret, "base64").toString());
    try {
      return (await client.tables()).map(({ name }) => name).sort();
    } finally {
      client.close();
    }
  };
  const until = (name: string, type: string, reason: string) =>
    place.until("pikatables", name, { type, status: "True", reason });
  const remove = (name: string): Promise<void> => place.api.delete(place.path(apiVersion, "pikatables", name));

  test("wait for their cluster and for their Secret, and are woken by them", async () => {
    await place.apply([table("early", { passwordSecretRef: { name: "p", key: "k" } })]);
    await until("early", "Reconciling", "ClusterNotFound");
    await place.apply([cluster]);
    await until("early", "Reconciling", "SecretNotFound");
    const data = { k: Buffer.from("secret").toString("base64") };
    await place.api.post(place.path("v1", "secrets"), {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "p" },
      data,
    });
    const ready = await place.ready("pikatables", "early");
    expect(ready.status).toMatchObject({ replicas: 2, slots: { summary: "4/4" } });
  }, 90_000);

  test("of one name: the older one wins; with more replicas than nodes one waits for nodes", async () => {
    await place.apply([cluster, table("first", { tableName: "t" })]);
    await place.ready("pikatables", "first");
    await place.apply([table("second", { tableName: "t" }), table("wide", { replicas: 3 })]);
    await until("second", "Stalled", "Conflict");
    await until("wide", "Reconciling", "InsufficientCapacity");
    await place.edit("pikaclusters", "demo", { spec: { nodes: { replicas: 3 } } });
    await place.ready("pikatables", "wide");
    await remove("first");
    await place.ready("pikatables", "second");
    expect(await tablesOf()).toEqual(["t", "wide"]);
  }, 90_000);

  test("leave their data in the cluster, or take them along, and never wait for a cluster that is gone", async () => {
    const goes = { deletionPolicy: "Delete" };
    await place.apply([cluster, table("kept"), table("gone", goes), table("last", goes)]);
    for (const name of ["kept", "gone", "last"]) await place.ready("pikatables", name);
    await remove("kept");
    await remove("gone");
    await waitFor(async () => (await place.list(apiVersion, "pikatables")).length === 1);
    expect(await tablesOf()).toEqual(["kept", "last"]);
    await place.api.delete(place.path(apiVersion, "pikaclusters", "demo"));
    await remove("last");
    await waitFor(async () => (await place.list(apiVersion, "pikatables")).length === 0);
  }, 90_000);
});
