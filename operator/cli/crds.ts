/** `pika crds`: the CustomResourceDefinitions of this version as YAML, for `kubectl apply --server-side -f -`. */

import { stringify } from "yaml";
import { customResourceDefinitions } from "../api/v1alpha1/custom-resources.ts";

/** Each definition by its file name in crds/, as a YAML document. */
export function crdDocuments(): ReadonlyMap<string, string> {
  return new Map(
    customResourceDefinitions().map((definition) => [
      `${(definition.metadata as { name: string }).name}.yaml`,
      stringify(definition, { lineWidth: 0, aliasDuplicateObjects: false }),
    ]),
  );
}
