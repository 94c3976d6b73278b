/**
 * A Kubernetes control plane on loopback: etcd and kube-apiserver, and where asked the controllers and the scheduler.
 * It has no nodes: pods are made by controllers and stay Pending. Needs no root. Several can run at once.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import { waitFor } from "../support/wait-for.ts";
import { CertificateFolder } from "./certificates.ts";
import { Child } from "./child.ts";
import { programPath } from "./tool-cache.ts";

export interface ControlPlaneOptions {
  /** Also kube-controller-manager and kube-scheduler. */
  readonly hasControllers?: boolean;
  /** More flags for kube-apiserver. */
  readonly apiServerFlags?: readonly string[];
}

const READY_TIMEOUT_MS = 60_000;
/** Another process may take a port between finding it free and using it. */
const MAX_STARTS = 3;

export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #children = new Map<string, Child>();
  readonly #commands = new Map<string, readonly string[]>();
  #folder = "";
  #server = "";

  constructor(options: ControlPlaneOptions = {}) {
    this.#options = options;
  }

  /** A file with an administrator's credentials. */
  get kubeconfig(): string {
    return join(this.#folder, "admin.kubeconfig");
  }

  /** `https://127.0.0.1:<port>`. */
  get server(): string {
    return this.#server;
  }

  /** Resolves when the API server is ready. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#start();
        return;
      } catch (error) {
        await this.stop();
        if (attempt === MAX_STARTS) throw error;
      }
    }
  }

  async #start(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), "pika-control-plane-"));
    const certificates = new CertificateFolder(this.#folder);
    await certificates.createAuthority();
    await certificates.issue([
      { name: "server", commonName: "kube-apiserver", names: ["DNS:localhost", "IP:127.0.0.1", "IP:203.0.113.1"] },
      { name: "admin", commonName: "admin", organization: "system:masters" },
    ]);
    const [etcdPort, peerPort, apiPort] = [await freePort(), await freePort(), await freePort()];
    this.#server = `https://127.0.0.1:${apiPort}`;
    await writeFile(this.kubeconfig, await certificates.kubeconfig("admin", this.#server), { mode: 0o600 });
    await mkdir(join(this.#folder, "etcd"), { mode: 0o700 });
    this.#run("etcd", etcdCommand(join(this.#folder, "etcd"), etcdPort, peerPort));
    const extra = this.#options.apiServerFlags ?? [];
    this.#run("apiserver", [...apiServerCommand(certificates, this.#folder, { apiPort, etcdPort }), ...extra]);
    await this.ready();
    if (this.#options.hasControllers) {
      this.#run("controllers", controllersCommand(certificates, this.kubeconfig));
      const flags = ["--leader-elect=false", "--secure-port=0", `--kubeconfig=${this.kubeconfig}`];
      this.#run("scheduler", [programPath("kube-scheduler"), ...flags]);
    }
  }

  #run(name: string, command: readonly string[]): void {
    this.#commands.set(name, command);
    this.#children.set(name, new Child(command, { log: join(this.#folder, `${name}.log`) }));
  }

  /** Waits until the API server says that it is ready. Rejects with its last words where it ended. */
  async ready(): Promise<void> {
    const read = (file: string): Promise<Buffer> => readFile(join(this.#folder, file));
    const tls = { ca: await read("ca.crt"), cert: await read("admin.crt"), key: await read("admin.key") };
    const isSettled = async (): Promise<boolean> =>
      [...this.#children.values()].some(({ isRunning }) => !isRunning) ||
      (await isAnswering(`${this.#server}/readyz`, tls));
    await waitFor(isSettled, { timeoutMs: READY_TIMEOUT_MS, what: "the API server" });
    const dead = [...this.#children.values()].find(({ isRunning }) => !isRunning);
    if (dead) throw new Error(`${dead.name} ended: ${dead.lastWords}`);
  }

  /** Freezes the API server: it neither answers nor refuses. */
  pauseApiServer(): void {
    this.#children.get("apiserver")?.signal("SIGSTOP");
  }

  resumeApiServer(): void {
    this.#children.get("apiserver")?.signal("SIGCONT");
  }

  /** Kills a part, as a crash does. */
  async kill(part: "etcd" | "apiserver" | "controllers" | "scheduler"): Promise<void> {
    await this.#children.get(part)?.end();
  }

  /** Starts a part that was killed, over the same data and on the same port. */
  revive(part: "etcd" | "apiserver" | "controllers" | "scheduler"): void {
    const command = this.#commands.get(part);
    if (command !== undefined) this.#run(part, command);
  }

  /** Ends everything and removes the data. */
  async stop(): Promise<void> {
    const children = [...this.#children.values()].reverse();
    this.#children.clear();
    for (const child of children) await child.end();
    if (this.#folder !== "") await rm(this.#folder, { recursive: true, force: true });
  }
}

function etcdCommand(folder: string, port: number, peerPort: number): string[] {
  const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  const flags = {
    name: "test",
    "data-dir": folder,
    "listen-client-urls": client,
    "advertise-client-urls": client,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `test=${peer}`,
    "log-level": "error",
  };
  return ["etcd", ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`), "--unsafe-no-fsync"];
}

function apiServerCommand(
  certificates: CertificateFolder,
  folder: string,
  ports: { readonly apiPort: number; readonly etcdPort: number },
): string[] {
  const flags = {
    "etcd-servers": `http://127.0.0.1:${ports.etcdPort}`,
    "secure-port": ports.apiPort,
    "bind-address": "127.0.0.1",
    "tls-cert-file": certificates.path("server.crt"),
    "tls-private-key-file": certificates.path("server.key"),
    "client-ca-file": certificates.path("ca.crt"),
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-key-file": certificates.path("service-accounts.pub"),
    "service-account-signing-key-file": certificates.path("service-accounts.key"),
    "service-cluster-ip-range": "203.0.113.0/24",
    "authorization-mode": "Node,RBAC",
    "cert-dir": folder,
    // Loopback is not allowed as an advertised address; without endpoints nobody dials it.
    "endpoint-reconciler-type": "none",
    "advertise-address": "198.51.101.1",
    "allow-privileged": true,
  };
  return [programPath("kube-apiserver"), ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
}

function controllersCommand(certificates: CertificateFolder, kubeconfig: string): string[] {
  const flags = {
    kubeconfig,
    "leader-elect": false,
    "secure-port": 0,
    "service-account-private-key-file": certificates.path("service-accounts.key"),
    "root-ca-file": certificates.path("ca.crt"),
    "use-service-account-credentials": true,
    "kube-api-qps": 1000,
    "kube-api-burst": 2000,
    "concurrent-statefulset-syncs": 20,
  };
  return [
    programPath("kube-controller-manager"),
    ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
  ];
}

interface ClientTls {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

function isAnswering(url: string, tls: ClientTls): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { ...tls, agent: false, timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
  });
}
