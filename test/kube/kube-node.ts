/**
 * One node of the test cluster: a containerd and a kubelet in the sealed tree, with address, zone and cgroup of its
 * own. It can be lost (all at once, as by power) and brought back with what is on its disk.
 */

import { mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { waitFor } from "../support/wait-for.ts";
import { createCgroup, processesOf } from "./cgroups.ts";
import { Child } from "./child.ts";
import type { SealedTree } from "./sealed-tree.ts";
import { programPath } from "./tool-cache.ts";

export interface KubeNodeOptions {
  readonly name: string;
  readonly zone: string;
  readonly address: string;
  /** Where files of the node go, on a disk. */
  readonly folder: string;
  /** Where ca.crt and `<name>.kubeconfig` are, known when the control plane is ready. */
  readonly credentials: () => string;
  readonly dnsAddress: string;
  readonly cgroupRoot: string;
  readonly cniFolder: string;
}

export class KubeNode {
  readonly #options: KubeNodeOptions;
  readonly #tree: SealedTree;
  #children: Child[] = [];

  constructor(options: KubeNodeOptions, tree: SealedTree) {
    this.#options = options;
    this.#tree = tree;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Starts containerd; resolves when it answers. Images can be imported then. */
  async startRuntime(): Promise<void> {
    const { folder, name, cgroupRoot } = this.#options;
    createCgroup(cgroupRoot, name);
    await mkdir(join(folder, "containerd"), { recursive: true });
    await this.#tree.run(["mkdir", "-p", `/run/${name}`, `/var/lib/kubelet/${name}`, "/var/log/pods"]);
    await writeFile(join(folder, "containerd.toml"), this.#runtimeConfig());
    await this.#run("containerd", ["containerd", "--config", join(folder, "containerd.toml")]);
    const isAnswering = async () => (await this.#ctr(["version"])) !== "";
    await waitFor(isAnswering, { timeoutMs: 30_000, what: `containerd of ${name}` });
  }

  /** Starts the kubelet. Resolves at once: the API server shows when the node is ready. */
  async startKubelet(): Promise<void> {
    const { folder, name, zone, address } = this.#options;
    const credentials = this.#options.credentials();
    await writeFile(join(folder, "kubelet.yaml"), stringify(this.#kubeletConfig()));
    const flags = {
      config: join(folder, "kubelet.yaml"),
      kubeconfig: join(credentials, `${name}.kubeconfig`),
      "hostname-override": name,
      "node-ip": address,
      "root-dir": `/var/lib/kubelet/${name}`,
      "cert-dir": join(folder, "certificates"),
      "node-labels": `topology.kubernetes.io/zone=${zone},topology.kubernetes.io/region=test`,
    };
    const command = [programPath("kubelet"), ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
    await this.#run("kubelet", command);
  }

  async importImage(archive: string): Promise<void> {
    await this.#ctr(["-n", "k8s.io", "images", "import", archive]);
  }

  /** Freezes or thaws the kubelet: the API server hears nothing of it, its containers go on. */
  freezeKubelet(isFrozen: boolean): void {
    this.#children.find(({ name }) => name === "kubelet")?.signal(isFrozen ? "SIGSTOP" : "SIGCONT");
  }

  /** Kills everything on it at once. What is on its disk stays. */
  async lose(): Promise<void> {
    for (const child of this.#children.splice(0).reverse()) await child.end();
    const { cgroupRoot, name } = this.#options;
    for (const pid of [...(await this.#shims()), ...processesOf(`${cgroupRoot}/${name}`)]) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    await waitFor(() => processesOf(`${cgroupRoot}/${name}`).length === 0, { what: `the end of ${name}'s containers` });
  }

  /** The runtime's own process for each container, which is in no cgroup of the node. */
  async #shims(): Promise<number[]> {
    const space = await readlink(`/proc/${this.#tree.pid}/ns/pid`);
    const found: number[] = [];
    for (const entry of await readdir("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      const command = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
      if (!command.includes("containerd-shim") || !command.includes(`\0${this.#socket}\0`)) continue;
      if ((await readlink(`/proc/${entry}/ns/pid`).catch(() => "")) === space) found.push(Number(entry));
    }
    return found;
  }

  get #socket(): string {
    return `/run/${this.#options.name}/containerd.sock`;
  }

  #ctr(args: readonly string[]): Promise<string> {
    return this.#tree.run(["ctr", "-a", this.#socket, ...args]);
  }

  async #run(log: string, command: readonly string[]): Promise<void> {
    const child = new Child(this.#tree.enter(command), {
      log: join(this.#options.folder, `${log}.log`),
      name: log,
    });
    this.#children.push(child);
  }

  #runtimeConfig(): string {
    const { folder, name, cniFolder } = this.#options;
    return `version = 2
root = "${join(folder, "containerd")}"
state = "/run/${name}/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "${this.#socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  # The score cannot be lowered where this runs in a container or a small virtual machine; runc dies of trying.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${cniFolder}"
`;
  }

  #kubeletConfig(): unknown {
    const { address, dnsAddress, cgroupRoot, name } = this.#options;
    const credentials = this.#options.credentials();
    return {
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      address,
      healthzPort: 0,
      cgroupDriver: "cgroupfs",
      cgroupRoot: `/${cgroupRoot}/${name}`,
      failCgroupV1: false,
      failSwapOn: false,
      enforceNodeAllocatable: [],
      containerRuntimeEndpoint: `unix://${this.#socket}`,
      clusterDNS: [dnsAddress],
      clusterDomain: "cluster.local",
      resolvConf: "/run/resolv.conf",
      authentication: { anonymous: { enabled: false }, x509: { clientCAFile: join(credentials, "ca.crt") } },
      // A test waits for what these give: how soon a lost node is noticed, how soon a pod's state is told.
      nodeStatusUpdateFrequency: "2s",
      nodeLeaseDurationSeconds: 8,
      // The machine's disk is not the test's subject.
      evictionHard: { "memory.available": "50Mi", "nodefs.available": "0%", "imagefs.available": "0%" },
      imageGCHighThresholdPercent: 100,
    };
  }
}
