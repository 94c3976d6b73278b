/**
 * NetworkPolicies as an nftables ruleset: pure, objects in and text out. The bridge that joins the pods enforces none
 * itself, so a wrong policy would pass every test. Known: ingress and egress, pod and namespace selectors with
 * matchLabels and matchExpressions, ipBlock, TCP and UDP ports by number and range. Named ports and
 * `except` are refused.
 * Traffic from the nodes themselves (probes) is always let in, as Kubernetes does.
 */

import type { KubeObject } from "./kube-api.ts";

export interface Pod extends KubeObject {
  readonly spec: { readonly nodeName?: string; readonly hostNetwork?: boolean };
  readonly status: { readonly podIP?: string; readonly phase?: string };
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}

interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

interface Port {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

export interface NetworkPolicy extends KubeObject {
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: readonly Port[] }[];
    readonly egress?: readonly { readonly to?: readonly Peer[]; readonly ports?: readonly Port[] }[];
  };
}

export interface NetworkState {
  readonly pods: readonly Pod[];
  readonly namespaces: readonly KubeObject[];
  readonly policies: readonly NetworkPolicy[];
  /** Addresses of pods that are cut off from everything. */
  readonly cutOff: readonly string[];
}

/** The whole table, to be loaded at once. */
export function renderRuleset(state: NetworkState): string {
  const reachable = state.pods.filter(
    ({ spec, status }) => status.podIP !== undefined && !spec.hostNetwork && status.phase !== "Succeeded",
  );
  const rules = reachable.flatMap((pod) => [
    ...isolate(pod, { ...state, pods: reachable }, "Ingress"),
    ...isolate(pod, { ...state, pods: reachable }, "Egress"),
  ]);
  const cut = state.cutOff.flatMap((address) => [`ip saddr ${address} drop`, `ip daddr ${address} drop`]);
  const chain = (name: string, hook: string, lines: readonly string[]): string =>
    `chain ${name} { type filter hook ${hook} priority 10; policy accept;\n${lines.join("\n")}\n}`;
  const flowing = ["ct state established,related accept", ...rules];
  return [
    "add table inet policies",
    "delete table inet policies",
    "table inet policies {",
    chain("forwarded", "forward", [...cut, ...flowing]),
    chain("incoming", "input", cut),
    chain("outgoing", "output", cut),
    "}\n",
  ].join("\n");
}

/** What is let through for one pod in one direction, and a drop behind it; nothing where no policy selects it. */
function isolate(pod: Pod, state: NetworkState, direction: "Ingress" | "Egress"): string[] {
  const isIngress = direction === "Ingress";
  const policies = state.policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.metadata.namespace &&
      typesOf(spec).includes(direction) &&
      selects(spec.podSelector, pod.metadata.labels),
  );
  if (policies.length === 0) return [];
  const [own, other] = isIngress ? ["daddr", "saddr"] : ["saddr", "daddr"];
  const allowed = policies.flatMap(({ metadata, spec }) =>
    (isIngress ? (spec.ingress ?? []) : (spec.egress ?? [])).flatMap((rule) => {
      const peers = "from" in rule ? rule.from : "to" in rule ? rule.to : undefined;
      const places = !peers || peers.length === 0 ? [""] : peers.flatMap((peer) => placesOf(peer, metadata, state));
      const ports = !rule.ports || rule.ports.length === 0 ? [""] : rule.ports.map(matchPort);
      return places.flatMap((place) =>
        ports.map((port) => `ip ${own} ${pod.status.podIP} ${place && `ip ${other} ${place} `}${port}return`),
      );
    }),
  );
  // One chain: what one pod may send is still asked of the pod that takes it, so `return` would end too early.
  return [...new Set(allowed)].length === 0
    ? [`ip ${own} ${pod.status.podIP} drop`]
    : [`ip ${own} ${pod.status.podIP} jump { \n${[...new Set(allowed)].join("\n")}\ndrop\n}`];
}

function typesOf(spec: NetworkPolicy["spec"]): readonly string[] {
  return spec.policyTypes ?? (spec.egress ? ["Ingress", "Egress"] : ["Ingress"]);
}

/** What nftables writes behind `saddr` for a peer. */
function placesOf(peer: Peer, policy: KubeObject["metadata"], state: NetworkState): string[] {
  if (peer.ipBlock) {
    const { cidr, except = [] } = peer.ipBlock;
    if (except.length > 0) throw new Error(`the test cluster knows no except in an ipBlock: ${except}`);
    return [cidr];
  }
  const namespaces = new Set(
    peer.namespaceSelector === undefined
      ? [policy.namespace]
      : state.namespaces
          .filter(({ metadata }) => selects(peer.namespaceSelector, metadata.labels))
          .map(({ metadata }) => metadata.name),
  );
  const addresses = state.pods
    .filter(({ metadata }) => namespaces.has(metadata.namespace) && selects(peer.podSelector, metadata.labels))
    .map(({ status }) => status.podIP as string);
  return addresses.length === 0 ? [] : [`{ ${[...new Set(addresses)].join(", ")} }`];
}

function matchPort({ protocol = "TCP", port, endPort }: Port): string {
  if (typeof port === "string") throw new Error(`the test cluster knows no named port in a NetworkPolicy: ${port}`);
  const kind = protocol.toLowerCase();
  if (port === undefined) return `meta l4proto ${kind} `;
  return `${kind} dport ${port}${endPort === undefined ? "" : `-${endPort}`} `;
}

function selects(selector: Selector | undefined, labels: Readonly<Record<string, string>> = {}): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      const isIn = value !== undefined && values.includes(value);
      return operator === "In" ? isIn : !isIn;
    })
  );
}
