/**
 * A test cluster to work with: `node kube.ts up` starts one in the background and prints how to reach it (again where
 * it runs already), `node kube.ts down` ends it and removes what crashed ones left. `serve` is what runs behind.
 */

import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../support/wait-for.ts";
import { Cluster, removeLeftClusters } from "./cluster.ts";
import { listLacks } from "./cluster-needs.ts";
import { startTimeOf } from "./sealed-tree.ts";
import { CLIENTS, cacheFolder, toolFolder } from "./tool-cache.ts";

const START_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 30_000;

const note = join(cacheFolder(), "cluster.json");
const log = join(cacheFolder(), "cluster.log");

interface Running {
  readonly pid: number;
  readonly startedAt: string | undefined;
  readonly kubeconfig: string;
}

function findRunning(): Running | undefined {
  if (!existsSync(note)) return undefined;
  const running = JSON.parse(readFileSync(note, "utf8")) as Running;
  return startTimeOf(running.pid) === running.startedAt ? running : undefined;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function up(): Promise<void> {
  const lacks = listLacks();
  if (lacks.length > 0) throw new Error(`the test cluster cannot run here: ${lacks.join(", ")}`);
  if (!findRunning()) {
    mkdirSync(cacheFolder(), { recursive: true });
    rmSync(note, { force: true });
    const out = openSync(log, "w");
    const server = spawn(process.execPath, [import.meta.filename, "serve"], {
      detached: true,
      stdio: ["ignore", out, out],
    });
    closeSync(out);
    await waitFor(() => findRunning() !== undefined || server.exitCode !== null, { timeoutMs: START_TIMEOUT_MS });
    server.unref();
  }
  const running = findRunning();
  if (!running) throw new Error(`it did not start: ${readFileSync(log, "utf8").slice(-2000)}`);
  say(`export KUBECONFIG=${running.kubeconfig}\nexport PATH=${toolFolder(CLIENTS)}:$PATH`);
}

async function serve(): Promise<void> {
  const cluster = new Cluster({ images: ["program", "etcd"] });
  const end = async (): Promise<void> => {
    await cluster.stop();
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void end());
  try {
    await cluster.start();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  const running: Running = {
    pid: process.pid,
    startedAt: startTimeOf(process.pid),
    kubeconfig: cluster.kubeconfig,
  };
  writeFileSync(note, JSON.stringify(running));
}

async function down(): Promise<void> {
  const running = findRunning();
  if (running) {
    process.kill(running.pid, "SIGTERM");
    await waitFor(() => startTimeOf(running.pid) === undefined, { timeoutMs: STOP_TIMEOUT_MS });
  }
  rmSync(note, { force: true });
  for (const name of await removeLeftClusters()) say(`removed what ${name} left`);
}

const verbs: Readonly<Record<string, () => Promise<void>>> = { up, down, serve };
const verb = verbs[process.argv[2] ?? ""];
if (!verb) throw new Error("say up or down");
// The clock's timers keep no process alive, and waiting is all that `down` does.
const hold = setInterval(() => undefined, 60_000);
await verb().finally(() => clearInterval(hold));
