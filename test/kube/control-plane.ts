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
import { CertificateFolder, type Leaf } from "./certificates.ts";
import { Child } from "./child.ts";
import { programPath } from "./tool-cache.ts";

/** Where a control plane with nodes runs: in namespaces of its own, on fixed ports. */
export interface Placement {
  /** Where its own folder is made. */
  readonly folder: string;
  /** What makes a command run there. */
  readonly enter: (command: readonly string[]) => string[];
  /** The API server's URL as the outside reaches it; its host is 127.0.0.1. */
  readonly server: string;
  /** The API server's address there, which nodes and pods reach. */
  readonly address: string;
  /** Certificates for more than the administrator; `<name>.kubeconfig` is written for each, with `address`. */
  readonly leaves: readonly Leaf[];
}

export interface ControlPlaneOptions {
  readonly placement?: Placement;
  /** Also kube-controller-manager and kube-scheduler. */
  readonly hasControllers?: boolean;
  /** More flags for kube-apiserver. */
  readonly apiServerFlags?: readonly string[];
}

const READY_TIMEOUT_MS = 60_000;
/** etcd's for clients and peers, the API server's, where nobody else can have them. */
const FIXED_PORTS = [2379, 2380, 6443] as const;
/** Another process may take a port between finding it free and using it. */
const MAX_STARTS = 3;

export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #children = new Map<string, Child>();
  readonly #commands = new Map<string, readonly string[]>();
  #endSlowness: (() => void) | undefined;
  #folder = "";
  #server = "";

  constructor(options: ControlPlaneOptions = {}) {
    this.#options = options;
  }

  /** A file with an administrator's credentials. */
  get kubeconfig(): string {
    return join(this.#folder, "admin.kubeconfig");
  }

  /** Where its files are: certificates, kubeconfigs, logs. */
  get folder(): string {
    return this.#folder;
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
    this.#folder = await mkdtemp(
      join(this.#options.placement?.folder ?? tmpdir(), `pika-control-plane-${process.pid}-`),
    );
    const certificates = new CertificateFolder(this.#folder);
    const { placement } = this.#options;
    const [etcdPort, peerPort, apiPort] = placement
      ? FIXED_PORTS
      : [await freePort(), await freePort(), await freePort()];
    this.#server = placement?.server ?? `https://127.0.0.1:${apiPort}`;
    await this.#issue(certificates, placement ? `https://${placement.address}:${apiPort}` : this.#server);
    await mkdir(join(this.#folder, "etcd"), { mode: 0o700 });
    this.#run("etcd", etcdCommand(join(this.#folder, "etcd"), etcdPort, peerPort));
    const extra = [...apiServerPlace(certificates, placement), ...(this.#options.apiServerFlags ?? [])];
    this.#run("apiserver", [...apiServerCommand(certificates, this.#folder, { apiPort, etcdPort }), ...extra]);
    await this.ready();
    if (this.#options.hasControllers) {
      this.#run("controllers", controllersCommand(certificates, certificates.path("local.kubeconfig")));
      const flags = [
        "--leader-elect=false",
        "--secure-port=0",
        `--kubeconfig=${certificates.path("local.kubeconfig")}`,
      ];
      this.#run("scheduler", [programPath("kube-scheduler"), ...flags]);
    }
  }

  /** All certificates, `admin.kubeconfig` for the outside and `local.kubeconfig` for beside the API server. */
  async #issue(certificates: CertificateFolder, localServer: string): Promise<void> {
    const { placement } = this.#options;
    const local = placement ? [`IP:${placement.address}`] : [];
    const services = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"].map((name) => `DNS:${name}`);
    const names = ["DNS:localhost", "IP:127.0.0.1", "IP:203.0.113.1", ...services, ...local];
    await certificates.createAuthority();
    await certificates.issue([
      { name: "server", commonName: "kube-apiserver", names },
      { name: "admin", commonName: "admin", organization: "system:masters" },
      ...(placement?.leaves ?? []),
    ]);
    const write = async (leaf: string, server: string, file: string): Promise<void> =>
      writeFile(certificates.path(file), await certificates.kubeconfig(leaf, server), { mode: 0o600 });
    await write("admin", this.#server, "admin.kubeconfig");
    await write("admin", localServer, "local.kubeconfig");
    for (const { name } of placement?.leaves ?? []) await write(name, localServer, `${name}.kubeconfig`);
  }

  #run(name: string, inner: readonly string[]): void {
    const command = this.#options.placement?.enter(inner) ?? inner;
    this.#commands.set(name, inner);
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

  /** Lets it run for a tenth of the time, in steps of this many milliseconds: answers come about so late. */
  slowApiServer(pauseMs: number): void {
    this.resumeApiServer();
    this.#endSlowness = this.#children.get("apiserver")?.slowDown({ runMs: pauseMs / 9, pauseMs });
  }

  /** After a pause, or when it was slow. */
  resumeApiServer(): void {
    this.#endSlowness?.();
    this.#endSlowness = undefined;
    this.#children.get("apiserver")?.signal("SIGCONT");
  }

  /** Kills a part, as a crash does. */
  async kill(part: "etcd" | "apiserver" | "controllers" | "scheduler"): Promise<void> {
    if (part === "apiserver") this.resumeApiServer();
    await this.#children.get(part)?.end();
  }

  /** Starts a part that was killed, over the same data and on the same port. */
  revive(part: "etcd" | "apiserver" | "controllers" | "scheduler"): void {
    const command = this.#commands.get(part);
    if (command !== undefined) this.#run(part, command);
  }

  /** Ends everything and removes the data. */
  async stop(): Promise<void> {
    this.#endSlowness?.();
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
    "tls-cert-file": certificates.path("server.crt"),
    "tls-private-key-file": certificates.path("server.key"),
    "client-ca-file": certificates.path("ca.crt"),
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-key-file": certificates.path("service-accounts.pub"),
    "service-account-signing-key-file": certificates.path("service-accounts.key"),
    "service-cluster-ip-range": "203.0.113.0/24",
    "authorization-mode": "Node,RBAC",
    "cert-dir": folder,
    "allow-privileged": true,
  };
  return [programPath("kube-apiserver"), ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
}

function apiServerPlace(certificates: CertificateFolder, placement: Placement | undefined): string[] {
  // Loopback is not allowed as an advertised address; without endpoints nobody dials it.
  if (!placement) {
    return ["--bind-address=127.0.0.1", "--advertise-address=198.51.101.1", "--endpoint-reconciler-type=none"];
  }
  return [
    "--bind-address=0.0.0.0",
    `--advertise-address=${placement.address}`,
    `--kubelet-client-certificate=${certificates.path("admin.crt")}`,
    `--kubelet-client-key=${certificates.path("admin.key")}`,
    "--kubelet-preferred-address-types=InternalIP",
  ];
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
    // A test waits for this: how soon a node that says nothing is unready (40 s otherwise).
    "node-monitor-period": "1s",
    "node-monitor-grace-period": "10s",
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
