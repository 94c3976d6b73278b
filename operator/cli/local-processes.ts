/** The command lines of a local cluster's processes: managers first, nodes behind them. */

import { flagName } from "../../node/base/options.ts";
import type { LocalPlan } from "./local-plan.ts";
import type { StateDirectory } from "./state-directory.ts";
import type { ProcessSpec } from "./supervisor.ts";

const MANAGER_GROUP = 0;
const NODE_GROUP = 1;

/** What `pika` is called with for each process of the plan. */
export function specifyProcesses(
  plan: LocalPlan,
  options: { readonly state: StateDirectory; readonly etcd: readonly string[] },
): ProcessSpec[] {
  const { state, etcd } = options;
  const urls = plan.managerPorts.map((port) => `http://127.0.0.1:${port}`).join(",");
  const managers = plan.managerPorts.map((port, index) => {
    const name = `manager-${index}`;
    const store = etcd.length > 0 ? ["--etcd", etcd.join(",")] : ["--data-dir", state.dataOf(name)];
    const flags = ["--host", "127.0.0.1", "--port", `${port}`, "--announce-url", `http://127.0.0.1:${port}`];
    const identity = ["--prefix", `/pika/local/${plan.cluster}`, "--secret-file", state.secretFile];
    return { name, group: MANAGER_GROUP, args: ["manager", ...flags, ...store, ...identity] };
  });
  const nodes = plan.nodes.map((node) => {
    const name = `node-${node.index}`;
    const ports = [
      "--port",
      `${node.clientPort}`,
      "--peer-port",
      `${node.peerPort}`,
      "--http-port",
      `${node.httpPort}`,
    ];
    const identity = ["--name", node.name, "--zone", node.zone, "--secret-file", state.secretFile];
    const place = ["--host", "127.0.0.1", "--announce-host", "127.0.0.1", "--data-dir", state.dataOf(name)];
    const config = Object.entries(plan.config).flatMap(([option, value]) => [`--${flagName(option)}`, `${value}`]);
    return { name, group: NODE_GROUP, args: ["node", ...ports, ...place, ...identity, "--managers", urls, ...config] };
  });
  return [...managers, ...nodes];
}
