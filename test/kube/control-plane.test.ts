/** The control plane of the tests: shared by many, ended with its last holder, and what it can be made to suffer. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { ControlPlane } from "./control-plane.ts";
import { KubeApi } from "./kube-api.ts";
import { hasControlPlane, shareControlPlane } from "./shared-control-plane.ts";

/** Whether a path is answered well; not at all within the time-out is no. */
async function isThere(kubeconfig: string, path: string, timeoutMs = 10_000): Promise<boolean> {
  const api = new KubeApi(kubeconfig, { timeoutMs });
  try {
    await api.get(path);
    return true;
  } catch {
    return false;
  } finally {
    api.close();
  }
}

async function createNamespace(kubeconfig: string, name: string): Promise<void> {
  const api = new KubeApi(kubeconfig);
  await api.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  api.close();
}

describe.runIf(hasControlPlane() && !process.env.KUBECONFIG)("a control plane", () => {
  const plane = new ControlPlane({ hasControllers: true });
  beforeAll(() => plane.start(), 90_000);
  afterAll(() => plane.stop());

  test("runs controllers: a namespace gets its service account", async () => {
    await createNamespace(plane.kubeconfig, "a");
    const account = "/api/v1/namespaces/a/serviceaccounts/default";
    await waitFor(() => isThere(plane.kubeconfig, account));
  });

  test("a paused API server answers nothing, and goes on", async () => {
    plane.pauseApiServer();
    expect(await isThere(plane.kubeconfig, "/readyz", 1000)).toBe(false);
    plane.resumeApiServer();
    await waitFor(() => isThere(plane.kubeconfig, "/readyz"));
  });

  test("a slow API server answers all the same", async () => {
    plane.slowApiServer(100);
    expect(await isThere(plane.kubeconfig, "/api/v1/namespaces/default")).toBe(true);
    plane.resumeApiServer();
  });

  test("etcd and the API server are killed and come back with their data", async () => {
    await createNamespace(plane.kubeconfig, "kept");
    await plane.kill("etcd");
    await waitFor(async () => !(await isThere(plane.kubeconfig, "/readyz")));
    plane.revive("etcd");
    await waitFor(() => isThere(plane.kubeconfig, "/readyz"), { timeoutMs: 30_000 });
    await plane.kill("apiserver");
    expect(await isThere(plane.kubeconfig, "/readyz", 1000)).toBe(false);
    plane.revive("apiserver");
    await plane.ready();
    expect(await isThere(plane.kubeconfig, "/api/v1/namespaces/kept")).toBe(true);
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
    await waitFor(() => isThere(other.kubeconfig, "/readyz"));
    other.release();
  });
});
