/**
 * ClientSession: the state of one connection beside its socket, and the port Session over it.
 * The parts that are the same for all connections (configuration, catalog, …) are handed in; those that depend on
 * the connection's table and rights are made for it.
 */

import type {
  ClientDirectory,
  ClientIdentity,
  ClusterView,
  CommandCatalog,
  ConfigParameters,
  NodeControl,
  ReplyMode,
  Session,
  SlowLogView,
} from "../commands/session.ts";
import { type DecoderLimits, FULL_LIMITS, UNAUTHENTICATED_LIMITS } from "../resp/limits.ts";
import type { Protocol } from "../resp/reply.ts";
import { Access } from "./access.ts";
import { ExecRunner } from "./exec-runner.ts";
import type { SlotRunnerDeps } from "./slot-runner.ts";
import type { Tables } from "./tables.ts";
import { Transaction } from "./transactions.ts";
import { WrittenSlots } from "./written-slots.ts";

/** What is the same for all connections, or made for each by a function of the session. */
export interface SessionServices {
  readonly tables: Tables;
  readonly runner: SlotRunnerDeps;
  readonly config: ConfigParameters;
  readonly commands: CommandCatalog;
  readonly clientsOf: (session: ClientSession) => ClientDirectory;
  readonly slowLogOf: (session: ClientSession) => SlowLogView;
  readonly clusterOf: (session: ClientSession) => ClusterView;
  readonly nodeOf: (session: ClientSession) => NodeControl;
}

export class ClientSession implements Session {
  readonly id: number;
  readonly access: Access;
  readonly transaction: Transaction;
  /** For WAIT. */
  readonly written = new WrittenSlots();
  readonly identity: ClientIdentity = { name: "", libraryName: "", libraryVersion: "" };
  protocol: Protocol = 2;
  replyMode: ReplyMode = "on";
  isClosing = false;
  isNoEvict = false;
  readonly #services: SessionServices;
  #clients: ClientDirectory | undefined;
  #slowLog: SlowLogView | undefined;
  #cluster: ClusterView | undefined;
  #node: NodeControl | undefined;
  #leaving: AbortController | undefined;

  constructor(id: number, services: SessionServices) {
    this.id = id;
    this.#services = services;
    this.access = new Access(services.tables);
    const own = { tableOf: () => this.access.table, written: this.written };
    this.transaction = new Transaction(new ExecRunner(this, services.runner, own));
  }

  get config(): ConfigParameters {
    return this.#services.config;
  }

  get commands(): CommandCatalog {
    return this.#services.commands;
  }

  get clients(): ClientDirectory {
    this.#clients ??= this.#services.clientsOf(this);
    return this.#clients;
  }

  get slowLog(): SlowLogView {
    this.#slowLog ??= this.#services.slowLogOf(this);
    return this.#slowLog;
  }

  get cluster(): ClusterView {
    this.#cluster ??= this.#services.clusterOf(this);
    return this.#cluster;
  }

  get node(): NodeControl {
    this.#node ??= this.#services.nodeOf(this);
    return this.#node;
  }

  /** Aborts when the connection ends, or the client sends no more. */
  get leaving(): AbortSignal {
    this.#leaving ??= new AbortController();
    return this.#leaving.signal;
  }

  /** What waits for followers is answered now. */
  endWaits(): void {
    this.#leaving?.abort();
    this.#leaving = undefined;
  }

  /** What the connection may send now. */
  get limits(): DecoderLimits {
    return this.access.isAuthenticated ? FULL_LIMITS : UNAUTHENTICATED_LIMITS;
  }

  setProtocol(protocol: Protocol): void {
    this.protocol = protocol;
  }

  setReplyMode(mode: ReplyMode): void {
    this.replyMode = mode;
  }

  setNoEvict(isOn: boolean): void {
    this.isNoEvict = isOn;
  }

  closeAfterReply(): void {
    this.isClosing = true;
  }

  reset(): void {
    this.transaction.discard();
    this.access.reset();
    this.identity.name = "";
    this.protocol = 2;
    this.replyMode = "on";
    this.isNoEvict = false;
  }

  /** Lets go of what others hold for the connection. */
  release(): void {
    this.transaction.discard();
    this.endWaits();
  }
}
