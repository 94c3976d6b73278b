/**
 * Services, NetworkPolicies, ServiceAccounts and PodDisruptionBudgets.
 * Headless Services publish pods that are not ready: processes find each other before they serve.
 */

import { labelsOf, nameOf, PORTS, type Role, selectorOf } from "./child-names.ts";
import { type ClusterBlueprint, childMetadata, etcdIsManaged, type PlannedChild } from "./cluster-blueprint.ts";
import { DISRUPTION_BUDGETS, NETWORK_POLICIES, SERVICE_ACCOUNTS, SERVICES } from "./kinds.ts";

type Fields = Readonly<Record<string, unknown>>;
type Ports = readonly (readonly [name: string, port: number])[];

const ROLE_PORTS: Readonly<Record<Role, Ports>> = {
  node: [
    ["redis", PORTS.client],
    ["peer", PORTS.peer],
    ["http", PORTS.nodeHttp],
  ],
  manager: [["http", PORTS.manager]],
  etcd: [
    ["client", PORTS.etcdClient],
    ["peer", PORTS.etcdPeer],
    ["http", PORTS.etcdHttp],
  ],
};

/** The roles whose pods we run. */
function rolesOf(blueprint: ClusterBlueprint): readonly Role[] {
  return etcdIsManaged(blueprint) ? ["etcd", "manager", "node"] : ["manager", "node"];
}

/** The Service of a role's own processes, and the one that clients use. */
export function services(blueprint: ClusterBlueprint): PlannedChild[] {
  return [clientService(blueprint), ...rolesOf(blueprint).map((role) => headlessService(blueprint, role))];
}

function clientService(blueprint: ClusterBlueprint): PlannedChild {
  const { name, spec } = blueprint;
  const { type, annotations, externalTrafficPolicy } = spec.service;
  const metadata = childMetadata(blueprint, name, labelsOf(name));
  return {
    resource: SERVICES,
    object: {
      metadata: { ...metadata, ...(annotations ? { annotations: { ...annotations } } : {}) },
      spec: {
        type,
        selector: selectorOf(name, "node"),
        ports: servicePorts([["redis", PORTS.client]]),
        ...(externalTrafficPolicy && type !== "ClusterIP" ? { externalTrafficPolicy } : {}),
      },
    },
  };
}

function headlessService(blueprint: ClusterBlueprint, role: Role): PlannedChild {
  const { name } = blueprint;
  return {
    resource: SERVICES,
    object: {
      metadata: childMetadata(blueprint, nameOf(name, role), labelsOf(name, role)),
      spec: {
        type: "ClusterIP",
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: selectorOf(name, role),
        ports: servicePorts(ROLE_PORTS[role]),
      },
    },
  };
}

function servicePorts(ports: Ports): Fields[] {
  return ports.map(([name, port]) => ({ name, port, targetPort: port, protocol: "TCP" }));
}

/** Nobody's rights: pods get no token of them. */
export function serviceAccounts(blueprint: ClusterBlueprint): PlannedChild[] {
  const { name } = blueprint;
  return rolesOf(blueprint).map((role) => ({
    resource: SERVICE_ACCOUNTS,
    object: {
      metadata: childMetadata(blueprint, nameOf(name, role), labelsOf(name, role)),
      automountServiceAccountToken: false,
    },
  }));
}

/**
 * One pod of a role at a time may be taken away, and a broken one always; none of the nodes while one more loss would
 * stop a slot. A role of one pod has no budget: it would only block drains.
 */
export function disruptionBudgets(
  blueprint: ClusterBlueprint,
  replicasOf: (role: Role) => number,
  mayLoseNode: boolean,
): PlannedChild[] {
  const { name } = blueprint;
  return rolesOf(blueprint)
    .filter((role) => replicasOf(role) > 1)
    .map((role) => ({
      resource: DISRUPTION_BUDGETS,
      object: {
        metadata: childMetadata(blueprint, nameOf(name, role), labelsOf(name, role)),
        spec: {
          maxUnavailable: role === "node" && !mayLoseNode ? 0 : 1,
          unhealthyPodEvictionPolicy: "AlwaysAllow",
          selector: { matchLabels: selectorOf(name, role) },
        },
      },
    }));
}

/** Who may reach which port. What leaves the pods is not restricted. */
export function networkPolicies(blueprint: ClusterBlueprint): PlannedChild[] {
  if (!blueprint.spec.networkPolicy.enabled) return [];
  return rolesOf(blueprint).map((role) => ({
    resource: NETWORK_POLICIES,
    object: {
      metadata: childMetadata(blueprint, nameOf(blueprint.name, role), labelsOf(blueprint.name, role)),
      spec: {
        podSelector: { matchLabels: selectorOf(blueprint.name, role) },
        policyTypes: ["Ingress"],
        ingress: ingressOf(blueprint, role),
      },
    },
  }));
}

/** Wherever it runs: its pods are told by their name. */
const OPERATOR = {
  namespaceSelector: {},
  podSelector: { matchLabels: { "app.kubernetes.io/name": "pika-operator" } },
};

function ingressOf(blueprint: ClusterBlueprint, role: Role): Fields[] {
  const { name, spec } = blueprint;
  const pods = (from: Role): Fields => ({ podSelector: { matchLabels: selectorOf(name, from) } });
  const allow = (port: number, from?: readonly unknown[]): Fields => ({
    ports: [{ port, protocol: "TCP" }],
    ...(from === undefined ? {} : { from }),
  });
  switch (role) {
    case "node": {
      const { clients } = spec.networkPolicy;
      const mayConnect = clients === undefined ? [allow(PORTS.client)] : [allow(PORTS.client, clients)];
      return [...(clients?.length === 0 ? [] : mayConnect), allow(PORTS.peer, [pods("node")]), allow(PORTS.nodeHttp)];
    }
    case "manager":
      return [allow(PORTS.manager, [pods("node"), pods("manager"), OPERATOR])];
    case "etcd":
      return [
        allow(PORTS.etcdClient, [pods("manager"), pods("etcd")]),
        allow(PORTS.etcdPeer, [pods("etcd")]),
        allow(PORTS.etcdHttp),
      ];
  }
}
