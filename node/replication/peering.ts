/**
 * All that a node has to do with other nodes, put together: links in both directions, forwarding, replication, roles
 * and grants. The composition root makes one of these and gives the forwarder and the answers' handler to the server.
 *
 * Order: `start` listens, dials and follows the topology; the replicas must be recovered before it.
 */

import type { Clock } from "../base/clock.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Logger } from "../base/log.ts";
import type { TopologySource } from "../meta/topology-source.ts";
import { ForwardAnswerer } from "../router/forward-answerer.ts";
import type { Forwarder, ForwardHandler } from "../router/forwarding.ts";
import { DEFAULT_FORWARDER_OPTIONS, PeerForwarder, type PeerForwarderOptions } from "../router/peer-forwarder.ts";
import type { PeerLinkLimits } from "../router/peer-link.ts";
import { type PeerIdentity, PeerPool, type PeerStatus } from "../router/peer-pool.ts";
import { createPeerSecret } from "../router/peer-secret.ts";
import { PeerServer } from "../router/peer-server.ts";
import type { ReplicaHost } from "../shard/replica-host.ts";
import type { ReplicaLog } from "../shard/replica-log.ts";
import { Candidacies } from "./candidacies.ts";
import { leaseUntilMs } from "./core/lease.ts";
import type { WantedReplica } from "./core/replica-roles.ts";
import { type FollowingStatus, ReplicationFollower } from "./follower.ts";
import type { FollowerProgressSource } from "./follower-waits.ts";
import { DEFAULT_GRANT_OPTIONS, GrantAsker, type GrantAskerOptions } from "./grant-asker.ts";
import { Granter } from "./granter.ts";
import { type FollowerLag, ReplicationLeader } from "./leader.ts";
import { PositionAnswerer } from "./position-answerer.ts";
import { PositionAsker } from "./position-asker.ts";
import { ReplicaRoles } from "./replica-roles.ts";

export interface PeeringOptions {
  readonly identity: PeerIdentity;
  /** Address and port to listen on for peers; 0: any free port. */
  readonly host: string;
  readonly port: number;
  /** The cluster's secret: who does not know it gets no link. */
  readonly secret: Buffer | string;
  /**
   * Whether leaders take writes only while grants last. Without promotions of followers nothing can split, and a lease
   * would only cost availability: it is switched on with them.
   */
  readonly isLeaseEnforced: boolean;
  readonly grants?: GrantAskerOptions;
  readonly limits?: PeerLinkLimits;
  readonly forwarder?: PeerForwarderOptions;
}

export interface PeeringDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  readonly source: TopologySource;
  readonly host: ReplicaHost;
  readonly handler: ForwardHandler;
  /** Entries were set aside because the new leader does not have them; `path` is their file. */
  readonly onLostWrites: (log: ReplicaLog, count: number, path: string | undefined) => void;
}

export class Peering implements Service {
  readonly #options: PeeringOptions;
  readonly #deps: PeeringDeps;
  readonly #forwarder: PeerForwarder;
  readonly #leader: ReplicationLeader;
  readonly #follower: ReplicationFollower;
  readonly #roles: ReplicaRoles;
  readonly #asker: GrantAsker;
  readonly #granter: Granter;
  readonly #answerer: PositionAnswerer;
  readonly #pool: PeerPool;
  readonly #server: PeerServer;
  #led: readonly WantedReplica[] = [];
  #unsubscribe: (() => void) | undefined;

  constructor(options: PeeringOptions, deps: PeeringDeps) {
    const { clock, logger, random, source, host } = deps;
    const { identity, limits } = options;
    const epoch = () => source.current()?.epoch ?? 0;
    this.#options = options;
    this.#deps = deps;
    this.#forwarder = new PeerForwarder(options.forwarder ?? DEFAULT_FORWARDER_OPTIONS, { clock });
    this.#leader = new ReplicationLeader({ logger, epoch, host });
    this.#follower = new ReplicationFollower({
      clock,
      logger,
      random,
      epoch,
      defer: queueMicrotask,
      onLost: deps.onLostWrites,
    });
    this.#asker = new GrantAsker(options.grants ?? DEFAULT_GRANT_OPTIONS, {
      clock,
      epoch,
      onTick: () => this.#renewLeases(),
    });
    this.#granter = new Granter({ host, clock, epoch });
    const onRolesChange = () => this.#roles.recheck();
    const asker = new PositionAsker({ epoch, defer: queueMicrotask });
    this.#answerer = new PositionAnswerer({
      host,
      follower: this.#follower,
      source,
      logger,
      onPromised: onRolesChange,
    });
    const candidacies = new Candidacies({ clock, logger, asker, follower: this.#follower, onMayLead: onRolesChange });
    this.#roles = new ReplicaRoles({
      self: identity.node,
      source,
      host,
      leader: this.#leader,
      follower: this.#follower,
      candidacies,
      clock,
      logger,
      random,
      onCarriedOut: (led) => this.#carriedOut(led),
    });
    const answerer = new ForwardAnswerer(deps.handler);
    const secret = createPeerSecret(options.secret);
    const shared = { clock, logger, secret };
    const linkOptions = { identity, ...(limits === undefined ? {} : { limits }) };
    this.#pool = new PeerPool(linkOptions, {
      ...shared,
      random,
      // What sessions forward in this turn goes out together once all sockets of the turn were read.
      atTurnEnd: setImmediate,
      handlers: {
        ...this.#forwarder.handlers,
        ...this.#follower.handlers,
        ...this.#asker.handlers,
        ...asker.handlers,
      },
      listeners: [this.#forwarder, this.#follower, this.#asker, asker],
    });
    this.#server = new PeerServer(
      { ...linkOptions, host: options.host, port: options.port },
      {
        ...shared,
        isRetired: (node) => source.current()?.nodes.get(node)?.state === "retired",
        // Answers and entries are given to the links at the end of the turn, all in one go: this is that end.
        atTurnEnd: queueMicrotask,
        handlers: {
          ...answerer.handlers,
          ...this.#leader.handlers,
          ...this.#granter.handlers,
          ...this.#answerer.handlers,
        },
        listeners: [answerer, this.#leader, this.#granter],
      },
    );
  }

  get forwarder(): Forwarder {
    return this.#forwarder;
  }

  /** The port that peers are listened for on. */
  get port(): number {
    return this.#server.port;
  }

  /** @throws OperatingError PeerPortUnavailable */
  async start(): Promise<void> {
    const { source } = this.#deps;
    await this.#server.start();
    await this.#pool.start();
    this.#unsubscribe = source.onChange(() => this.#applyTopology());
    this.#applyTopology();
    this.#roles.start();
    this.#asker.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#asker.stop();
    await this.#roles.stop();
    await this.#answerer.stop();
    await this.#follower.stop();
    await this.#pool.stop();
    await this.#server.stop();
  }

  /**
   * Resolves when the replicas here have the roles of the newest topology; not waited for are leaders that others keep
   * from leading for longer than they are asked.
   */
  settled(): Promise<void> {
    return this.#roles.settled();
  }

  /** How each other node is reached. */
  peers(): readonly PeerStatus[] {
    return this.#pool.status();
  }

  /** Every follower of every slot that this node leads. */
  followerLags(): readonly FollowerLag[] {
    return this.#leader.lags();
  }

  /** What followers of the slots led here have acknowledged. */
  get followerProgress(): FollowerProgressSource {
    return this.#leader;
  }

  /** Every replica here that follows. */
  following(): readonly FollowingStatus[] {
    return this.#follower.statuses();
  }

  /** Forwards sent and not answered, and those that wait for a link. */
  get forwardsInFlight(): number {
    return this.#forwarder.inFlightCount;
  }

  #applyTopology(): void {
    const topology = this.#deps.source.current();
    if (topology === undefined) return;
    this.#pool.apply(topology);
    for (const node of topology.nodes.values()) {
      if (node.state === "retired") this.#server.disconnect(node.id, "the node is retired");
    }
  }

  #carriedOut(led: readonly WantedReplica[]): void {
    this.#led = led;
    this.#granter.recheck();
    this.#asker.lead(led);
    this.#renewLeases();
  }

  #renewLeases(): void {
    if (!this.#options.isLeaseEnforced) return;
    const { source, host } = this.#deps;
    for (const { table, slot, others } of this.#led) {
      const untilMs = leaseUntilMs({
        replicaCount: others.length + 1,
        managerUntilMs: source.grantedUntilMs,
        followersUntilMs: others.map(({ node }) => this.#asker.grantedUntilMs(node, table, slot)),
      });
      host.find(table, slot)?.setLease(untilMs);
    }
  }
}
