import { describe, expect, test } from "vitest";
import type {
  ClusterObservation,
  Pod,
  StatefulSet,
} from "../../../../operator/controllers/core/cluster-observation.ts";
import { planUpdate } from "../../../../operator/controllers/core/plan-update.ts";
import type { ClusterBlueprint } from "../../../../operator/resources/cluster-blueprint.ts";
import { inputHash } from "../../../../operator/resources/pod-inputs.ts";
import { CLUSTER_ID, leads, observe, readyPods } from "../../../support/cluster-observations.ts";

const ROLES = ["etcd", "manager", "node"] as const;
type Role = (typeof ROLES)[number];
const SETS: Readonly<Record<Role, string>> = { etcd: "demo-etcd", manager: "demo-manager", node: "demo-nodes" };

function blueprintOf({ spec }: ClusterObservation): ClusterBlueprint {
  return {
    namespace: "team",
    name: "demo",
    spec,
    clusterId: CLUSTER_ID,
    isBootstrapped: true,
    version: "0.1.0",
    image: "new",
    etcdImage: "etcd",
    clusterDomain: "cluster.local",
    hasEtcdCertificate: false,
    nodeFlags: {},
  };
}

interface Changes {
  /** Pods that run older inputs. */
  readonly old?: readonly string[];
  readonly unready?: readonly string[];
  readonly missing?: readonly string[];
  /** StatefulSets with OnDelete. */
  readonly open?: readonly string[];
  readonly spec?: object;
  readonly over?: Partial<ClusterObservation>;
}

/** Everything is there, seen and ready, apart from the changes. */
function plan({ old = [], unready = [], missing = [], open = [], spec = {}, over = {} }: Changes) {
  const bare = observe(spec, { manager: leads(3) });
  const blueprint = blueprintOf(bare);
  const pods = ROLES.flatMap((role) =>
    readyPods(role, 3).map((pod): Pod => {
      const name = pod.metadata.name ?? "";
      const annotations = { "pika.io/input-hash": old.includes(name) ? "old" : inputHash(blueprint, role) };
      return {
        metadata: { ...pod.metadata, annotations },
        ...(unready.includes(name) ? {} : { status: pod.status }),
      } as Pod;
    }),
  ).filter(({ metadata }) => !missing.includes(metadata.name ?? ""));
  const sets = ROLES.map((role) => ({
    metadata: { name: SETS[role], generation: 2, labels: { "app.kubernetes.io/component": role } },
    spec: {
      replicas: 3,
      updateStrategy: { type: open.includes(SETS[role]) ? "OnDelete" : "RollingUpdate" },
      template: { metadata: { annotations: { "pika.io/input-hash": inputHash(blueprint, role) } } },
    },
    status: { observedGeneration: 2 },
  })) as unknown as StatefulSet[];
  const made = planUpdate({ ...bare, pods, sets, ...over }, blueprint);
  const { reason } = made.result.kind === "Complete" ? { reason: "" } : made.result;
  return { reason, open: [...made.openSets], next: made.next?.pod.metadata.name, isBroken: made.next?.isBroken };
}

const NODES = ["demo-nodes-0", "demo-nodes-1", "demo-nodes-2"];

describe("a rolling update", () => {
  test("is over where every pod has the wanted inputs", () => {
    expect(plan({})).toEqual({ reason: "", open: [], next: undefined, isBroken: undefined });
  });

  test("opens the StatefulSet first, evicts once its controller has seen that, and closes it when the pod is there", () => {
    expect(plan({ old: NODES })).toMatchObject({ reason: "Updating", open: ["demo-nodes"], next: undefined });
    expect(plan({ old: NODES, open: ["demo-nodes"] })).toMatchObject({ next: "demo-nodes-2", isBroken: false });
    const gone = { old: NODES.slice(0, 2), missing: ["demo-nodes-2"], open: ["demo-nodes"] };
    expect(plan(gone)).toMatchObject({ open: ["demo-nodes"], next: undefined });
    const made = { old: NODES.slice(0, 2), unready: ["demo-nodes-2"], open: ["demo-nodes"] };
    expect(plan(made)).toMatchObject({ open: [], next: undefined });
  });

  test("takes a broken pod first, and no whole one while another is not ready", () => {
    const open = ["demo-nodes"];
    expect(plan({ old: NODES, unready: ["demo-nodes-0"], open })).toMatchObject({
      next: "demo-nodes-0",
      isBroken: true,
    });
    expect(plan({ old: NODES.slice(0, 2), unready: ["demo-nodes-2"], open })).toMatchObject({ next: undefined });
    expect(plan({ old: NODES, unready: ["demo-manager-1"], open })).toMatchObject({ next: undefined });
  });

  test("does etcd before managers before nodes", () => {
    const open = Object.values(SETS);
    expect(plan({ old: [...NODES, "demo-manager-0", "demo-etcd-1"], open }).next).toBe("demo-etcd-1");
    expect(plan({ old: [...NODES, "demo-manager-0"], open }).next).toBe("demo-manager-0");
  });

  test("waits for slots in sync, for managers, and while it is paused", () => {
    const open = ["demo-nodes"];
    const behind = leads(3, { slots: { total: 8, withLeader: 8, underReplicated: 1, lost: 0 } });
    expect(plan({ old: NODES, open, over: { manager: behind } }).next).toBeUndefined();
    const away = { kind: "Away", message: "no manager is ready" } as const;
    expect(plan({ old: NODES, open, over: { manager: away } }).next).toBeUndefined();
    expect(plan({ old: NODES, spec: { update: { paused: true } } })).toMatchObject({ reason: "", next: undefined });
  });
});
