/**
 * What of a PikaCluster cannot be done: what this release does not do is `NotSupported` with the field, a wrong option
 * is `InvalidSpec`, a Secret that is missing or malformed is waited for. Pure.
 */

import { messageOf } from "../../../node/base/errors.ts";
import { flagName, readOptions } from "../../../node/base/options.ts";
import type { ClusterObservation, ClusterSpec } from "./cluster-observation.ts";
import type { OperatorSettings } from "./settings.ts";
import { COMPLETE, fail, type TaskResult, waitFor } from "./task.ts";

/** Options of a node that the operator gives itself. */
const OWN_OPTIONS: ReadonlySet<string> = new Set([
  "host",
  "port",
  "peerPort",
  "httpPort",
  "name",
  "announceHost",
  "announcePort",
  "zone",
  "dataDir",
  "managers",
  "secretFile",
  "standaloneSlots",
]);

export function validateCluster(observation: ClusterObservation, settings: OperatorSettings): TaskResult {
  const { spec } = observation;
  const refused = findUnsupported(spec);
  if (refused) return fail("NotSupported", refused);
  const wrong = findWrongOption(spec, settings);
  if (wrong) return fail("InvalidSpec", wrong);
  return checkSecrets(observation);
}

function findUnsupported(spec: ClusterSpec): string | undefined {
  if (spec.tls.mode !== "Disabled") return "spec.tls.mode: this release has no TLS for clients; use Disabled";
  if (spec.featureLevel !== "") return "spec.featureLevel: this release has one feature level; leave it out";
  if (spec.service.announce) return "spec.service.announce: this release announces nodes by their own names only";
  if (spec.failover.mode !== "Automatic") return "spec.failover.mode: this release promotes by itself only";
  const { serviceMonitor, prometheusRule, dashboard } = spec.monitoring;
  if (serviceMonitor || prometheusRule || dashboard) {
    return "spec.monitoring: this release makes no objects of others; the chart has them for all clusters";
  }
  return undefined;
}

function findWrongOption(spec: ClusterSpec, { nodeOptions }: OperatorSettings): string | undefined {
  for (const name of Object.keys(spec.nodes.config)) {
    if (OWN_OPTIONS.has(name)) return `spec.nodes.config.${name}: the operator sets it; leave it out`;
  }
  try {
    readOptions(nodeOptions, [{ describe: (name) => `spec.nodes.config.${name}`, values: spec.nodes.config }]);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** The flags that the nodes' options are given by, in the order of their names. */
export function nodeFlagsOf(spec: ClusterSpec): Readonly<Record<string, string>> {
  const entries = Object.entries(spec.nodes.config).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, value]) => [flagName(name), String(value)]));
}

interface Needed {
  readonly field: string;
  readonly name: string;
  readonly keys: readonly string[];
}

/** The Secrets that the spec names, with the keys that they must have. */
export function neededSecrets(spec: ClusterSpec): Needed[] {
  const { auth, etcd } = spec;
  const needed: Needed[] = [];
  const admin = auth?.adminSecretRef;
  if (admin) needed.push({ field: "spec.auth.adminSecretRef", name: admin.name, keys: [admin.key] });
  const tls = etcd?.external?.tlsSecretRef;
  if (tls) needed.push({ field: "spec.etcd.external.tlsSecretRef", name: tls.name, keys: ["ca.crt"] });
  const login = etcd?.external?.authSecretRef;
  if (login) {
    needed.push({ field: "spec.etcd.external.authSecretRef", name: login.name, keys: ["username", "password"] });
  }
  return needed;
}

function checkSecrets({ spec, userSecrets }: ClusterObservation): TaskResult {
  for (const { field, name, keys } of neededSecrets(spec)) {
    const secret = userSecrets.get(name);
    if (secret === undefined) return waitFor("SecretNotFound", `${field}: there is no Secret ${name}`);
    const missing = keys.find((key) => (secret[key] ?? "") === "");
    if (missing) return waitFor("SecretNotFound", `${field}: Secret ${name} has no value for the key ${missing}`);
  }
  return COMPLETE;
}
