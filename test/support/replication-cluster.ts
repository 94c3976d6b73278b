/**
 * A cluster of three nodes for the simulation of replication: processes over replicas in memory, links, managers that
 * give terms or are away, all under a virtual clock and from one seed.
 *
 * Checked all the time
 * 1. A {term, index} of a slot is never used for two entries.
 * 2. A follower in its leader's stream has a part of the leader's log; the leader knows no more of it than it has.
 * 3. Who begins to lead has at least what every replica has that it could reach before.
 * 4. What the replicas in memory check on their own.
 */

import { expect } from "vitest";
import { delay } from "../../node/base/clock.ts";
import { silentLogger } from "../../node/base/log.ts";
import { Prng } from "../../node/base/prng.ts";
import { type NodeId, replicaId, tableId } from "../../node/meta/ids.ts";
import type { SlotAssignment, Topology } from "../../node/meta/topology.ts";
import { Candidacies } from "../../node/replication/candidacies.ts";
import { ReplicationFollower } from "../../node/replication/follower.ts";
import { ReplicationLeader } from "../../node/replication/leader.ts";
import { PositionAnswerer } from "../../node/replication/position-answerer.ts";
import { PositionAsker } from "../../node/replication/position-asker.ts";
import { ReplicaRoles } from "../../node/replication/replica-roles.ts";
import { MemoryHost } from "./memory-host.ts";
import { MemoryLink, type NetworkSide } from "./memory-network.ts";
import type { MemoryReplica } from "./memory-replica.ts";
import { CLUSTER, nodeIdOf, topologyNode } from "./topology-arbitrary.ts";
import { settle, VirtualClock } from "./virtual-clock.ts";

export const TABLE = tableId(1);
export const NODE_COUNT = 3;
export const SLOT_COUNT = 3;
/** Question and answer take at most twice a message's delay. */
const REACHED_AFTER_MS = 100;

/** One process of a node; its host survives it. */
class Process {
  readonly id: NodeId;
  readonly host: MemoryHost;
  readonly leader: ReplicationLeader;
  readonly follower: ReplicationFollower;
  readonly roles: ReplicaRoles;
  /** What it goes by; kept on disk. */
  topology: Topology;
  isConfirmed: boolean;
  changed: () => void = () => undefined;
  readonly #asker: PositionAsker;
  readonly #answerer: PositionAnswerer;

  constructor(cluster: SimulatedCluster, node: number, start: { topology: Topology; isConfirmed: boolean }) {
    const { clock, prng } = cluster;
    const random = () => prng.nextFloat();
    const logger = silentLogger;
    const epoch = () => this.topology.epoch;
    const self = this;
    this.id = nodeIdOf(node + 1);
    this.host = cluster.hosts[node] as MemoryHost;
    this.topology = start.topology;
    this.isConfirmed = start.isConfirmed;
    const { host } = this;
    const source = {
      current: () => this.topology,
      get isConfirmed() {
        return self.isConfirmed;
      },
      grantedUntilMs: Number.NEGATIVE_INFINITY,
      onChange: (changed: () => void) => {
        this.changed = changed;
        return () => undefined;
      },
    };
    const defer = queueMicrotask;
    this.leader = new ReplicationLeader({ logger, epoch, host });
    this.follower = new ReplicationFollower({ clock, logger, random, epoch, defer, onLost: () => {} });
    const { leader, follower } = this;
    const onChange = () => this.roles.recheck();
    this.#asker = new PositionAsker({ epoch, defer });
    this.#answerer = new PositionAnswerer({ host, follower, source, logger, onPromised: onChange });
    const candidacies = new Candidacies({ clock, logger, asker: this.#asker, follower, onMayLead: onChange });
    const onCarriedOut = () => {};
    const parts = { leader, follower, candidacies };
    this.roles = new ReplicaRoles({ self: this.id, source, host, ...parts, clock, logger, random, onCarriedOut });
  }

  get dialing(): NetworkSide {
    return sideOf(this.id, [this.follower, this.#asker]);
  }

  get accepting(): NetworkSide {
    return sideOf(this.id, [this.leader, this.#answerer]);
  }
}

function sideOf(node: NodeId, parts: readonly Omit<NetworkSide, "node">[]): NetworkSide {
  return {
    node,
    handlers: Object.assign({}, ...parts.map(({ handlers }) => handlers)),
    onOpen: (channel) => {
      for (const part of parts) part.onOpen(channel);
    },
    onClose: (channel) => {
      for (const part of parts) part.onClose(channel);
    },
    onDrain: (channel) => {
      for (const part of parts) part.onDrain(channel);
    },
  };
}

export class SimulatedCluster {
  readonly clock = new VirtualClock();
  readonly prng: Prng;
  readonly hosts: readonly MemoryHost[];
  processes: (Process | undefined)[] = new Array(NODE_COUNT).fill(undefined);
  links = new Map<string, { readonly link: MemoryLink; readonly sinceMs: number }>();
  epoch = 1;
  assignments: SlotAssignment[];
  areManagersUp = true;
  /** The topology that each node has on disk. */
  readonly #persisted: (Topology | undefined)[] = new Array(NODE_COUNT).fill(undefined);
  /** Every entry ever made, by slot, term and index. */
  readonly #made = new Map<string, number>();
  readonly #watched = new Set<MemoryReplica>();
  /** What checks outside of a test's own calls found: they are told at the next step. */
  readonly #faults: string[] = [];

  constructor(seed: number) {
    this.prng = new Prng(seed);
    const pause = () => delay(this.clock, this.prng.nextBelow(60));
    this.hosts = Array.from({ length: NODE_COUNT }, () => new MemoryHost(pause));
    this.assignments = Array.from({ length: SLOT_COUNT }, (_, slot) => ({
      term: 1,
      leader: slot % NODE_COUNT,
      replicas: Array.from({ length: NODE_COUNT }, (_, node) => ({
        id: replicaId(1 + slot * NODE_COUNT + node),
        node: nodeIdOf(node + 1),
      })),
    }));
  }

  get topology(): Topology {
    return {
      clusterId: CLUSTER,
      epoch: this.epoch,
      nodes: new Map([1, 2, 3].map((number) => [nodeIdOf(number), topologyNode(number)])),
      tables: new Map(),
      assignments: new Map([[TABLE, this.assignments]]),
      adminPasswordHashes: [],
      featureLevel: 1,
      managers: [],
    };
  }

  /** A new term for a slot, led by a node: above all that living processes report. */
  elect(slot: number, leader: number): void {
    if (!this.areManagersUp) return;
    this.#raise(slot, leader);
    this.#publish();
  }

  startNode(node: number): void {
    const known = this.#persisted[node];
    if (!this.areManagersUp && known === undefined) return;
    const isRestart = known !== undefined;
    const topology = this.areManagersUp ? this.topology : (known as Topology);
    const process = new Process(this, node, { topology, isConfirmed: this.areManagersUp && !isRestart });
    this.processes[node] = process;
    this.#persisted[node] = topology;
    process.roles.start();
    if (isRestart && this.areManagersUp) this.register(node);
  }

  /** A start is registered: the slots that the node leads get new terms. */
  register(node: number): void {
    const process = this.processes[node];
    if (process === undefined) return;
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.assignments[slot]?.leader === node) this.#raise(slot, node);
    process.isConfirmed = true;
    this.#publish();
  }

  /** Managers come back: those that they do not know register. */
  returnManagers(): void {
    if (this.areManagersUp) return;
    this.areManagersUp = true;
    for (const [node, process] of this.processes.entries()) if (process?.isConfirmed === false) this.register(node);
    this.#publish();
  }

  crashNode(node: number, isPowerLoss: boolean): void {
    const process = this.processes[node];
    if (process === undefined) return;
    this.processes[node] = undefined;
    for (const [name, { link }] of this.links) {
      if (!name.split("-").includes(String(node))) continue;
      link.break(process.id);
      this.links.delete(name);
    }
    for (const replica of process.host.all()) replica.crash(isPowerLoss);
  }

  /** Makes every link that is missing between living nodes. */
  connect(): void {
    for (const [d, dialer] of this.processes.entries()) {
      for (const [a, acceptor] of this.processes.entries()) {
        const isThere = this.links.get(`${d}-${a}`)?.link.isOpen;
        if (d === a || dialer === undefined || acceptor === undefined || isThere) continue;
        const link = new MemoryLink({ dialer: dialer.dialing, acceptor: acceptor.accepting }, this.clock, this.prng);
        this.links.set(`${d}-${a}`, { link, sinceMs: this.clock.monotonicMs() });
        link.open();
      }
    }
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 5) {
      await this.clock.advanceAsync(5);
      for (const process of this.processes) for (const replica of process?.host.all() ?? []) replica.endTurn();
      await settle();
      this.#watch();
      this.#check();
    }
  }

  replica(slot: number, node: number): MemoryReplica {
    const replica = this.hosts[node]?.find(TABLE, slot);
    if (replica === undefined) throw new Error(`node ${node} has no replica of slot ${slot}`);
    return replica;
  }

  leaderReplica(slot: number): MemoryReplica | undefined {
    const node = this.assignments[slot]?.leader ?? -1;
    const replica = this.processes[node]?.host.find(TABLE, slot);
    return replica?.role === "leader" ? replica : undefined;
  }

  /** Waits for quiet and for every slot to agree on all nodes; the managers stay as they are. */
  async heal(): Promise<void> {
    for (let node = 0; node < NODE_COUNT; node++) if (this.processes[node] === undefined) this.startNode(node);
    for (let round = 0; round < 60; round++) {
      this.connect();
      await this.pass(200);
      const lags = this.processes.flatMap((process) => process?.leader.lags() ?? []);
      const isQuiet =
        lags.length === SLOT_COUNT * (NODE_COUNT - 1) && lags.every((lag) => lag.isInSync && lag.lagEntries === 0);
      if (isQuiet) return;
    }
    const states = this.processes.flatMap((process) => process?.follower.statuses() ?? []);
    throw new Error(`the replicas do not come to agree: ${JSON.stringify(states)}`);
  }

  async expectAgreement(): Promise<void> {
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const digests = await Promise.all(this.hosts.map((host) => host.find(TABLE, slot)?.digest()));
      expect(new Set(digests).size).toBe(1);
      expect(this.leaderReplica(slot)?.progress.needFrom).toBe((this.leaderReplica(slot)?.last.index ?? -1) + 1);
    }
  }

  #raise(slot: number, leader: number): void {
    const old = this.assignments[slot] as SlotAssignment;
    const seen = this.processes.map((process) => process?.host.find(TABLE, slot)?.term ?? 0);
    this.assignments = this.assignments.with(slot, { ...old, leader, term: Math.max(old.term, ...seen) + 1 });
  }

  #publish(): void {
    this.epoch++;
    for (const [node, process] of this.processes.entries()) {
      if (process === undefined) continue;
      process.topology = this.topology;
      this.#persisted[node] = this.topology;
      process.changed();
    }
  }

  #watch(): void {
    for (const host of this.hosts) {
      for (const replica of host.all()) {
        if (this.#watched.has(replica)) continue;
        this.#watched.add(replica);
        replica.onMade = ({ term, index, crc }) => {
          const key = `${replica.slot}/${term}/${index}`;
          const other = this.#made.get(key);
          if (other !== undefined && other !== crc) this.#faults.push(`${key} is used for two entries`);
          this.#made.set(key, crc);
        };
        replica.onLead = () => this.#checkNewLeader(replica);
      }
    }
  }

  #checkNewLeader(leader: MemoryReplica): void {
    const node = this.hosts.findIndex((host) => host.find(TABLE, leader.slot) === leader);
    for (const [other, process] of this.processes.entries()) {
      const reached = this.links.get(`${node}-${other}`);
      const theirs = process?.host.find(TABLE, leader.slot);
      if (theirs === undefined || process === undefined || reached?.link.isOpen !== true) continue;
      if (this.clock.monotonicMs() - reached.sinceMs < REACHED_AFTER_MS) continue;
      if (theirs.role === "leader" || process.follower.isCopying(TABLE, leader.slot)) continue;
      const [a, b] = [theirs.last, leader.last];
      if (a.term > b.term || (a.term === b.term && a.index > b.index)) {
        const has = `${JSON.stringify(theirs.last)}, and leads with ${JSON.stringify(leader.last)}`;
        this.#faults.push(`node ${node} could reach ${other} of slot ${leader.slot}, which has ${has}`);
      }
    }
  }

  #check(): void {
    expect(this.#faults).toEqual([]);
    for (const host of this.hosts) for (const { violations } of host.all()) expect(violations).toEqual([]);
    for (const process of this.processes) {
      for (const { slot, state, leader } of process?.follower.statuses() ?? []) {
        const mine = process?.host.find(TABLE, slot);
        const led = this.leaderReplica(slot);
        const isPresent = led !== undefined && nodeIdOf((this.assignments[slot]?.leader ?? 0) + 1) === leader;
        if (state !== "streaming" || !isPresent || mine === undefined || mine.term !== led.term) continue;
        expect(mine.last.index).toBeLessThanOrEqual(led.last.index);
        const theirs = led.positionAt(mine.last.index);
        if (theirs !== undefined) expect(theirs).toEqual(mine.last);
      }
      for (const { slot, replica, appendedIndex, mode } of process?.leader.lags() ?? []) {
        if (mode !== "streaming") continue;
        const followers = this.hosts.map((host) => host.find(TABLE, slot)).filter((one) => one?.replica === replica);
        for (const follower of followers) expect(appendedIndex).toBeLessThanOrEqual(follower?.last.index ?? 0);
      }
    }
  }
}
