/**
 * One control plane that many test files share. A keeper process (keeper.ts) owns it and lives while somebody holds a
 * connection to its abstract Unix socket, and a little longer: no lock file can be left behind, and a test that
 * crashes lets go by ending. Where KUBECONFIG is set, that cluster is used instead and nothing is started.
 */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { waitFor } from "../support/wait-for.ts";
import { KUBERNETES, missingCommands, missingPrograms } from "./tool-cache.ts";

export interface SharedCluster {
  /** The path of a kubeconfig with an administrator's rights. */
  readonly kubeconfig: string;
  /** Lets go of it; it ends when nobody holds it. */
  release(): void;
}

/** What the keeper says to each that connects, as one line of JSON: one of both. */
export interface KeeperWord {
  readonly kubeconfig?: string;
  readonly failure?: string;
}

const START_TIMEOUT_MS = 60_000;

/** One keeper for a user and a checkout. The leading zero byte makes the name abstract: it goes with its process. */
export const KEEPER_ADDRESS = `\0pika-control-plane-${process.getuid?.()}-${createHash("sha256")
  .update(`${import.meta.dirname}:${KUBERNETES.version}`)
  .digest("hex")
  .slice(0, 16)}`;

/** Whether this machine has, or can run, an API server. Says so where it cannot, and throws there under CI=true. */
export function hasControlPlane(): boolean {
  if (process.env.KUBECONFIG) return true;
  const built = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];
  const missing = [...missingPrograms(built), ...missingCommands(["etcd", "openssl", "setpriv"])];
  const reason = process.platform === "linux" ? missing.join(", ") : "Linux";
  if (reason === "") return true;
  const advice = `no ${reason}: set KUBECONFIG, or run make test-tools (needs Go)`;
  if (process.env.CI === "true")
    throw new Error(`CI=true, and there is no Kubernetes API server to test on: ${advice}`);
  process.stderr.write(`NOT RUN: tests on a real Kubernetes API server (${advice})\n`);
  return false;
}

/** Takes the shared control plane, starting it if nobody has (about 3 s). */
export async function shareControlPlane(): Promise<SharedCluster> {
  const given = process.env.KUBECONFIG;
  if (given) return { kubeconfig: given, release: () => undefined };
  return await waitFor(hold, { timeoutMs: START_TIMEOUT_MS, what: "the shared control plane" });
}

async function hold(): Promise<SharedCluster | undefined> {
  const socket = await reach();
  if (socket === undefined) {
    await startKeeper();
    return undefined;
  }
  let said = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    said += chunk;
    if (said.endsWith("\n")) break;
  }
  if (!said.endsWith("\n")) return undefined;
  const { kubeconfig, failure } = JSON.parse(said) as KeeperWord;
  if (kubeconfig === undefined) throw new Error(failure);
  // It must not keep the test process alive, nor fail it when the keeper is killed.
  socket.on("error", () => undefined);
  socket.unref();
  return { kubeconfig, release: () => socket.destroy() };
}

function reach(): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(KEEPER_ADDRESS);
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}

/** Resolves when the keeper listens, or has ended because another one does. */
async function startKeeper(): Promise<void> {
  const keeper = spawn(process.execPath, [join(import.meta.dirname, "keeper.ts")], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
    cwd: "/",
  });
  await Promise.race([once(keeper.stdout, "data"), once(keeper, "exit")]);
  keeper.stdout.destroy();
  keeper.unref();
}
