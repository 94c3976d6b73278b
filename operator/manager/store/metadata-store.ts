/**
 * The port to where metadata live: keys with values and revisions, transactions that compare before they write,
 * leases, and a watch. Two implementations, etcd and embedded, pass one suite (test/contract/metadata-store.contract.ts).
 *
 * Invariants: the revision grows by one with every transaction that wrote; a transaction is all or nothing; a key put
 * under a lease is gone when the lease is. An error of `commit` says nothing about whether it happened: read again.
 */

export interface MetadataEntry {
  readonly key: string;
  readonly value: Buffer;
  /** Revision at which the key came into being; a key that was deleted and put again has a new one. */
  readonly createdRevision: number;
  readonly modifiedRevision: number;
}

export interface MetadataList {
  /** The revision that was read. */
  readonly revision: number;
  /** By key. */
  readonly entries: readonly MetadataEntry[];
}

/** What must hold for a transaction to happen. Revision 0: the key must be absent. */
export type MetadataCompare =
  | { readonly key: string; readonly createdRevision: number }
  | { readonly key: string; readonly modifiedRevision: number };

export type MetadataWrite =
  | { readonly kind: "put"; readonly key: string; readonly value: Buffer; readonly lease?: MetadataLease }
  | { readonly kind: "delete"; readonly key: string };

export interface MetadataTransaction {
  readonly compares: readonly MetadataCompare[];
  readonly writes: readonly MetadataWrite[];
}

export type CommitResult =
  | { readonly isCommitted: true; readonly revision: number }
  /** A comparison did not hold; nothing was written. */
  | { readonly isCommitted: false };

export interface MetadataLease {
  /** Keys put under it vanish when it was not renewed for so long. */
  readonly ttlMs: number;
  /**
   * Renews it for another ttlMs from when the store handled it.
   * @throws OperatingError `LeaseLost` when it has expired or was revoked; another code when the store cannot be asked.
   */
  keepAlive(): Promise<void>;
  /** Ends it at once. Idempotent. */
  revoke(): Promise<void>;
}

export type MetadataChange =
  | { readonly kind: "put"; readonly entry: MetadataEntry }
  | { readonly kind: "delete"; readonly key: string; readonly modifiedRevision: number };

export interface MetadataWatchListener {
  /** Changes in order, those of one transaction together. */
  onChanges(changes: readonly MetadataChange[]): void;
  /** Changes may have been missed (history is gone): list again and watch from there. The watch is closed. */
  onLost(): void;
}

export interface MetadataWatch {
  /** No call comes after it. Idempotent. */
  close(): void;
}

export interface MetadataStore {
  get(key: string): Promise<MetadataEntry | undefined>;
  /** All keys that begin with `prefix`. */
  list(prefix: string): Promise<MetadataList>;
  commit(transaction: MetadataTransaction): Promise<CommitResult>;
  /** @param ttlMs whole seconds, at least one. */
  grantLease(ttlMs: number): Promise<MetadataLease>;
  /** Changes of keys that begin with `prefix`, after revision `afterRevision`. */
  watch(
    from: { readonly prefix: string; readonly afterRevision: number },
    listener: MetadataWatchListener,
  ): MetadataWatch;
  /** Ends watches and connections; leases run out by themselves. Idempotent. */
  close(): Promise<void>;
}

/** etcd's default for operations in one transaction; compares and writes count apart. */
export const MAX_TRANSACTION_OPERATIONS = 128;
/** Bytes of all keys and values of one transaction; etcd's default limit of a request is 1.5 MiB. */
export const MAX_TRANSACTION_BYTES = 1024 * 1024;

/** Bytes that a transaction counts for. */
export function transactionBytes(transaction: MetadataTransaction): number {
  let total = 0;
  for (const write of transaction.writes) {
    total += write.key.length + (write.kind === "put" ? write.value.length : 0);
  }
  return total;
}
