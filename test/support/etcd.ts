/**
 * A real etcd for tests: one member in a temporary directory on ephemeral loopback ports, stopped by its own process.
 * Where there is no etcd, tests that want one say so and do not run; under CI=true that is a failure.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatingError } from "../../node/base/errors.ts";
import type { TestCertificate } from "./certificates.ts";
import { freePort } from "./free-port.ts";
import { waitFor } from "./wait-for.ts";

export interface Etcd {
  readonly url: string;
  /** Freezes the process: once resolved it neither answers nor refuses, until `resume`. */
  pause(): Promise<void>;
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

/** Makes an etcd that speaks TLS and wants a client certificate. All PEM. */
export interface EtcdTls {
  readonly ca: string;
  readonly server: TestCertificate;
  readonly client: TestCertificate;
}

/** Starts an empty etcd and waits until it answers. */
export async function startEtcd(tls?: EtcdTls): Promise<Etcd> {
  const directory = await mkdtemp(join(tmpdir(), "pika-etcd-"));
  const secure = tls ? await writeTlsFiles(directory, tls) : [];
  for (let attempt = 0; ; attempt++) {
    const [client, peer] = [await freePort(), await freePort()];
    const url = tls ? `https://localhost:${client}` : `http://127.0.0.1:${client}`;
    const own = ["--data-dir", join(directory, String(attempt)), ...secure];
    // etcd listens on addresses only.
    const listen = url.replace("localhost", "127.0.0.1");
    const child = spawnEtcd(own, listen, `http://127.0.0.1:${peer}`);
    const isUp = await waitFor(async () => child.exitCode !== null || (await isHealthy(url, tls))).then(
      () => child.exitCode === null,
    );
    // Another process may have taken a port between finding it free and using it.
    if (!isUp && attempt < 5) continue;
    if (!isUp) throw new OperatingError("NoEtcd", "etcd ended at its start five times");
    return {
      url,
      pause: async () => {
        child.kill("SIGSTOP");
        await waitFor(() => isStopped(child.pid as number), { what: "etcd to stop" });
      },
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

function spawnEtcd(own: readonly string[], client: string, peer: string): ChildProcess {
  const args = [
    ["--name", "test"],
    own,
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

/** Writes what etcd is to use; its arguments. */
async function writeTlsFiles(directory: string, tls: EtcdTls): Promise<string[]> {
  const file = async (name: string, text: string) => {
    await writeFile(join(directory, name), text);
    return join(directory, name);
  };
  const [ca, cert, key] = await Promise.all([
    file("ca.crt", tls.ca),
    file("server.crt", tls.server.cert),
    file("server.key", tls.server.key),
  ]);
  return ["--client-cert-auth", "--trusted-ca-file", ca, "--cert-file", cert, "--key-file", key];
}

async function isHealthy(url: string, tls: EtcdTls | undefined): Promise<boolean> {
  try {
    return (await askEtcd(`${url}/health`, { tls })).includes('"true"');
  } catch {
    return false;
  }
}

/** Asks etcd over HTTP: a GET, or with `body` a POST of JSON. */
export function askEtcd(
  url: string,
  options: { readonly tls?: EtcdTls | undefined; readonly body?: unknown } = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const { tls, body } = options;
  const secure = tls ? { ca: tls.ca, cert: tls.client.cert, key: tls.client.key } : {};
  const request = (tls ? https : http).request(
    url,
    { ...secure, method: body === undefined ? "GET" : "POST", timeout: 1000 },
    (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve(Buffer.concat(parts).toString()));
      response.on("error", reject);
    },
  );
  request.on("timeout", () => request.destroy(new OperatingError("NoEtcd", `${url} does not answer`)));
  request.on("error", reject);
  request.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

/** Whether all threads are: the signal is sent to the process, and its threads stop one by one. */
function isStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks))
    return spawnSync("ps", ["-o", "stat=", "-p", `${pid}`], { encoding: "utf8" }).stdout.startsWith("T");
  return readdirSync(tasks).every((task) => /^State:\tT/m.test(readFileSync(`${tasks}/${task}/status`, "utf8")));
}
