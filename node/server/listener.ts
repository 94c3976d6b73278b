/**
 * The client port: accepts connections up to the highest number, and once a second closes those that are idle or do
 * not read. Stopping lets what is on its way be answered, for a bounded time.
 */

import { createServer, type Server, type Socket } from "node:net";
import type { Clock, Timer } from "../base/clock.ts";
import { codeOf, messageOf, OperatingError } from "../base/errors.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Logger } from "../base/log.ts";
import type { ClientList } from "./client-list.ts";
import { Connection, type ConnectionDeps } from "./connection.ts";
import { errorReply } from "./refusals.ts";
import { ClientSession, type SessionServices } from "./session.ts";
import type { Statistics } from "./statistics.ts";

/** How long connections may finish what they wait for when the node stops. */
const DRAIN_MS = 2_000;
const SWEEP_MS = 1_000;
/** Connections that the system keeps while we do not accept: Redis's tcp-backlog. */
const BACKLOG = 511;
/** Redis's tcp-keepalive: a half-open connection is noticed after it. */
export const KEEP_ALIVE_MS = 300_000;

/** What can be changed while it runs. */
export interface ListenerSettings {
  maxClients: number;
  /** Idle connections are closed after so long; 0: never. */
  idleMs: number;
  /** New connections that are silent for so long are probed; 0: never. */
  keepAliveMs: number;
}

export interface ListenerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly clients: ClientList;
  readonly statistics: Statistics;
  readonly services: SessionServices;
  readonly connection: Omit<ConnectionDeps, "onClosed">;
  readonly settings: ListenerSettings;
}

export class Listener implements Service {
  readonly #address: { readonly host: string; readonly port: number };
  readonly #deps: ListenerDeps;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #timer: Timer | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(address: { readonly host: string; readonly port: number }, deps: ListenerDeps) {
    this.#address = address;
    this.#deps = deps;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  /** The port in use, once started. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : this.#address.port;
  }

  /** @throws OperatingError `ListenFailed` when the port cannot be taken. */
  start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { host, port } = this.#address;
    this.#server.once("error", (error) => {
      const hint =
        codeOf(error) === "EADDRINUSE" ? "another process uses it: stop it or choose another port" : messageOf(error);
      reject(
        new OperatingError("ListenFailed", `cannot listen for clients on ${host}:${port}: ${hint}`, { cause: error }),
      );
    });
    this.#server.listen({ host, port, backlog: BACKLOG }, () => {
      this.#timer = this.#deps.clock.after(SWEEP_MS, this.#sweep);
      resolve();
    });
    return promise;
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#server.close();
    if (this.#connections.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    for (const connection of [...this.#connections]) connection.drain();
    const timer = this.#deps.clock.after(DRAIN_MS, resolve);
    if (this.#connections.size > 0) await promise;
    timer.cancel();
    for (const connection of [...this.#connections]) connection.close();
  }

  #accept(socket: Socket): void {
    const { clients, statistics, settings, services } = this.#deps;
    statistics.connectionCount++;
    if (clients.count >= settings.maxClients) {
      statistics.rejectedConnections++;
      socket.on("error", () => socket.destroy());
      socket.end(errorReply("ERR max number of clients reached"));
      return;
    }
    if (settings.keepAliveMs > 0) socket.setKeepAlive(true, settings.keepAliveMs);
    const session = new ClientSession(clients.nextId(), services);
    const connection = new Connection(socket, session, { ...this.#deps.connection, onClosed: this.#forget });
    this.#connections.add(connection);
    clients.add(connection);
    connection.open();
  }

  readonly #forget = (connection: Connection): void => {
    this.#connections.delete(connection);
    this.#deps.clients.remove(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  };

  readonly #sweep = (): void => {
    const { clock, statistics, settings } = this.#deps;
    statistics.tick();
    const nowMs = clock.monotonicMs();
    for (const connection of [...this.#connections]) connection.sweep(nowMs, settings.idleMs);
    this.#timer = clock.after(SWEEP_MS, this.#sweep);
  };
}
