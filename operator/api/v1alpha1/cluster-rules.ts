/**
 * The rules of a PikaCluster that types cannot say, in CEL, as the API server checks them.
 *
 * - Transition rules stand on `spec` and the root and test `has()` on both sides: a rule on an optional field is walked
 *   around by removing the field and adding it again.
 * - Objects get no defaults (see structural-schema.ts), so an absent part counts as its default here.
 * - No rule fails to evaluate on an object that could be stored; the root rules keep to `has()` for their cost.
 */

import { RESOURCE_NAME_RULE, type ValidationRule } from "./fields.ts";

/** The same expression over `self` and over `oldSelf`, compared. */
function isUnchanged(expression: string): string {
  return `(${expression}) == (${expression.replaceAll("self", "oldSelf")})`;
}

const NODE_SIZE = "has(self.nodes.storage) && has(self.nodes.storage.size) ? self.nodes.storage.size : '10Gi'";
const NODE_CLASS =
  "has(self.nodes.storage) && has(self.nodes.storage.storageClassName) ? '=' + self.nodes.storage.storageClassName : ''";
const IS_EXTERNAL = "has(self.etcd) && has(self.etcd.external)";
const MANAGED = "has(self.etcd) && has(self.etcd.managed)";
const ETCD_STORAGE = `${MANAGED} && has(self.etcd.managed.storage)`;
const ETCD_SIZE = `${ETCD_STORAGE} && has(self.etcd.managed.storage.size) ? self.etcd.managed.storage.size : '2Gi'`;
const ETCD_CLASS = `${ETCD_STORAGE} && has(self.etcd.managed.storage.storageClassName) ? '=' + self.etcd.managed.storage.storageClassName : ''`;
const ETCD_REPLICAS = `${MANAGED} && has(self.etcd.managed.replicas) ? self.etcd.managed.replicas : 3`;
const ETCD_PREFIX = `${IS_EXTERNAL} && has(self.etcd.external.prefix) ? self.etcd.external.prefix : ''`;
const HAS_ZONES = "has(self.nodes.zones) && size(self.nodes.zones) > 0";

function growsOnly(size: string): string {
  return `quantity(${size}).compareTo(quantity(${size.replaceAll("self", "oldSelf")})) >= 0`;
}

export const CLUSTER_SPEC_RULES: readonly ValidationRule[] = [
  { rule: growsOnly(NODE_SIZE), message: "spec.nodes.storage.size can only grow: volumes cannot shrink" },
  {
    rule: isUnchanged(NODE_CLASS),
    message: "spec.nodes.storage.storageClassName cannot be changed, set or removed later: volumes keep their class",
  },
  {
    rule: isUnchanged(HAS_ZONES),
    message: "spec.nodes.zones cannot go from none to some or back: the nodes' names depend on it",
  },
  { rule: isUnchanged(IS_EXTERNAL), message: "spec.etcd cannot change between managed and external" },
  { rule: isUnchanged(ETCD_PREFIX), message: "spec.etcd.external.prefix cannot be changed: the metadata is under it" },
  { rule: isUnchanged(ETCD_REPLICAS), message: "spec.etcd.managed.replicas is fixed when the cluster is created" },
  { rule: growsOnly(ETCD_SIZE), message: "spec.etcd.managed.storage.size can only grow: volumes cannot shrink" },
  {
    rule: isUnchanged(ETCD_CLASS),
    message: "spec.etcd.managed.storage.storageClassName cannot be changed, set or removed later",
  },
];

export const ETCD_RULES: readonly ValidationRule[] = [
  { rule: "!(has(self.managed) && has(self.external))", message: "at most one of managed and external may be set" },
];

export const TLS_RULES: readonly ValidationRule[] = [
  {
    rule: "!(has(self.secretRef) && has(self.certManager))",
    message: "at most one of secretRef and certManager may be set",
  },
  {
    rule: "!has(self.mode) || self.mode != 'Required' || has(self.secretRef) || has(self.certManager)",
    message: "mode Required needs a certificate: set secretRef or certManager",
  },
];

export const CLUSTER_ROOT_RULES: readonly ValidationRule[] = [
  RESOURCE_NAME_RULE,
  {
    rule:
      "!has(oldSelf.spec.nodes.zones) || !has(self.status) || !has(self.status.nodes) || !has(self.status.nodes.zones) || " +
      "oldSelf.spec.nodes.zones.all(zone, (has(self.spec.nodes.zones) && self.spec.nodes.zones.exists(kept, kept.name == zone.name)) || " +
      "!self.status.nodes.zones.exists(used, used.name == zone.name && has(used.nodes) && used.nodes > 0))",
    message: "a zone that still has nodes cannot be removed from spec.nodes.zones: lower spec.nodes.replicas first",
  },
];
