/**
 * A real etcd for tests: one member in a temporary directory on ephemeral loopback ports, stopped by its own process.
 * Where there is no etcd, tests that want one say so and do not run; under CI=true that is a failure.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatingError } from "../../node/base/errors.ts";
import { waitFor } from "./wait-for.ts";

export interface Etcd {
  readonly url: string;
  /** Freezes and thaws the process: it neither answers nor refuses. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Whether this machine has an etcd. Throws under CI=true where it has not. */
export function hasEtcd(): boolean {
  const isThere = spawnSync("etcd", ["--version"], { stdio: "ignore" }).status === 0;
  if (!isThere && process.env.CI === "true") {
    throw new OperatingError("NoEtcd", "CI=true, and there is no etcd on the PATH: install Debian's etcd-server");
  }
  if (!isThere) process.stderr.write("NOT RUN: tests on a real etcd (none on the PATH; Debian: etcd-server)\n");
  return isThere;
}

/** Starts an empty etcd and waits until it answers. */
export async function startEtcd(): Promise<Etcd> {
  const directory = await mkdtemp(join(tmpdir(), "pika-etcd-"));
  for (let attempt = 0; ; attempt++) {
    const [client, peer] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${client}`;
    const child = spawnEtcd(join(directory, String(attempt)), url, `http://127.0.0.1:${peer}`);
    const isUp = await waitFor(async () => child.exitCode !== null || (await isHealthy(url))).then(
      () => child.exitCode === null,
    );
    // Another process may have taken a port between finding it free and using it.
    if (!isUp && attempt < 5) continue;
    if (!isUp) throw new OperatingError("NoEtcd", "etcd ended at its start five times");
    return {
      url,
      pause: () => child.kill("SIGSTOP"),
      resume: () => child.kill("SIGCONT"),
      stop: async () => {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        if (child.exitCode === null && child.signalCode === null) {
          child.kill("SIGKILL");
          await ended;
        }
        await rm(directory, { recursive: true, force: true });
      },
    };
  }
}

function spawnEtcd(directory: string, client: string, peer: string): ChildProcess {
  const args = [
    ["--name", "test"],
    ["--data-dir", directory],
    ["--listen-client-urls", client],
    ["--advertise-client-urls", client],
    ["--listen-peer-urls", peer],
    ["--initial-advertise-peer-urls", peer],
    ["--initial-cluster", `test=${peer}`],
    ["--unsafe-no-fsync"],
    ["--log-level", "error"],
  ];
  return spawn("etcd", args.flat(), { stdio: "ignore" });
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const reply = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) });
    return (await reply.text()).includes('"true"');
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
