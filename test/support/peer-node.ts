/** Nodes of one process that talk over real sockets on 127.0.0.1, for tests of links and what runs over them. */

import { type Clock, SystemClock } from "../../node/base/clock.ts";
import { type Logger, silentLogger } from "../../node/base/log.ts";
import type { ClusterId, NodeId } from "../../node/meta/ids.ts";
import type { Topology } from "../../node/meta/topology.ts";
import { ForwardAnswerer } from "../../node/router/forward-answerer.ts";
import type { ForwardHandler } from "../../node/router/forwarding.ts";
import {
  DEFAULT_FORWARDER_OPTIONS,
  PeerForwarder,
  type PeerForwarderOptions,
} from "../../node/router/peer-forwarder.ts";
import {
  DEFAULT_LINK_LIMITS,
  type PeerLink,
  type PeerLinkEvents,
  type PeerLinkLimits,
} from "../../node/router/peer-link.ts";
import { PeerPool } from "../../node/router/peer-pool.ts";
import { createPeerSecret } from "../../node/router/peer-secret.ts";
import { PeerServer } from "../../node/router/peer-server.ts";
import { CLUSTER, nodeIdOf, topologyNode } from "./topology-arbitrary.ts";
import { waitFor } from "./wait-for.ts";

const ignore = (): void => {};

/** Handlers for what a test does not look at. */
export const IGNORED_BY_DIALER = {
  heartbeatReply: ignore,
  positionsAnswer: ignore,
  binlogSync: ignore,
  binlogSyncRefused: ignore,
  binlogSyncProbe: ignore,
  snapshotBegin: ignore,
  snapshotChunk: ignore,
  snapshotEnd: ignore,
  snapshotAbort: ignore,
};

export const IGNORED_BY_ACCEPTOR = {
  heartbeat: ignore,
  grantSet: ignore,
  positionsAsk: ignore,
  binlogSyncOpen: ignore,
  binlogSyncAck: ignore,
  binlogSyncClose: ignore,
  binlogSyncProbeAsk: ignore,
  snapshotAbort: ignore,
  snapshotAck: ignore,
};

export interface PeerNodeOptions {
  readonly number: number;
  /** Any free one by default. */
  readonly port?: number;
  readonly secret?: string;
  readonly cluster?: ClusterId;
  readonly handler?: ForwardHandler;
  readonly limits?: Partial<PeerLinkLimits>;
  readonly forwarder?: Partial<PeerForwarderOptions>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly isRetired?: (node: NodeId) => boolean;
}

export class PeerNode implements PeerLinkEvents {
  readonly id: NodeId;
  readonly number: number;
  readonly server: PeerServer;
  readonly pool: PeerPool;
  readonly forwarder: PeerForwarder;
  /** Links that ended, with their reasons, at either side. */
  readonly closed: string[] = [];
  /** How often a link had room again. */
  drainCount = 0;

  constructor(options: PeerNodeOptions) {
    this.number = options.number;
    this.id = nodeIdOf(options.number);
    const identity = { cluster: options.cluster ?? CLUSTER, node: this.id };
    const clock = options.clock ?? new SystemClock();
    const logger = options.logger ?? silentLogger;
    const secret = createPeerSecret(options.secret ?? "secret");
    const limits = { ...DEFAULT_LINK_LIMITS, ...options.limits };
    const answerer = new ForwardAnswerer(options.handler ?? REFUSING_HANDLER);
    this.forwarder = new PeerForwarder({ ...DEFAULT_FORWARDER_OPTIONS, ...options.forwarder }, { clock });
    this.server = new PeerServer(
      { identity, host: "127.0.0.1", port: options.port ?? 0, limits },
      {
        clock,
        logger,
        secret,
        isRetired: options.isRetired ?? (() => false),
        atTurnEnd: queueMicrotask,
        handlers: { ...IGNORED_BY_ACCEPTOR, ...answerer.handlers },
        listeners: [answerer, this],
      },
    );
    this.pool = new PeerPool(
      { identity, limits, backoff: { initialMs: 5, maxMs: 20 } },
      {
        clock,
        logger,
        secret,
        random: () => 0.5,
        atTurnEnd: setImmediate,
        handlers: { ...IGNORED_BY_DIALER, ...this.forwarder.handlers },
        listeners: [this.forwarder, this],
      },
    );
  }

  onOpen(): void {}
  onDrain(): void {
    this.drainCount++;
  }
  onClose(_link: PeerLink, reason: string): void {
    this.closed.push(reason);
  }

  async start(): Promise<void> {
    await this.server.start();
    await this.pool.start();
  }

  async stop(): Promise<void> {
    await this.pool.stop();
    await this.server.stop();
  }

  /** Makes this node dial the given ones, and forget all others. */
  knows(peers: readonly { readonly number: number; readonly port: number }[], epoch = 1): void {
    this.pool.apply(topologyOf(peers, epoch));
  }

  async linked(to: PeerNode): Promise<PeerLink> {
    return await waitFor(() => this.pool.link(to.id), { what: `a link from ${this.number} to ${to.number}` });
  }
}

export function topologyOf(peers: readonly { readonly number: number; readonly port: number }[], epoch = 1): Topology {
  return {
    clusterId: CLUSTER,
    epoch,
    nodes: new Map(peers.map(({ number, port }) => [nodeIdOf(number), topologyNode(number, { peerPort: port })])),
    tables: new Map(),
    assignments: new Map(),
    adminPasswordHashes: [],
    featureLevel: 1,
    managers: [],
  };
}

const REFUSING_HANDLER: ForwardHandler = {
  handle: (_request, responder) => {
    responder.refuse(1);
    return undefined;
  },
  handleRun: (run, responder) => {
    const lengths = new Array(run.count).fill(0);
    responder.answer({ first: 0, count: run.count, lengths, buf: Buffer.alloc(0), start: 0, epoch: 1 });
  },
  watch: () => undefined,
  unwatch: () => {},
};
