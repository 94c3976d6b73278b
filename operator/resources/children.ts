/** All objects of a cluster, in the order in which they are applied: what others need comes first. Pure. */

import type { Role } from "./child-names.ts";
import { type ClusterBlueprint, etcdIsManaged, type PlannedChild } from "./cluster-blueprint.ts";
import { managerConfig, secrets } from "./configuration.ts";
import { disruptionBudgets, networkPolicies, serviceAccounts, services } from "./network.ts";
import { etcdSet, managerSet, nodeSet, type SetChoice } from "./stateful-sets.ts";

/** What of the objects depends on more than the blueprint. */
export interface ChildChoices {
  /** In base64; the administrator's is absent where the user gives a Secret. */
  readonly secrets: { readonly cluster: string; readonly admin: string | undefined };
  readonly etcd: SetChoice;
  readonly manager: SetChoice;
  /** By zone, "" where there are none; empty while there shall be no nodes yet. */
  readonly nodes: ReadonlyMap<string, SetChoice>;
  readonly memberCounts: Readonly<Record<Role, number>>;
  /** Whether every slot has another replica in sync. */
  readonly mayLoseNode: boolean;
}

export function clusterChildren(blueprint: ClusterBlueprint, choices: ChildChoices): PlannedChild[] {
  return [
    ...secrets(blueprint, choices.secrets),
    managerConfig(blueprint),
    ...serviceAccounts(blueprint),
    ...services(blueprint),
    ...networkPolicies(blueprint),
    ...disruptionBudgets(blueprint, (role) => choices.memberCounts[role], choices.mayLoseNode),
    ...(etcdIsManaged(blueprint) ? [etcdSet(blueprint, choices.etcd)] : []),
    managerSet(blueprint, choices.manager),
    ...[...choices.nodes].map(([zone, choice]) => nodeSet(blueprint, zone, choice)),
  ];
}
