/**
 * MetadataStore in etcd (v3 API, package etcd3). The only file that knows etcd.
 * Calls have a deadline and are not retried here: a commit that failed may have happened, and only the caller, who
 * reads again, can tell. Leases are renewed by the caller, so that it knows by its own clock how long they hold.
 */

import { rootCertificates } from "node:tls";
import { Etcd3, EtcdLeaseInvalidError, type ICompare, type IKeyValue, type IOptions, type IRequestOp } from "etcd3";
import { assert } from "../../../node/base/assert.ts";
import type { Clock } from "../../../node/base/clock.ts";
import { messageOf, OperatingError } from "../../../node/base/errors.ts";
import type { EtcdCredentials } from "./etcd-credentials.ts";
import {
  type CommitResult,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_OPERATIONS,
  type MetadataChange,
  type MetadataCompare,
  type MetadataEntry,
  type MetadataLease,
  type MetadataList,
  type MetadataStore,
  type MetadataTransaction,
  type MetadataWatch,
  type MetadataWatchListener,
  type MetadataWrite,
  transactionBytes,
} from "./metadata-store.ts";

export interface EtcdStoreOptions {
  /** `http://host:2379` or `https://…`, one or more, of one kind. */
  readonly endpoints: readonly string[];
  readonly credentials?: EtcdCredentials;
  /** A call that is not answered in so long has failed. */
  readonly timeoutMs?: number;
}

/** etcd elects a new leader of its own in about a second; two calls of this length fit in a manager's lease. */
const DEFAULT_TIMEOUT_MS = 2000;
/** One list answer holds at most so many keys, so that it stays under gRPC's message limit (4 MiB by default). */
const LIST_PAGE_COUNT = 500;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

type Policy = NonNullable<NonNullable<IOptions["faultHandling"]>["global"]>;

export class EtcdMetadataStore implements MetadataStore {
  readonly #endpoints: readonly string[];
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** Each open watch with what tells its listener that it is lost. */
  readonly #watches = new Map<MetadataWatch, () => void>();
  #client: Etcd3;
  #isClosed = false;

  constructor(options: EtcdStoreOptions, clock: Clock) {
    this.#clock = clock;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#endpoints = options.endpoints;
    this.#client = this.#connect(options.credentials ?? {});
  }

  /** Goes on with these. Watches are lost, as when etcd restarts; leases stay, they are etcd's. */
  useCredentials(credentials: EtcdCredentials): void {
    if (this.#isClosed) return;
    const old = this.#client;
    this.#client = this.#connect(credentials);
    for (const [watch, lose] of [...this.#watches]) {
      watch.close();
      lose();
    }
    old.close();
  }

  async get(key: string): Promise<MetadataEntry | undefined> {
    const reply = await this.#call(() => this.#client.kv.range({ key: Buffer.from(key) }));
    return reply.kvs[0] && toEntry(reply.kvs[0]);
  }

  async list(prefix: string): Promise<MetadataList> {
    const entries: MetadataEntry[] = [];
    const end = afterPrefix(prefix);
    let key = Buffer.from(prefix);
    let revision = 0;
    for (;;) {
      const from = key;
      const at = revision;
      const reply = await this.#call(() =>
        this.#client.kv.range({ key: from, range_end: end, limit: LIST_PAGE_COUNT, revision: at }),
      );
      if (revision === 0) revision = Number(reply.header.revision);
      for (const kv of reply.kvs) entries.push(toEntry(kv));
      const last = reply.kvs.at(-1);
      if (!reply.more || last === undefined) return { revision, entries };
      key = Buffer.concat([last.key, Buffer.from([0])]);
    }
  }

  async commit(transaction: MetadataTransaction): Promise<CommitResult> {
    assert(transaction.writes.length <= MAX_TRANSACTION_OPERATIONS, "a transaction has at most 128 writes");
    assert(transactionBytes(transaction) <= MAX_TRANSACTION_BYTES, "a transaction has at most 1 MiB");
    const reply = await this.#call(() =>
      this.#client.kv.txn({
        compare: transaction.compares.map(toCompare),
        success: transaction.writes.map(toOperation),
      }),
    );
    return reply.succeeded ? { isCommitted: true, revision: Number(reply.header.revision) } : { isCommitted: false };
  }

  async grantLease(ttlMs: number): Promise<MetadataLease> {
    assert(ttlMs >= 1000 && ttlMs % 1000 === 0, "a lease lasts whole seconds, at least one");
    const reply = await this.#call(() => this.#client.leaseClient.leaseGrant({ TTL: ttlMs / 1000 }));
    return new EtcdLease(reply.ID, ttlMs, {
      keepAlive: () => this.#call(() => this.#keepAliveOnce(reply.ID)),
      revoke: () => this.#call(() => this.#client.leaseClient.leaseRevoke({ ID: reply.ID })),
    });
  }

  watch(
    from: { readonly prefix: string; readonly afterRevision: number },
    listener: MetadataWatchListener,
  ): MetadataWatch {
    const watcher = this.#client
      .watch()
      .prefix(from.prefix)
      .startRevision(String(from.afterRevision + 1))
      .watcher();
    let isOpen = true;
    const watch: MetadataWatch = {
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#watches.delete(watch);
        watcher.cancel().catch(() => undefined);
      },
    };
    this.#watches.set(watch, () => listener.onLost());
    watcher.on("data", (reply) => {
      if (isOpen && reply.events.length > 0) listener.onChanges(reply.events.map(toChange));
    });
    watcher.on("error", () => {
      if (!isOpen) return;
      watch.close();
      listener.onLost();
    });
    return watch;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const watch of [...this.#watches.keys()]) watch.close();
    this.#client.close();
  }

  #connect(credentials: EtcdCredentials): Etcd3 {
    const { tls, user } = credentials;
    return new Etcd3({
      hosts: [...this.#endpoints],
      ...(tls ? { credentials: toSslOptions(tls) } : {}),
      ...(user ? { auth: { username: user.name, password: user.password } } : {}),
      grpcOptions: {
        "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.min_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 1000,
      },
      faultHandling: { global: once(), host: once },
      defaultCallOptions: (context) => (context.isStream ? {} : { deadline: this.#clock.wallMs() + this.#timeoutMs }),
    });
  }

  /** One renewal over a stream of its own: etcd has no other way to ask. */
  async #keepAliveOnce(id: string): Promise<void> {
    const stream = await this.#client.leaseClient.leaseKeepAlive({
      deadline: this.#clock.wallMs() + this.#timeoutMs,
    });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    stream.on("data", (reply) => resolve(Number(reply.TTL)));
    stream.on("error", reject);
    stream.on("end", () => reject(new Error("the stream ended without an answer")));
    stream.write({ ID: id });
    try {
      if ((await promise) <= 0) throw new EtcdLeaseInvalidError(id);
    } finally {
      stream.end();
    }
  }

  async #call<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new OperatingError("StoreUnavailable", "the metadata store is closed");
    try {
      return await run();
    } catch (error) {
      if (error instanceof EtcdLeaseInvalidError || /lease not found/i.test(messageOf(error))) {
        throw new OperatingError("LeaseLost", "the lease has expired or was revoked", { cause: error });
      }
      const text = `etcd at ${this.#endpoints.join(", ")} does not answer: ${reasonOf(error)}`;
      throw new OperatingError(
        "StoreUnavailable",
        `${text}; see that it runs there and that the managers can reach it`,
        {
          cause: error,
        },
      );
    }
  }
}

class EtcdLease implements MetadataLease {
  readonly id: string;
  readonly ttlMs: number;
  readonly #calls: { keepAlive(): Promise<void>; revoke(): Promise<unknown> };
  #isRevoked = false;

  constructor(id: string, ttlMs: number, calls: { keepAlive(): Promise<void>; revoke(): Promise<unknown> }) {
    this.id = id;
    this.ttlMs = ttlMs;
    this.#calls = calls;
  }

  async keepAlive(): Promise<void> {
    if (this.#isRevoked) throw new OperatingError("LeaseLost", "the lease was revoked");
    await this.#calls.keepAlive();
  }

  async revoke(): Promise<void> {
    if (this.#isRevoked) return;
    this.#isRevoked = true;
    try {
      await this.#calls.revoke();
    } catch (error) {
      if (!(error instanceof OperatingError && error.code === "LeaseLost")) throw error;
    }
  }
}

/** What gRPC says, without the empty notes that it ends with. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/[.,:;\s]*Resolution note:\s*$/, "");
}

function toSslOptions(tls: NonNullable<EtcdCredentials["tls"]>): NonNullable<IOptions["credentials"]> {
  return {
    rootCertificate: tls.ca ?? Buffer.from(rootCertificates.join("\n")),
    ...(tls.client ? { certChain: tls.client.cert, privateKey: tls.client.key } : {}),
  };
}

/** A policy of etcd3 that runs a call once, whatever comes of it. */
function once(): Policy {
  const never = () => ({ dispose: () => {} });
  return {
    _altReturn: undefined as never,
    onSuccess: never,
    onFailure: never,
    execute: async (run) => await run({ signal: new AbortController().signal }),
  };
}

function toEntry(kv: IKeyValue): MetadataEntry {
  return {
    key: kv.key.toString(),
    value: kv.value,
    createdRevision: Number(kv.create_revision),
    modifiedRevision: Number(kv.mod_revision),
  };
}

function toChange(event: { readonly type: unknown; readonly kv: IKeyValue }): MetadataChange {
  // etcd leaves out the type of a put; its bindings name it "Put".
  const isDelete = event.type === "Delete" || event.type === "DELETE" || event.type === 1;
  if (!isDelete) return { kind: "put", entry: toEntry(event.kv) };
  return { kind: "delete", key: event.kv.key.toString(), modifiedRevision: Number(event.kv.mod_revision) };
}

function toCompare(compare: MetadataCompare): ICompare {
  const key = Buffer.from(compare.key);
  if ("createdRevision" in compare) {
    return { key, result: "Equal", target: "Create", create_revision: compare.createdRevision };
  }
  return { key, result: "Equal", target: "Mod", mod_revision: compare.modifiedRevision };
}

function toOperation(write: MetadataWrite): IRequestOp {
  const key = Buffer.from(write.key);
  if (write.kind === "delete") return { request_delete_range: { key } };
  if (write.lease === undefined) return { request_put: { key, value: write.value } };
  assert(write.lease instanceof EtcdLease, "a lease is used with the store that granted it");
  return { request_put: { key, value: write.value, lease: write.lease.id } };
}

/** The first key after all that begin with `prefix` (an ASCII text). */
function afterPrefix(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  assert(end.length > 0 && (end.at(-1) as number) < 0xff, "a prefix is not empty and ends in ASCII");
  end[end.length - 1] = (end.at(-1) as number) + 1;
  return end;
}
