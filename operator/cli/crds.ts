/**
 * `pika crds`: the CustomResourceDefinitions of this version as YAML, for `kubectl apply --server-side -f -`. Each says
 * the version that it is of: an older chart leaves a newer definition alone.
 */

import { stringify } from "yaml";
import { customResourceDefinitions } from "../api/v1alpha1/custom-resources.ts";

interface Metadata {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Each definition by its file name in crds/, as a YAML document. @param annotations to add. */
export function crdDocuments(
  version: string,
  annotations?: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  return new Map(
    customResourceDefinitions().map((definition) => {
      const { name, labels } = definition.metadata as Metadata;
      const metadata = {
        name,
        labels: { ...labels, "app.kubernetes.io/version": version },
        ...(annotations ? { annotations } : {}),
      };
      return [`${name}.yaml`, stringify({ ...definition, metadata }, { lineWidth: 0, aliasDuplicateObjects: false })];
    }),
  );
}
