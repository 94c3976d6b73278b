/** What the operator was started with, as far as clusters depend on it. */

import type { OptionTable } from "../../../node/base/options.ts";

export interface OperatorSettings {
  readonly programVersion: string;
  /** Of nodes and managers of clusters that name none; it is of `programVersion`. */
  readonly image: string;
  readonly etcdImage: string;
  readonly clusterDomain: string;
  /** The options that `spec.nodes.config` may have, and those that are the operator's own. */
  readonly nodeOptions: OptionTable;
}

/** The image of a version: the operator's own repository with that tag. */
export function imageOfVersion(settings: OperatorSettings, version: string): string {
  if (version === settings.programVersion) return settings.image;
  const [name = ""] = settings.image.split("@");
  const colon = name.lastIndexOf(":");
  const repository = colon > name.lastIndexOf("/") ? name.slice(0, colon) : name;
  return `${repository}:${version}`;
}
