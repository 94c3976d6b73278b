/** Whether this machine can run the whole test cluster; what it lacks is said. */

import { CLIENTS, COREDNS, KUBERNETES, missingCommands, missingPrograms, PAUSE } from "./tool-cache.ts";

const SYSTEM_PROGRAMS = ["etcd", "containerd", "runc", "ctr", "nft", "ip", "unshare", "nsenter", "setpriv", "openssl"];

/** Says what it needs where it cannot run, and throws there under CI=true. */
export function hasCluster(): boolean {
  const lacks = listLacks();
  if (lacks.length === 0) return true;
  if (process.env.CI === "true") throw new Error(`CI=true, and the test cluster cannot run: ${lacks.join(", ")}`);
  process.stderr.write(`NOT RUN: tests on a whole Kubernetes (${lacks.join(", ")})\n`);
  return false;
}

export function listLacks(): string[] {
  if (process.platform !== "linux") return ["it is not Linux"];
  if (process.getuid?.() !== 0) return ["it needs root"];
  const system = missingCommands(SYSTEM_PROGRAMS);
  const built = missingPrograms([KUBERNETES, COREDNS, CLIENTS, PAUSE].flatMap(({ programs }) => programs));
  return [
    ...(system.length > 0 ? [`no ${system.join(", ")}: run make kube-tools`] : []),
    ...(built.length > 0 ? [`not built: ${built.join(", ")}: run make kube-tools`] : []),
  ];
}
