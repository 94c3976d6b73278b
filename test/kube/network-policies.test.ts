/** NetworkPolicies as a ruleset: who is held to what. */

import { describe, expect, test } from "vitest";
import type { KubeObject } from "./kube-api.ts";
import { type NetworkPolicy, type Pod, renderRuleset } from "./network-policies.ts";

function pod(name: string, podIP: string, labels: Readonly<Record<string, string>> = {}): Pod {
  return { metadata: { name, namespace: "one", uid: name, labels }, spec: { nodeName: "n1" }, status: { podIP } };
}

function policy(spec: NetworkPolicy["spec"]): NetworkPolicy {
  return { metadata: { name: "policy", namespace: "one", uid: "policy" }, spec };
}

const namespaces: KubeObject[] = [{ metadata: { name: "one", uid: "one", labels: { team: "a" } } }];
const pods = [pod("db", "198.51.100.2", { app: "db" }), pod("web", "198.51.100.3", { app: "web" })];

function rulesOf(...policies: NetworkPolicy[]): string {
  return renderRuleset({ pods, namespaces, policies, cutOff: [] });
}

describe("a ruleset", () => {
  test("holds nobody to anything where there is no policy", () => {
    expect(rulesOf()).not.toContain("drop");
  });

  test("denies all to a pod that a policy without rules selects, and only to it", () => {
    const rules = rulesOf(policy({ podSelector: { matchLabels: { app: "db" } } }));
    expect(rules).toContain("ip daddr 198.51.100.2 drop");
    expect(rules).not.toContain("198.51.100.3");
  });

  test("lets in those it names, at the ports it names", () => {
    const from = [{ podSelector: { matchExpressions: [{ key: "app", operator: "In", values: ["web"] }] } }];
    const ingress = [{ from, ports: [{ port: 9221 }, { protocol: "UDP", port: 1, endPort: 9 }] }];
    const rules = rulesOf(policy({ podSelector: { matchLabels: { app: "db" } }, ingress }));
    expect(rules).toContain("ip daddr 198.51.100.2 ip saddr { 198.51.100.3 } tcp dport 9221 return");
    expect(rules).toContain("ip daddr 198.51.100.2 ip saddr { 198.51.100.3 } udp dport 1-9 return");
  });

  test("lets nobody in where nobody is named so", () => {
    const ingress = [{ from: [{ namespaceSelector: { matchLabels: { team: "b" } } }] }];
    const rules = rulesOf(policy({ podSelector: { matchLabels: { app: "db" } }, ingress }));
    expect(rules).toContain("ip daddr 198.51.100.2 drop");
  });

  test("holds what goes out apart from what comes in", () => {
    const egress = [{ to: [{ ipBlock: { cidr: "203.0.113.0/24" } }] }];
    const rules = rulesOf(policy({ podSelector: {}, policyTypes: ["Egress"], egress }));
    expect(rules).toContain("ip saddr 198.51.100.3 ip daddr 203.0.113.0/24 return");
    expect(rules).not.toContain("ip daddr 198.51.100.3");
  });

  test("cuts an address off from all, established or not", () => {
    const rules = renderRuleset({ pods, namespaces, policies: [], cutOff: ["198.51.100.2"] });
    expect(rules.indexOf("ip saddr 198.51.100.2 drop")).toBeLessThan(rules.indexOf("established"));
  });
});
