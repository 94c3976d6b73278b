/**
 * When a pod must be renewed (docs/operator.md): the hash of the inputs that it was made from. What the builders render
 * from them is not in it, so a newer operator that renders another template restarts nothing.
 * The shapes here are kept for ever: a field is added only where its absence hashes as before (undefined is dropped).
 */

import { createHash } from "node:crypto";
import { canonicalJson } from "../kube/core/intent.ts";
import type { Role } from "./child-names.ts";
import { type ClusterBlueprint, etcdIsManaged } from "./cluster-blueprint.ts";

/** Grows when what is hashed changes its meaning: every pod is renewed then. */
const INPUT_FORMAT = 1;

/** SHA-256 of a role's inputs, hex. */
export function inputHash(blueprint: ClusterBlueprint, role: Role): string {
  const inputs = { format: INPUT_FORMAT, role, ...inputsOf(blueprint, role) };
  return createHash("sha256").update(canonicalJson(inputs)).digest("hex");
}

function inputsOf(blueprint: ClusterBlueprint, role: Role): Readonly<Record<string, unknown>> {
  const { spec, version, image } = blueprint;
  switch (role) {
    case "node":
      return { version, image, podTemplate: spec.nodes.podTemplate, config: blueprint.nodeFlags };
    case "manager":
      return { version, image, podTemplate: spec.manager.podTemplate, etcd: externalInputs(blueprint) };
    case "etcd":
      return { image: blueprint.etcdImage, podTemplate: spec.etcd?.managed?.podTemplate };
  }
}

function externalInputs(blueprint: ClusterBlueprint): unknown {
  return etcdIsManaged(blueprint) ? undefined : blueprint.spec.etcd?.external;
}
