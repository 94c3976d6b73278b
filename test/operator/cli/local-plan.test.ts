import { describe, expect, test } from "vitest";
import { formatProblem, readManifest } from "../../../operator/api/v1alpha1/manifest.ts";
import { type LocalPlan, planLocalCluster } from "../../../operator/cli/local-plan.ts";

const options = { portBase: 9200, hasEtcd: false };
const api = "apiVersion: pika.io/v1alpha1";
const cluster = (spec: string) => `${api}\nkind: PikaCluster\nmetadata: {name: demo}\nspec: ${spec}\n`;
const table = (spec: string, name = "t") => `---\n${api}\nkind: PikaTable\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
const secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: pw, empty: ''}\n";

function plan(text: string, hasEtcd = false): LocalPlan {
  const result = planLocalCluster(readManifest([{ name: "f", text }]), { ...options, hasEtcd });
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join("\n"));
  return result.plan;
}

function problemsOf(text: string): string[] {
  const result = planLocalCluster(readManifest([{ name: "f", text }]), options);
  return result.ok ? [] : result.problems.map(formatProblem);
}

describe("planLocalCluster", () => {
  test("gives ports as documented, one manager without etcd and all with it", () => {
    const text = cluster("{nodes: {replicas: 3}}");
    expect(plan(text).nodes.map(({ clientPort, peerPort, httpPort }) => [clientPort, peerPort, httpPort])).toEqual([
      [9221, 9222, 9223],
      [9231, 9232, 9233],
      [9241, 9242, 9243],
    ]);
    expect(plan(text).managerPorts).toEqual([9200]);
    expect(plan(text).notices[0]).toContain("1 manager instead of 3");
    expect(plan(text, true).managerPorts).toEqual([9200, 9201, 9202]);
    expect(plan(text, true).notices).toEqual([]);
  });

  test("spreads nodes over zones by name, whatever the order of the list", () => {
    const zones = plan(cluster("{nodes: {replicas: 4, zones: [{name: b}, {name: a}]}}")).nodes.map(({ zone }) => zone);
    expect(zones).toEqual(["a", "b", "a", "b"]);
  });

  test("resolves passwords and derives the replicas of a table", () => {
    const text =
      cluster("{nodes: {replicas: 3}, auth: {adminSecretRef: {name: s, key: password}}}") +
      table("{clusterRef: {name: demo}, passwordSecretRef: {name: s, key: password}}") +
      table("{clusterRef: {name: demo}, replicas: 3, slots: 1, clientRouting: Redirect}", "u") +
      secret;
    expect(plan(text).adminPassword).toBe("pw");
    expect(plan(text).tables).toEqual([
      { name: "t", slots: 64, replicas: 2, clientRouting: "Forward", password: "pw" },
      { name: "u", slots: 1, replicas: 3, clientRouting: "Redirect", password: "" },
    ]);
    expect(plan(cluster("{nodes: {replicas: 1}}") + table("{clusterRef: {name: demo}}")).tables[0]?.replicas).toBe(1);
  });

  test.each([
    [table("{clusterRef: {name: demo}}"), "there is no PikaCluster in these files"],
    [cluster("{nodes: {}, tls: {mode: Required}}"), "spec.tls.mode: not supported: this release has no TLS"],
    [cluster("{nodes: {}, suspend: true}"), "spec.suspend: not supported"],
    [cluster("{nodes: {}, version: v9}"), "spec.version: not supported"],
    [cluster("{nodes: {replicas: 65}}"), "spec.nodes.replicas: not supported: at most 64"],
    [cluster("{nodes: {}, etcd: {external: {endpoints: ['http://a']}}}"), "give the endpoints with --etcd URL"],
    [cluster("{nodes: {}, auth: {adminSecretRef: {name: x, key: y}}}"), "there is no Secret x with a value for y"],
    [`${cluster("{nodes: {}}")}---\n${cluster("{nodes: {}}").replace("demo", "demo2")}`, "is a second PikaCluster"],
    [
      cluster("{nodes: {}}") + table("{clusterRef: {name: other}}"),
      "names no PikaCluster of these files; they have demo",
    ],
    [
      cluster("{nodes: {}}") + table("{clusterRef: {name: demo}, consistency: Consistent}"),
      "spec.consistency: not supported",
    ],
    [cluster("{nodes: {}}") + table("{clusterRef: {name: demo}, quota: {maxBytes: 1Gi}}"), "spec.quota: not supported"],
    [
      cluster("{nodes: {}}") + table("{clusterRef: {name: demo}, placement: {zones: [a]}}"),
      "spec.placement: not supported",
    ],
    [
      cluster("{nodes: {replicas: 2}}") + table("{clusterRef: {name: demo}, replicas: 3}"),
      "is 3; the cluster has 2 nodes",
    ],
    [
      cluster("{nodes: {}}") + table("{clusterRef: {name: demo}, passwordSecretRef: {name: s, key: empty}}") + secret,
      "there is no Secret s with a value for empty",
    ],
  ])("refuses with the field and the reason: %#", (text, message) => {
    expect(problemsOf(text).join("\n")).toContain(message);
  });

  test("names what has no meaning on one machine", () => {
    const text = cluster(
      "{nodes: {replicas: 1, podTemplate: {labels: {a: b}}}, manager: {replicas: 1}, service: {type: NodePort}}",
    );
    expect(plan(text).notices.map((notice) => notice.split(" ")[0])).toEqual([
      "spec.nodes.podTemplate",
      "spec.service.type",
    ]);
  });
});
