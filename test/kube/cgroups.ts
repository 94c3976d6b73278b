/** The cgroups of the test cluster's nodes: made in each hierarchy (v1) or the one (v2), and removed when empty. */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const MOUNT = "/sys/fs/cgroup";
const CONTROLLERS_V2 = "+cpuset +cpu +memory +pids";

function hierarchies(): string[] {
  if (existsSync(join(MOUNT, "cgroup.controllers"))) return [MOUNT];
  return readdirSync(MOUNT).map((name) => join(MOUNT, name));
}

/** Beside v1 hierarchies, one without controllers: the runtime makes its cgroups there by itself. */
const UNIFIED = join(MOUNT, "unified");

/** Makes `<root>/<child>` in each hierarchy. A cpuset takes no process until it has CPUs and memory: its parent's. */
export function createCgroup(root: string, child: string): void {
  for (const hierarchy of hierarchies()) {
    if (hierarchy === UNIFIED) continue;
    let parent = hierarchy;
    for (const name of [root, child]) {
      const folder = join(parent, name);
      mkdirSync(folder, { recursive: true });
      for (const file of ["cpuset.cpus", "cpuset.mems"]) {
        if (hierarchy === MOUNT || !existsSync(join(parent, file))) continue;
        writeFileSync(join(folder, file), readFileSync(join(parent, file)));
      }
      if (hierarchy === MOUNT) writeFileSync(join(parent, "cgroup.subtree_control"), CONTROLLERS_V2);
      parent = folder;
    }
  }
}

/** Processes in a cgroup and all below it. */
export function processesOf(cgroup: string): number[] {
  return [...new Set(hierarchies().flatMap((hierarchy) => processesBelow(join(hierarchy, cgroup))))];
}

function processesBelow(folder: string): number[] {
  if (!existsSync(folder)) return [];
  const own = readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  return [...own, ...subfolders(folder).flatMap(processesBelow)];
}

/** Removes a cgroup and all below it; whether nothing is left. What still has processes stays. */
export function removeCgroup(cgroup: string): boolean {
  return hierarchies()
    .map((hierarchy) => removeBelow(join(hierarchy, cgroup)))
    .every(Boolean);
}

function removeBelow(folder: string): boolean {
  try {
    for (const child of subfolders(folder)) removeBelow(child);
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder);
  }
}

function subfolders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));
}
