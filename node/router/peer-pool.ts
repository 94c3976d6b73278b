/**
 * The links that this node dials: one to each other node of the topology that is not retired.
 * A host name is resolved at each dial; a broken link is dialled again with backoff and jitter, at once when the
 * node's address changed.
 *
 * Invariants: at most one link, open or being made, for each node; none to a node that left the topology.
 */

import { connect, type Socket } from "node:net";
import { type BackoffOptions, backoffMs } from "../base/backoff.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Logger } from "../base/log.ts";
import type { ClusterId, NodeId } from "../meta/ids.ts";
import type { Topology, TopologyNode } from "../meta/topology.ts";
import type { HandlersOf } from "../wire/messages.ts";
import { DialerHandshake } from "./core/handshake.ts";
import { InboundTable } from "./inbound-table.ts";
import { DEFAULT_LINK_LIMITS, PeerLink, type PeerLinkEvents, type PeerLinkLimits } from "./peer-link.ts";
import type { PeerSecret } from "./peer-secret.ts";

export interface PeerIdentity {
  readonly cluster: ClusterId;
  readonly node: NodeId;
}

export interface PeerPoolOptions {
  readonly identity: PeerIdentity;
  readonly limits?: PeerLinkLimits;
  /** 50 ms to 2 s by default: a restarted node is found soon, a dead one costs little. */
  readonly backoff?: BackoffOptions;
  /** How long a connection may take, ms. */
  readonly connectMs?: number;
}

export interface PeerPoolDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly secret: PeerSecret;
  /** A number in [0, 1), for the jitter. */
  readonly random: () => number;
  readonly atTurnEnd: (run: () => void) => void;
  readonly handlers: Omit<HandlersOf<"acceptor", PeerLink>, "pong">;
  /** Who is told of links in the order given. */
  readonly listeners: readonly PeerLinkEvents[];
}

/** How one node is reached, for the readiness of this one and for people. */
export interface PeerStatus {
  readonly node: NodeId;
  readonly name: string;
  readonly isLinked: boolean;
  /** A dial was answered, refused or timed out at least once. */
  readonly wasTried: boolean;
  /** Why the last link ended or was not made. */
  readonly lastFailure: string | undefined;
}

interface Peer {
  node: TopologyNode;
  link: PeerLink | undefined;
  socket: Socket | undefined;
  timer: Timer | undefined;
  attempts: number;
  wasTried: boolean;
  lastFailure: string | undefined;
}

const DEFAULT_BACKOFF: BackoffOptions = { initialMs: 50, maxMs: 2000 };
const DEFAULT_CONNECT_MS = 3000;

export class PeerPool implements Service {
  readonly #options: PeerPoolOptions;
  readonly #deps: PeerPoolDeps;
  readonly #inbound: InboundTable<PeerLink>;
  readonly #peers = new Map<NodeId, Peer>();
  #isRunning = false;

  constructor(options: PeerPoolOptions, deps: PeerPoolDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#inbound = new InboundTable("acceptor", { ...deps.handlers, pong: () => {} });
  }

  async start(): Promise<void> {
    this.#isRunning = true;
    for (const peer of this.#peers.values()) this.#dial(peer);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    for (const peer of this.#peers.values()) this.#hangUp(peer, "this node stops");
  }

  /** Dials the nodes of a new topology and hangs up on those that are gone or retired. */
  apply(topology: Topology): void {
    for (const peer of [...this.#peers.values()]) {
      const node = topology.nodes.get(peer.node.id);
      if (node !== undefined && node.state !== "retired") continue;
      this.#peers.delete(peer.node.id);
      this.#hangUp(peer, "the node left the cluster");
    }
    for (const node of topology.nodes.values()) {
      if (node.id === this.#options.identity.node || node.state === "retired") continue;
      const peer = this.#peers.get(node.id);
      if (peer === undefined) this.#add(node);
      else this.#update(peer, node);
    }
  }

  /** The open link to a node, if there is one. */
  link(node: NodeId): PeerLink | undefined {
    const link = this.#peers.get(node)?.link;
    return link?.isOpen ? link : undefined;
  }

  status(): readonly PeerStatus[] {
    return [...this.#peers.values()].map((peer) => ({
      node: peer.node.id,
      name: peer.node.name,
      isLinked: peer.link?.isOpen ?? false,
      wasTried: peer.wasTried,
      lastFailure: peer.lastFailure,
    }));
  }

  #add(node: TopologyNode): void {
    const peer: Peer = {
      node,
      link: undefined,
      socket: undefined,
      timer: undefined,
      attempts: 0,
      wasTried: false,
      lastFailure: undefined,
    };
    this.#peers.set(node.id, peer);
    if (this.#isRunning) this.#dial(peer);
  }

  #update(peer: Peer, node: TopologyNode): void {
    const hasMoved = peer.node.host !== node.host || peer.node.peerPort !== node.peerPort;
    peer.node = node;
    if (!hasMoved || peer.link?.isOpen || !this.#isRunning) return;
    this.#hangUp(peer, "the node has a new address");
    peer.attempts = 0;
    this.#dial(peer);
  }

  #dial(peer: Peer): void {
    const { clock } = this.#deps;
    const { host, peerPort: port } = peer.node;
    peer.timer = undefined;
    const socket = connect({ host, port });
    peer.socket = socket;
    const fail = (reason: string) => {
      if (peer.socket !== socket) return;
      peer.socket = undefined;
      peer.timer?.cancel();
      socket.destroy();
      this.#failed(peer, reason);
    };
    peer.timer = clock.after(this.#options.connectMs ?? DEFAULT_CONNECT_MS, () => fail("connecting took too long"));
    socket.on("error", (error) => fail(messageOf(error)));
    socket.once("connect", () => {
      if (peer.socket !== socket) return;
      peer.timer?.cancel();
      peer.socket = undefined;
      this.#connected(peer, socket);
    });
  }

  #connected(peer: Peer, socket: Socket): void {
    const { identity, limits = DEFAULT_LINK_LIMITS } = this.#options;
    const { clock, atTurnEnd, secret, listeners } = this.#deps;
    const handshake = new DialerHandshake({
      ...identity,
      nonce: secret.nonce(),
      hmac: secret.hmac,
      meant: peer.node.id,
    });
    const events: PeerLinkEvents = {
      onOpen: (link) => {
        peer.wasTried = true;
        peer.attempts = 0;
        peer.lastFailure = undefined;
        this.#deps.logger.info({ peer: peer.node.name, node: peer.node.id }, "linked to peer");
        for (const listener of listeners) listener.onOpen(link);
      },
      onDrain: (link) => {
        for (const listener of listeners) listener.onDrain(link);
      },
      onClose: (link, reason) => {
        if (link.peer !== undefined) for (const listener of listeners) listener.onClose(link, reason);
        if (peer.link !== link) return;
        peer.link = undefined;
        this.#failed(peer, reason);
      },
    };
    const link = new PeerLink({
      role: "dialer",
      socket,
      handshake,
      inbound: this.#inbound,
      limits,
      events,
      clock,
      atTurnEnd,
    });
    peer.link = link;
    link.start();
  }

  #failed(peer: Peer, reason: string): void {
    peer.wasTried = true;
    if (!this.#isRunning || this.#peers.get(peer.node.id) !== peer) return;
    if (peer.lastFailure !== reason) {
      this.#deps.logger.warn({ peer: peer.node.name, node: peer.node.id, reason }, "no link to peer");
    }
    peer.lastFailure = reason;
    const waitMs = backoffMs(this.#options.backoff ?? DEFAULT_BACKOFF, peer.attempts++, this.#deps.random());
    peer.timer = this.#deps.clock.after(waitMs, () => this.#dial(peer));
  }

  #hangUp(peer: Peer, reason: string): void {
    peer.timer?.cancel();
    peer.timer = undefined;
    peer.socket?.destroy();
    peer.socket = undefined;
    const link = peer.link;
    peer.link = undefined;
    link?.close(reason);
  }
}
