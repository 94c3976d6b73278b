/**
 * The port Session: what the commands of the connection, the server and the cluster may see and do.
 * Implemented by server/session.ts. It is a handful of narrow parts, so that each family of commands says by what
 * it uses what it can touch; none of them gives access to data, sockets or files.
 * Refusals are error texts (`ERR …`), never thrown.
 */

import type { Argv } from "../base/argv.ts";
import type { NodeId, TableId } from "../meta/ids.ts";
import type { Topology } from "../meta/topology.ts";
import type { Protocol, ReplyWriter } from "../resp/reply.ts";
import type { Command, LaterReply } from "./command.ts";

/** What a connection said about itself. */
export interface ClientIdentity {
  /** CLIENT SETNAME; "" for none. */
  name: string;
  libraryName: string;
  libraryVersion: string;
}

/** Who the connection is and which table it sees. */
export interface SessionAccess {
  readonly table: { readonly id: TableId; readonly name: string; readonly slots: number };
  /** `default`, the name of a table, or `admin`. */
  readonly userName: string;
  readonly isAuthenticated: boolean;
  /** May change settings, stop the node and enter any table. */
  readonly isAdmin: boolean;
  /** AUTH: undefined when the password is right, else the error. `user` is a table's name, or undefined for the default table. */
  authenticate(user: string | undefined, password: Buffer): string | undefined;
  /** Whether there is such a user, as far as the connection may know: its own, `admin`, and for that one all. */
  knowsUser(name: string): boolean;
  /** SELECT: undefined, or the error. */
  select(database: string): string | undefined;
}

/** MULTI and WATCH of a connection. */
export interface SessionTransaction {
  readonly isOpen: boolean;
  /** Whether a command runs as part of EXEC: none waits then. */
  readonly isExecuting: boolean;
  begin(): void;
  discard(): void;
  /** EXEC, in an open transaction: writes the whole reply. */
  execute(reply: ReplyWriter): void | Promise<LaterReply>;
  /** WATCH of the keys `argv[1…]`: writes OK or an error. */
  watch(argv: Argv, reply: ReplyWriter): void | Promise<LaterReply>;
  unwatch(): void;
}

export type ReplyMode = "on" | "off" | "skip";

/** Which clients CLIENT LIST and CLIENT KILL mean; absent parts match all. */
export interface ClientFilter {
  readonly ids?: readonly number[];
  readonly address?: string;
  readonly localAddress?: string;
  readonly user?: string;
  readonly type?: string;
  readonly maxAgeSeconds?: number;
  /** The connection that asks is left alone. */
  readonly isSelfSkipped?: boolean;
}

/** The clients of this node, as far as the connection's table and rights let it see. */
export interface ClientDirectory {
  /** One line a client, each ended by LF, as CLIENT LIST prints them. */
  list(filter: ClientFilter): string;
  /** The connection's own line. */
  own(): string;
  /** Closes clients; how many. */
  kill(filter: ClientFilter): number;
  /** CLIENT UNBLOCK: whether that client was blocked. */
  unblock(id: number, how: "timeout" | "error"): boolean;
  pause(durationMs: number, what: "all" | "write"): void;
  unpause(): void;
}

/** CONFIG. Names are lower case. */
export interface ConfigParameters {
  /** Names and values of the parameters that match any of the patterns (glob). */
  get(patterns: readonly string[]): ReadonlyMap<string, string>;
  /** Sets all or none: undefined, or the error. */
  set(changes: readonly (readonly [name: string, value: string])[]): string | undefined;
}

export interface SlowEntry {
  readonly id: number;
  /** Seconds since 1970. */
  readonly timeSeconds: number;
  readonly durationMicros: number;
  /** The arguments, shortened. */
  readonly args: readonly Buffer[];
  readonly address: string;
  readonly clientName: string;
}

/** The slow commands of the connection's table, newest first. */
export interface SlowLogView {
  list(limit: number): readonly SlowEntry[];
  readonly length: number;
  reset(): void;
}

/** COMMAND: all commands that the node knows. */
export interface CommandCatalog {
  list(): readonly Command<Session>[];
  /** By name in any case, `container|sub` for a subcommand. */
  named(name: string): Command<Session> | undefined;
}

/** CLUSTER: the topology as this node knows it. */
export interface ClusterView {
  readonly self: NodeId;
  current(): Topology;
  /** Records in a slot of the connection's table that this node leads; undefined where it does not lead it. */
  countRecords(slot: number): number | undefined;
  /** Keys of a Redis slot that this node leads, at most `limit`. */
  keysInRedisSlot(redisSlot: number, limit: number): readonly Buffer[];
}

/** What the node does for administrators, and what it tells about itself. */
export interface NodeControl {
  /** The text of INFO's sections (lower case; empty: the default ones). */
  info(sections: readonly string[]): Promise<string>;
  resetStatistics(): void;
  /** Begins an orderly stop. */
  shutdown(): void;
  setActiveExpiry(isOn: boolean): void;
  /** Resolves after a time; DEBUG SLEEP holds its connection only. */
  sleep(durationMs: number): Promise<void>;
  /**
   * Number of followers that have all that this connection wrote to its table, the smallest of the slots it wrote to
   * (all of the table where it wrote to none or to many); waits for `count` up to a time (0: for ever).
   */
  waitReplicas(count: number, timeoutMs: number): Promise<number>;
  /** Milliseconds since 1970 (whole) and the microseconds of that millisecond. */
  now(): { readonly ms: number; readonly micros: number };
  /** When the last batch was durable in the database, seconds since 1970. */
  lastSaveSeconds(): number;
}

export interface Session {
  readonly id: number;
  readonly protocol: Protocol;
  setProtocol(protocol: Protocol): void;
  readonly identity: ClientIdentity;
  readonly access: SessionAccess;
  readonly transaction: SessionTransaction;
  readonly clients: ClientDirectory;
  readonly config: ConfigParameters;
  readonly slowLog: SlowLogView;
  readonly commands: CommandCatalog;
  readonly cluster: ClusterView;
  readonly node: NodeControl;
  setReplyMode(mode: ReplyMode): void;
  setNoEvict(isOn: boolean): void;
  /** Closes the connection once all that was replied is sent. */
  closeAfterReply(): void;
  /** RESET: as after connecting. */
  reset(): void;
}
