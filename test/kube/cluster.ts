/**
 * A whole Kubernetes on this machine: a control plane, three nodes in zones a, b and c, kube-proxy, CoreDNS, volumes
 * and NetworkPolicies, all in one sealed process tree, and the faults that it can be made to suffer. Needs root, Linux,
 * containerd, runc, the CNI plugins and nftables. It ends with the process that started it; what it leaves in cgroups
 * and on disk is removed by `stop`, or by `removeLeftClusters` after a crash.
 */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { delay, SystemClock } from "../../node/base/clock.ts";
import { messageOf } from "../../node/base/errors.ts";
import { waitFor } from "../support/wait-for.ts";
import { processesOf, removeCgroup } from "./cgroups.ts";
import { Child } from "./child.ts";
import { ControlPlane } from "./control-plane.ts";
import type { IMAGES } from "./image-layout.ts";
import { buildImage } from "./images.ts";
import { KubeApi, type KubeObject } from "./kube-api.ts";
import { KubeNode } from "./kube-node.ts";
import { type NetworkPolicy, type Pod, renderRuleset } from "./network-policies.ts";
import { listenFor } from "./relay.ts";
import { endLeftTree, SealedTree, startTimeOf } from "./sealed-tree.ts";
import { programPath } from "./tool-cache.ts";
import { STORAGE_CLASSES, tendVolumes } from "./volumes.ts";

const API_ADDRESS = "198.51.101.1";
const DNS_ADDRESS = "198.51.101.2";
const POD_RANGE = "198.51.100.0/24";
const SERVICE_RANGE = "203.0.113.0/24";
const NODES = ["a", "b", "c"].map((zone, index) => ({
  name: `n${index + 1}`,
  zone,
  address: `198.51.101.${11 + index}`,
}));

const FOLDER_PREFIX = "pika-cluster-";
/** A folder of a cluster or a control plane; behind its prefix is the process that it ends with. */
const LEFT_FOLDER = /^pika-(?:cluster|control-plane)-(\d+)-/;
const READY_TIMEOUT_MS = 120_000;
/** How often volumes are tended and policies enforced: the longest that a new pod is not yet held to its policies. */
const TEND_EVERY_MS = 300;

const clock = new SystemClock();

export interface ClusterOptions {
  /** Beside the pause image. The program's needs `make build`. */
  readonly images?: readonly Exclude<keyof typeof IMAGES, "pause">[];
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
  readonly #tree = new SealedTree();
  readonly #nodes = new Map<string, KubeNode>();
  readonly #cutOff = new Set<string>();
  readonly #children: Child[] = [];
  #plane: ControlPlane | undefined;
  #relay: Server | undefined;
  #api: KubeApi | undefined;
  #ruleset = "";
  #isStopping = false;
  #tending: Promise<void> = Promise.resolve();

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
  }

  get kubeconfig(): string {
    return this.plane.kubeconfig;
  }

  /** To pause the API server, to kill etcd. */
  get plane(): ControlPlane {
    if (!this.#plane) throw new Error("the cluster was not started");
    return this.#plane;
  }

  get api(): KubeApi {
    if (!this.#api) throw new Error("the cluster was not started");
    return this.#api;
  }

  /** Where commands run that are to reach pods and Services by their addresses. */
  get tree(): SealedTree {
    return this.#tree;
  }

  /** Resolves when three nodes are ready. */
  async start(): Promise<void> {
    await this.#tree.start({ log: join(this.#folder, "tree.log") });
    const note = { pid: this.#tree.pid, startedAt: startTimeOf(this.#tree.pid) };
    writeFileSync(join(this.#folder, "tree.json"), JSON.stringify(note));
    await this.#tree.shell(this.#networkScript());
    await Promise.all([this.#startPlane(), this.#startRuntimes()]);
    this.#api = new KubeApi(this.kubeconfig);
    for (const node of this.#nodes.values()) await node.startKubelet();
    this.#startProxyAndDns();
    for (const storageClass of STORAGE_CLASSES) {
      await this.#api.apply(`/apis/storage.k8s.io/v1/storageclasses/${storageClass.metadata.name}`, storageClass);
    }
    this.#tending = this.#tend();
    await this.nodesReady(NODES.map(({ name }) => name));
  }

  get #cgroup(): string {
    return this.#folder.slice(this.#folder.indexOf(FOLDER_PREFIX));
  }

  #networkScript(): string {
    const addresses = [API_ADDRESS, DNS_ADDRESS, ...NODES.map(({ address }) => address)];
    return [
      "set -e",
      "ip link set lo up",
      ...addresses.map((address) => `ip address add ${address}/32 dev lo`),
      // Else a Service's address has no route from the nodes themselves.
      `ip route add ${SERVICE_RANGE} dev lo src ${API_ADDRESS}`,
      "echo 1 > /proc/sys/net/ipv4/ip_forward",
      // Pods of one node meet in the bridge: Services and policies see that traffic only so.
      "[ ! -e /proc/sys/net/bridge ] || echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables",
      `echo nameserver ${DNS_ADDRESS} > /run/resolv.conf`,
      "mount --bind /run/resolv.conf /etc/resolv.conf",
    ].join("\n");
  }

  async #startPlane(): Promise<void> {
    const socket = join(this.#folder, "api.sock");
    const { port, server } = await listenFor(socket);
    this.#relay = server;
    this.#run("relay", [process.execPath, join(import.meta.dirname, "relay.ts"), socket, API_ADDRESS, "6443"]);
    const leaves = NODES.map(({ name }) => ({ name, commonName: `system:node:${name}`, organization: "system:nodes" }));
    const enter = (command: readonly string[]): string[] => this.#tree.enter(command);
    const placement = {
      folder: this.#folder,
      enter,
      server: `https://127.0.0.1:${port}`,
      address: API_ADDRESS,
      leaves,
    };
    this.#plane = new ControlPlane({ hasControllers: true, placement });
    await this.#plane.start();
  }

  async #startRuntimes(): Promise<void> {
    const cniFolder = join(this.#folder, "cni");
    mkdirSync(cniFolder);
    writeFileSync(join(cniFolder, "10-bridge.conflist"), JSON.stringify(bridgeNetwork()));
    const archives = (["pause", ...(this.#options.images ?? [])] as const).map((key) => buildImage(key, this.#folder));
    await Promise.all(
      NODES.map(async ({ name, zone, address }) => {
        const folder = join(this.#folder, name);
        mkdirSync(folder);
        const plane = (): string => this.plane.folder;
        const place = { folder, cniFolder, cgroupRoot: this.#cgroup, dnsAddress: DNS_ADDRESS };
        const node = new KubeNode({ name, zone, address, ...place, credentials: plane }, this.#tree);
        this.#nodes.set(name, node);
        await node.startRuntime();
        for (const archive of archives) await node.importImage(archive);
      }),
    );
  }

  #startProxyAndDns(): void {
    const kubeconfig = join(this.plane.folder, "local.kubeconfig");
    const proxy = {
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      clientConnection: { kubeconfig },
      mode: "nftables",
      hostnameOverride: "n1",
      clusterCIDR: POD_RANGE,
      conntrack: { maxPerCore: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    };
    writeFileSync(join(this.#folder, "proxy.yaml"), stringify(proxy));
    this.#run("kube-proxy", [programPath("kube-proxy"), `--config=${join(this.#folder, "proxy.yaml")}`]);
    const zone = `kubernetes cluster.local {\n kubeconfig ${kubeconfig}\n pods insecure\n ttl 1\n }`;
    writeFileSync(join(this.#folder, "Corefile"), `.:53 {\n bind ${DNS_ADDRESS}\n errors\n ${zone}\n}\n`);
    this.#run("coredns", [programPath("coredns"), "-conf", join(this.#folder, "Corefile")]);
  }

  #run(name: string, command: readonly string[]): void {
    this.#children.push(new Child(this.#tree.enter(command), { log: join(this.#folder, `${name}.log`), name }));
  }

  /** Waits until these nodes are ready, or not. */
  async nodesReady(names: readonly string[], isReady = true): Promise<void> {
    interface Node extends KubeObject {
      readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
    }
    const areAll = async (): Promise<boolean> => {
      const nodes = await this.api.list<Node>("/api/v1/nodes");
      return names.every((name) => {
        const conditions = nodes.find(({ metadata }) => metadata.name === name)?.status.conditions ?? [];
        return conditions.some(({ type, status }) => type === "Ready" && (status === "True") === isReady);
      });
    };
    await waitFor(areAll, { timeoutMs: READY_TIMEOUT_MS, what: `${names} ${isReady ? "ready" : "not ready"}` });
  }

  /** Kills a node with all that runs on it. */
  async loseNode(name: string): Promise<void> {
    await this.#node(name).lose();
  }

  /** Starts a node that was lost, over its disk. */
  async reviveNode(name: string): Promise<void> {
    await this.#node(name).startRuntime();
    await this.#node(name).startKubelet();
  }

  /** Takes a node off the network, or gives it back: its pods run on, reach nobody and are reached by nobody. */
  async cutOffNode(name: string, isCutOff = true): Promise<void> {
    if (isCutOff) this.#cutOff.add(name);
    else this.#cutOff.delete(name);
    this.#node(name).freezeKubelet(isCutOff);
    await this.#enforcePolicies();
  }

  /** Fills a volume of the class `sized` to its last byte. @param claim `namespace/name` */
  async fillVolume(claim: string): Promise<void> {
    const path = await this.#volumePath(claim);
    const left = await this.#tree.run(["stat", "-f", "-c", "%a %S", path]);
    const [blocks = 0, size = 0] = left.trim().split(" ").map(Number);
    await this.#tree.run(["fallocate", "-l", `${Math.max(1, blocks * size)}`, join(path, ".filled")]);
  }

  async emptyFilledVolume(claim: string): Promise<void> {
    await this.#tree.run(["rm", "-f", join(await this.#volumePath(claim), ".filled")]);
  }

  /** What a volume held is gone, as when a disk is replaced by an empty one. */
  async loseVolume(claim: string): Promise<void> {
    await this.#tree.run(["find", await this.#volumePath(claim), "-mindepth", "1", "-delete"]);
  }

  async #volumePath(claim: string): Promise<string> {
    const [namespace, name] = claim.split("/");
    type Bound = { readonly spec: { readonly volumeName: string } };
    type Local = { readonly spec: { readonly local: { readonly path: string } } };
    const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}`;
    const { volumeName } = (await this.api.get<Bound>(path)).spec;
    return (await this.api.get<Local>(`/api/v1/persistentvolumes/${volumeName}`)).spec.local.path;
  }

  #node(name: string): KubeNode {
    const node = this.#nodes.get(name);
    if (!node) throw new Error(`no node ${name}: there are ${[...this.#nodes.keys()]}`);
    return node;
  }

  /** kubectl against it; gives what it printed. */
  kubectl(...args: readonly string[]): Promise<string> {
    const kubeconfig = join(this.plane.folder, "local.kubeconfig");
    return this.#tree.run([programPath("kubectl"), `--kubeconfig=${kubeconfig}`, ...args]);
  }

  async #tend(): Promise<void> {
    let lastTrouble = "";
    while (!this.#isStopping) {
      try {
        await tendVolumes({ api: this.api, tree: this.#tree, folder: join(this.#folder, "volumes") });
        await this.#enforcePolicies();
      } catch (error) {
        // The API server may be away, by a test's will; what is wrong for long is in the log.
        if (messageOf(error) !== lastTrouble) {
          lastTrouble = messageOf(error);
          writeFileSync(join(this.#folder, "tend.log"), `${lastTrouble}\n`, { flag: "a" });
        }
      }
      await delay(clock, TEND_EVERY_MS);
    }
  }

  async #enforcePolicies(): Promise<void> {
    const pods = await this.api.list<Pod>("/api/v1/pods?resourceVersion=0");
    const ruleset = renderRuleset({
      pods,
      namespaces: await this.api.list<KubeObject>("/api/v1/namespaces?resourceVersion=0"),
      policies: await this.api.list<NetworkPolicy>("/apis/networking.k8s.io/v1/networkpolicies?resourceVersion=0"),
      cutOff: pods
        .filter(({ spec, status }) => this.#cutOff.has(spec.nodeName ?? "") && status.podIP !== undefined)
        .map(({ status }) => status.podIP as string),
    });
    if (ruleset === this.#ruleset) return;
    await this.#tree.run(["nft", "-f", "-"], ruleset);
    this.#ruleset = ruleset;
  }

  /** Ends it and removes all that it made. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#tending;
    this.#api?.close();
    this.#relay?.close();
    await this.#tree.stop();
    await this.#plane?.stop();
    for (const child of this.#children) await child.end();
    await removeFolder(this.#folder, this.#cgroup);
  }
}

function bridgeNetwork(): unknown {
  const ipam = { type: "host-local", ranges: [[{ subnet: POD_RANGE }]], routes: [{ dst: "0.0.0.0/0" }] };
  const bridge = { type: "bridge", bridge: "pods", isGateway: true, hairpinMode: true, ipam };
  return { cniVersion: "0.4.0", name: "pods", plugins: [bridge] };
}

async function removeFolder(folder: string, cgroup: string): Promise<void> {
  await waitFor(() => processesOf(cgroup).length === 0, { what: "the end of the containers" });
  await waitFor(() => removeCgroup(cgroup), { what: `the cgroups ${cgroup} to be removed` });
  rmSync(folder, { recursive: true, force: true });
}

/** Ends and removes clusters and control planes whose process is gone. Gives the folders that it removed. */
export async function removeLeftClusters(): Promise<string[]> {
  const left = readdirSync(tmpdir()).filter((name) => {
    const owner = LEFT_FOLDER.exec(name)?.[1];
    return owner !== undefined && startTimeOf(Number(owner)) === undefined;
  });
  for (const name of left) {
    const note = join(tmpdir(), name, "tree.json");
    // Without a note it got no further than its folder, or is a control plane alone.
    if (existsSync(note)) {
      const { pid, startedAt } = JSON.parse(readFileSync(note, "utf8")) as { pid: number; startedAt: string };
      await endLeftTree(pid, startedAt);
    }
    await removeFolder(join(tmpdir(), name), name);
  }
  return left;
}
