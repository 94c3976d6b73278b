import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { runApply } from "../../../operator/cli/apply.ts";
import { Output } from "../../../operator/cli/output.ts";
import { isOurProcess, StateDirectory } from "../../../operator/cli/state-directory.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { waitFor } from "../../support/wait-for.ts";

const root = mkdtempSync(join(tmpdir(), "apply-"));
const children: ReturnType<typeof spawn>[] = [];
afterEach(async () => {
  for (const child of children) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  rmSync(root, { recursive: true, force: true });
});

test("where the supervisor was killed, the processes that still run are named, with the way to end them", async () => {
  const file = join(root, "m.yaml");
  writeFileSync(
    file,
    "apiVersion: pika.io/v1alpha1\nkind: PikaCluster\nmetadata: {name: demo}\nspec: {nodes: {replicas: 1}}\n",
  );
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e9)", "bin/pika.ts"], { stdio: "ignore" });
  children.push(child);
  const pid = child.pid as number;
  await waitFor(() => isOurProcess(pid));
  const state = new StateDirectory(root, "demo");
  state.prepare();
  state.writeRecord({
    schema: "local-cluster",
    version: 1,
    cluster: "demo",
    supervisorPid: 2 ** 30,
    portBase: 9200,
    managers: [],
    nodes: [],
    tables: [],
    children: [{ name: "node-0", pid }],
    generation: 1,
    phase: "ready",
    message: "",
  });
  const deps = {
    output: new Output({ isTty: false, columns: 80, write: () => undefined }),
    clock: new VirtualClock(),
    signal: new AbortController().signal,
  };
  const applied = () => runApply({ files: [file], dataDir: root }, deps);
  await expect(applied()).rejects.toThrow(new RegExp(`node-0 \\(${pid}\\); end them with .pika down`));
  child.kill("SIGKILL");
  await once(child, "exit");
  await expect(applied()).rejects.toMatchObject({ code: "NotRunning" });
});
