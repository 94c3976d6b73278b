/**
 * The links that other nodes dial: accepts, proves, and keeps one for each node.
 * A newer link of a node replaces its older one: the dialer has only one, so the old one is half-open.
 * Limits: links that have not proved themselves and links in all; beyond them a dialer is turned away.
 */

import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { codeOf, messageOf, OperatingError } from "../base/errors.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Logger } from "../base/log.ts";
import type { NodeId } from "../meta/ids.ts";
import type { HandlersOf } from "../wire/messages.ts";
import { AcceptorHandshake } from "./core/handshake.ts";
import { InboundTable } from "./inbound-table.ts";
import { DEFAULT_LINK_LIMITS, PeerLink, type PeerLinkEvents, type PeerLinkLimits } from "./peer-link.ts";
import type { PeerIdentity } from "./peer-pool.ts";
import type { PeerSecret } from "./peer-secret.ts";

export interface PeerServerOptions {
  readonly identity: PeerIdentity;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly limits?: PeerLinkLimits;
}

export interface PeerServerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly secret: PeerSecret;
  readonly isRetired: (node: NodeId) => boolean;
  readonly atTurnEnd: (run: () => void) => void;
  readonly handlers: Omit<HandlersOf<"dialer", PeerLink>, "ping">;
  /** Who is told of links in the order given. */
  readonly listeners: readonly PeerLinkEvents[];
}

/** Four times the largest cluster: each node dials once, and may do so anew before its old link is noticed dead. */
const MAX_LINKS = 1024;
/** Connections that have not proved themselves: a stranger can hold no more, each for the handshake's time at most. */
const MAX_UNPROVED = 256;

export class PeerServer implements Service {
  readonly #options: PeerServerOptions;
  readonly #deps: PeerServerDeps;
  readonly #inbound: InboundTable<PeerLink>;
  readonly #links = new Set<PeerLink>();
  readonly #byNode = new Map<NodeId, PeerLink>();
  #server: Server | undefined;
  #isStopping = false;

  constructor(options: PeerServerOptions, deps: PeerServerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#inbound = new InboundTable("dialer", {
      ...deps.handlers,
      ping: (link) => link.sendUrgent("pong", 0, {}),
    });
  }

  /** The port that is listened on. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === "object" && address !== null ? address.port : this.#options.port;
  }

  /** @throws OperatingError PeerPortUnavailable when the port cannot be listened on. */
  async start(): Promise<void> {
    const { host, port } = this.#options;
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen({ host, port }, resolve);
    try {
      await promise;
    } catch (cause) {
      this.#server = undefined;
      const why = codeOf(cause) === "EADDRINUSE" ? "another process uses it" : messageOf(cause);
      throw new OperatingError(
        "PeerPortUnavailable",
        `cannot listen for peers on ${host}:${port}: ${why}; stop the other process or choose another peer port`,
        { data: { host, port }, cause },
      );
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const server = this.#server;
    this.#server = undefined;
    for (const link of [...this.#links]) link.close("this node stops");
    if (server === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    await promise;
  }

  /** Ends the link of a node that the topology has retired. */
  disconnect(node: NodeId, reason: string): void {
    this.#byNode.get(node)?.close(reason);
  }

  /** Open links by node. */
  get linkCount(): number {
    return this.#byNode.size;
  }

  #accept(socket: Socket): void {
    const unprovedCount = this.#links.size - this.#byNode.size;
    if (unprovedCount >= MAX_UNPROVED) {
      socket.destroy();
      return;
    }
    const { identity, limits = DEFAULT_LINK_LIMITS } = this.#options;
    const { clock, secret, isRetired, atTurnEnd } = this.#deps;
    const refuseAll = this.#isStopping ? "stopping" : this.#links.size >= MAX_LINKS ? "busy" : undefined;
    const handshake = new AcceptorHandshake({
      ...identity,
      nonce: secret.nonce(),
      hmac: secret.hmac,
      isRetired,
      refuseAll,
    });
    const from = `${socket.remoteAddress}:${socket.remotePort}`;
    const link = new PeerLink({
      role: "acceptor",
      socket,
      handshake,
      inbound: this.#inbound,
      limits,
      clock,
      atTurnEnd,
      events: this.#eventsOf(from),
    });
    this.#links.add(link);
    link.start();
  }

  #eventsOf(from: string): PeerLinkEvents {
    const { listeners, logger } = this.#deps;
    return {
      onOpen: (link) => {
        const node = link.peer as NodeId;
        const older = this.#byNode.get(node);
        this.#byNode.set(node, link);
        older?.close("the peer has made a newer link");
        for (const listener of listeners) listener.onOpen(link);
      },
      onDrain: (link) => {
        for (const listener of listeners) listener.onDrain(link);
      },
      onClose: (link, reason) => {
        this.#links.delete(link);
        if (link.peer === undefined) {
          logger.warn({ from, reason }, "a dialer was turned away");
          return;
        }
        if (this.#byNode.get(link.peer) === link) this.#byNode.delete(link.peer);
        if (!this.#isStopping) logger.warn({ node: link.peer, from, reason }, "a peer's link has ended");
        for (const listener of listeners) listener.onClose(link, reason);
      },
    };
  }
}
