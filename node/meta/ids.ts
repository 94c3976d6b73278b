/** Identities (DESIGN §2). Names, ordinals and addresses are attributes, never identity. */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Random 128 bits, 32 lower-case hex digits, made once at bootstrap. */
export type ClusterId = Branded<string, "ClusterId">;
/** Random 128 bits, 32 lower-case hex digits, written to the data directory at its first start. */
export type NodeId = Branded<string, "NodeId">;
/** From 1, given by the manager, never reused; fits 32 bits. */
export type TableId = Branded<number, "TableId">;
/** From 1, given by the manager to each placement of a replica, never reused; a safe integer. */
export type ReplicaId = Branded<number, "ReplicaId">;

const HEX_128 = /^[0-9a-f]{32}$/;

/** Checks the form of an id that comes from outside. Undefined where it is not one. */
export function parseNodeId(text: string): NodeId | undefined {
  return HEX_128.test(text) ? (text as NodeId) : undefined;
}

export function parseClusterId(text: string): ClusterId | undefined {
  return HEX_128.test(text) ? (text as ClusterId) : undefined;
}

export function tableId(value: number): TableId {
  return value as TableId;
}

export function replicaId(value: number): ReplicaId {
  return value as ReplicaId;
}
