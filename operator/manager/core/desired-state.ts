/**
 * Desired state as it is put: who may change what (docs/formats/metadata.md, "HTTP API"). Pure.
 * The same owner must not go back to an older generation; another owner must show the cluster's id. What is not built
 * yet is refused with the field and the reason.
 */

import { type TableId, tableId } from "../../../node/meta/ids.ts";
import type { DeleteTableRequest, PutClusterRequest, PutTableRequest } from "../../../node/meta/manager-api.ts";
import { MAX_TABLES } from "../../../node/meta/schemas.ts";
import { type ClusterState, findTable, type Intent, type TableRecord, withEntry } from "./cluster-state.ts";
import { wantedReplicas } from "./plan.ts";

export interface DesiredFault {
  readonly code: "GenerationTooOld" | "OtherOwner" | "Immutable" | "NotSupported" | "NotFound";
  readonly message: string;
  readonly path: string | undefined;
}

export type DesiredResult =
  | { readonly ok: true; readonly state: ClusterState }
  | { readonly ok: false; readonly fault: DesiredFault };

interface Wish extends Intent {
  readonly adopt?: string | undefined;
}

function refuse(code: DesiredFault["code"], message: string, path?: string): DesiredResult {
  return { ok: false, fault: { code, message, path } };
}

/** Why `wish` may not change what `current` wants; undefined where it may. */
function intentFault(
  state: ClusterState,
  what: string,
  { current, wish }: { readonly current: Intent; readonly wish: Wish },
): DesiredFault | undefined {
  if (wish.owner === current.owner) {
    if (wish.generation >= current.generation) return undefined;
    const message = `${what} is at generation ${current.generation} of this owner, the request has ${wish.generation}`;
    return { code: "GenerationTooOld", message, path: "generation" };
  }
  if (wish.adopt === state.clusterId) return undefined;
  const message = `${what} belongs to owner ${current.owner}; to take it over give adopt with the cluster id`;
  return { code: "OtherOwner", message, path: wish.adopt === undefined ? "owner" : "adopt" };
}

export function putCluster(state: ClusterState, request: PutClusterRequest): DesiredResult {
  const current = state.settings.desired;
  const fault = current && intentFault(state, "the cluster", { current, wish: request });
  if (fault) return { ok: false, fault };
  const { owner, generation, spec } = request;
  return { ok: true, state: { ...state, settings: { ...state.settings, desired: { owner, generation, spec } } } };
}

/** What a put brings along that is not in the request. */
export interface PutTableInput {
  readonly name: string;
  readonly request: PutTableRequest;
  readonly nowMs: number;
  /** 16 random hex digits. */
  readonly hashSeed: string;
}

export function putTable(state: ClusterState, input: PutTableInput): DesiredResult {
  const { name, request } = input;
  const { owner, generation, spec } = request;
  if (spec.consistency !== "Asynchronous") {
    return refuse("NotSupported", "consistent tables are not built yet; use Asynchronous", "spec.consistency");
  }
  const current = findTable(state, name);
  if (current === undefined) return createTable(state, input);
  const fault = intentFault(state, `table ${name}`, { current, wish: request });
  if (fault) return { ok: false, fault };
  if (spec.slots !== current.table.slots) {
    const message = `table ${name} has ${current.table.slots} slots; that never changes`;
    return refuse("Immutable", message, "spec.slots");
  }
  const table = { ...current.table, clientRouting: spec.clientRouting, passwordHashes: spec.passwordHashes };
  const record: TableRecord = { ...current, owner, generation, spec, table };
  return { ok: true, state: { ...state, tables: withEntry(state.tables, table.id, record) } };
}

function createTable(state: ClusterState, { name, request, nowMs, hashSeed }: PutTableInput): DesiredResult {
  if (state.tables.size >= MAX_TABLES) return refuse("NotSupported", `a cluster has at most ${MAX_TABLES} tables`);
  const { owner, generation, spec } = request;
  const id: TableId = tableId(state.counters.nextTableId);
  const record: TableRecord = {
    owner,
    generation,
    spec,
    createdMs: nowMs,
    table: {
      id,
      name,
      slots: spec.slots,
      replicas: 1,
      consistency: spec.consistency,
      clientRouting: spec.clientRouting,
      hashSeed,
      passwordHashes: spec.passwordHashes,
    },
  };
  const replicas = wantedReplicas(state, record);
  const counters = { ...state.counters, nextTableId: id + 1 };
  const tables = withEntry(state.tables, id, { ...record, table: { ...record.table, replicas } });
  return { ok: true, state: { ...state, counters, tables } };
}

/** Takes a table away; its data go with it. */
export function deleteTable(state: ClusterState, name: string, request: DeleteTableRequest): DesiredResult {
  const current = findTable(state, name);
  if (current === undefined) return refuse("NotFound", `there is no table ${name}`);
  const fault = intentFault(state, `table ${name}`, { current, wish: request });
  if (fault) return { ok: false, fault };
  const tables = new Map(state.tables);
  tables.delete(current.table.id);
  const assignments = new Map(state.assignments);
  assignments.delete(current.table.id);
  return { ok: true, state: { ...state, tables, assignments } };
}
