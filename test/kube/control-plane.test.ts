/** The control plane of the tests: shared by many, ended with its last holder, and what it can be made to suffer. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { waitFor } from "../support/wait-for.ts";
import { ControlPlane } from "./control-plane.ts";
import { hasControlPlane, shareControlPlane } from "./shared-control-plane.ts";

interface Config {
  readonly clusters: [{ readonly cluster: { readonly server: string; readonly "certificate-authority-data": string } }];
  readonly users: [
    { readonly user: { readonly "client-certificate-data": string; readonly "client-key-data": string } },
  ];
}

/** The status of a request, or undefined where none came in a second. */
async function ask(kubeconfig: string, path: string, body?: unknown): Promise<number | undefined> {
  const { clusters, users } = parse(await readFile(kubeconfig, "utf8")) as Config;
  const decode = (text: string): Buffer => Buffer.from(text, "base64");
  const tls = {
    ca: decode(clusters[0].cluster["certificate-authority-data"]),
    cert: decode(users[0].user["client-certificate-data"]),
    key: decode(users[0].user["client-key-data"]),
  };
  const headers = { "content-type": "application/json" };
  const method = body === undefined ? "GET" : "POST";
  return await new Promise((resolve) => {
    const sent = request(`${clusters[0].cluster.server}${path}`, { ...tls, method, headers, agent: false });
    sent.setTimeout(1000, () => sent.destroy());
    sent.once("error", () => resolve(undefined));
    sent.once("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

describe.runIf(hasControlPlane() && !process.env.KUBECONFIG)("a control plane", () => {
  const plane = new ControlPlane({ hasControllers: true });
  beforeAll(() => plane.start(), 90_000);
  afterAll(() => plane.stop());

  test("runs controllers: a namespace gets its service account", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } };
    expect(await ask(plane.kubeconfig, "/api/v1/namespaces", namespace)).toBe(201);
    const account = "/api/v1/namespaces/a/serviceaccounts/default";
    await waitFor(async () => (await ask(plane.kubeconfig, account)) === 200);
  });

  test("a paused API server answers nothing, and goes on", async () => {
    plane.pauseApiServer();
    expect(await ask(plane.kubeconfig, "/readyz")).toBeUndefined();
    plane.resumeApiServer();
    await waitFor(async () => (await ask(plane.kubeconfig, "/readyz")) === 200);
  });

  test("etcd and the API server are killed and come back with their data", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "kept" } };
    expect(await ask(plane.kubeconfig, "/api/v1/namespaces", namespace)).toBe(201);
    await plane.kill("etcd");
    await waitFor(async () => (await ask(plane.kubeconfig, "/readyz")) !== 200);
    plane.revive("etcd");
    await waitFor(async () => (await ask(plane.kubeconfig, "/readyz")) === 200, { timeoutMs: 30_000 });
    await plane.kill("apiserver");
    expect(await ask(plane.kubeconfig, "/readyz")).toBeUndefined();
    plane.revive("apiserver");
    await plane.ready();
    expect(await ask(plane.kubeconfig, "/api/v1/namespaces/kept")).toBe(200);
  });

  test("nothing is left when it stops", async () => {
    const brief = new ControlPlane();
    await brief.start();
    const { kubeconfig } = brief;
    await brief.stop();
    expect(existsSync(kubeconfig)).toBe(false);
    const { stdout } = await promisify(execFile)("ps", ["-eo", "args"]);
    expect(stdout).not.toContain(kubeconfig.replace("/admin.kubeconfig", ""));
  });
});

describe.runIf(hasControlPlane())("the shared control plane", () => {
  test("is one for all that hold it, and answers", async () => {
    const [one, other] = await Promise.all([shareControlPlane(), shareControlPlane()]);
    expect(other.kubeconfig).toBe(one.kubeconfig);
    one.release();
    await waitFor(async () => (await ask(other.kubeconfig, "/readyz")) === 200);
    other.release();
  });
});
