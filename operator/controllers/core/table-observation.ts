/** What a reconcile of a PikaTable is decided from. Immutable. */

import type { z } from "zod";
import type { TableReply } from "../../../node/meta/manager-api.ts";
import { type PikaTable, tableSpec } from "../../api/v1alpha1/pika-table.ts";
import type { tableStatus } from "../../api/v1alpha1/pika-table-status.ts";
import type { KubeObject } from "../../kube/core/api-object.ts";
import type { Condition } from "../../kube/core/status-change.ts";
import type { LiveCluster, UserSecret } from "./cluster-observation.ts";

export type TableSpec = PikaTable["spec"];
/** Conditions without their times: the writer has them. */
export type TableStatus = Omit<z.infer<typeof tableStatus>, "conditions"> & {
  readonly conditions?: readonly Condition[];
};

/** As the API server has it, without defaults. */
export interface LiveTable extends KubeObject {
  readonly spec: unknown;
  readonly status?: TableStatus;
}

/** What the leading manager says of the cluster's tables. */
export type TablesView =
  | { readonly kind: "Away"; readonly message: string }
  | { readonly kind: "Leads"; readonly clusterId: string; readonly tables: readonly TableReply[] };

export interface TableObservation {
  readonly live: LiveTable;
  readonly spec: TableSpec;
  /** Undefined where there is none of that name. */
  readonly cluster: LiveCluster | undefined;
  /** The PikaTables of the cluster, this one too. */
  readonly siblings: readonly LiveTable[];
  readonly password: UserSecret;
  readonly manager: TablesView;
  readonly clusterDomain: string;
  readonly nowMs: number;
}

/** Name of the table in the cluster. */
export function tableNameOf({ metadata, spec }: LiveTable): string {
  const parsed = tableSpec.safeParse(spec);
  const named = parsed.success ? parsed.data.tableName : "";
  return named === "" ? (metadata.name ?? "") : named;
}
