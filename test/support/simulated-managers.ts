/**
 * Managers and nodes in virtual time: real elections, sessions and executors over a store in memory whose calls are
 * late, lost before or after they happened, while managers stand still, die and come back. All from one seed.
 * What nodes are told is checked for what must never be (`History`).
 */

import { OperatingError } from "../../node/base/errors.ts";
import { silentLogger } from "../../node/base/log.ts";
import type { Prng } from "../../node/base/prng.ts";
import type { ClusterId, NodeId } from "../../node/meta/ids.ts";
import type { RegisterReply, ReplicaPosition } from "../../node/meta/manager-api.ts";
import type { Topology } from "../../node/meta/topology.ts";
import { decodeTopology, encodeTopology } from "../../node/meta/topology-codec.ts";
import { applyDelta } from "../../node/meta/topology-delta.ts";
import type { ApiReply } from "../../operator/manager/api/api-reply.ts";
import { Election } from "../../operator/manager/election.ts";
import { LeaderSession } from "../../operator/manager/leader-session.ts";
import { MetadataKeys } from "../../operator/manager/store/keys.ts";
import { registerRequest } from "./cluster-states.ts";
import { type MemoryMetadata, MemoryMetadataStore, type Weather } from "./memory-metadata-store.ts";
import { PausableClock } from "./pausable.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const keys = new MetadataKeys("/sim");
const LEASE_TTL_MS = 3000;
const GRANT_MS = 1000;
const CALL_TIMEOUT_MS = 3000;

export interface World {
  readonly clock: VirtualClock;
  readonly data: MemoryMetadata;
  readonly random: Prng;
  /** Share of calls to the store that are lost; 0 once the storm is over. */
  lossShare: number;
}

function randomHexOf(random: Prng, sizeBytes: number): string {
  return Array.from({ length: sizeBytes }, () => random.nextBelow(256).toString(16).padStart(2, "0")).join("");
}

export class SimulatedManager {
  readonly #world: World;
  readonly clock: PausableClock;
  readonly #election: Election;
  session: LeaderSession | undefined;
  #isDead = false;
  #resumed: PromiseWithResolvers<void> | undefined;

  constructor(world: World) {
    this.#world = world;
    this.clock = new PausableClock(world.clock);
    const store = new MemoryMetadataStore(world.data, this.#weather());
    const id = randomHexOf(world.random, 16);
    const url = `http://m-${id.slice(0, 4)}:9230`;
    this.#election = new Election(
      { self: { id, url }, leaseTtlMs: LEASE_TTL_MS },
      {
        store,
        keys,
        clock: this.clock,
        logger: silentLogger,
        onElected: (token) => this.#lead({ store, id, url, token }),
        onDeposed: () => this.#endSession(),
        onMembers: () => this.session?.refreshManagers(),
      },
    );
    this.#election.start();
  }

  get isLeading(): boolean {
    return !this.#isDead && this.#election.isLeading && this.session?.state !== undefined;
  }

  get isPaused(): boolean {
    return this.#resumed !== undefined;
  }

  pause(): void {
    this.#resumed ??= Promise.withResolvers<void>();
    this.clock.pause();
  }

  resume(): void {
    this.clock.resume();
    this.#resumed?.resolve();
    this.#resumed = undefined;
  }

  /** As by kill -9: nothing of it runs any more, its lease runs out. */
  kill(): void {
    this.#isDead = true;
    this.pause();
  }

  #lead(won: { store: MemoryMetadataStore; id: string; url: string; token: number }): void {
    this.#endSession();
    const session: LeaderSession = new LeaderSession(
      { token: won.token, selfId: won.id, selfUrl: won.url, heartbeatMs: 200, grantMs: GRANT_MS, aliveMs: 1000 },
      {
        store: won.store,
        keys,
        clock: this.clock,
        logger: silentLogger,
        randomHex: (sizeBytes) => randomHexOf(this.#world.random, sizeBytes),
        isLeading: () => this.#election.isLeading && this.session === session,
        managerUrls: () => this.#election.managers.map((manager) => manager.url),
        onFailed: (reason) => {
          if (this.session === session) this.#election.resign(reason);
        },
      },
    );
    this.session = session;
    session.load(randomHexOf(this.#world.random, 16) as ClusterId).catch(() => {
      if (this.session === session) this.#election.resign("cannot load");
    });
  }

  #endSession(): void {
    this.session?.close();
    this.session = undefined;
  }

  #weather(): Weather {
    const { random, clock } = this.#world;
    const pass = async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      clock.after(random.nextBelow(10) === 0 ? random.nextBelow(400) : random.nextBelow(5), resolve);
      await promise;
      while (this.#resumed !== undefined) await this.#resumed.promise;
      if (random.nextFloat() < this.#world.lossShare) throw new OperatingError("StoreUnavailable", "lost");
    };
    return { before: pass, after: pass };
  }
}

export class SimulatedNode {
  readonly #world: World;
  readonly name: string;
  id: NodeId;
  #startId: string;
  topology: Topology | undefined;
  confirmedEpoch: number | undefined;
  #isBusy = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.id = randomHexOf(world.random, 16) as NodeId;
    this.#startId = randomHexOf(world.random, 16);
  }

  /** Starts again with its disk. */
  restart(): void {
    this.#startId = randomHexOf(this.#world.random, 16);
    this.confirmedEpoch = undefined;
  }

  /** Starts again with an empty disk. */
  wipe(): void {
    this.id = randomHexOf(this.#world.random, 16) as NodeId;
    this.topology = undefined;
    this.restart();
  }

  /** One round of what the agent does, with a manager that believes that it leads. */
  async talk(manager: SimulatedManager, history: History): Promise<void> {
    const { session } = manager;
    if (this.#isBusy || session === undefined || !manager.isLeading || manager.isPaused) return;
    this.#isBusy = true;
    const start = this.#startId;
    try {
      if (this.confirmedEpoch === undefined) {
        // A manager that dies answers nothing: the call has a deadline, as the agent's has.
        const deadline = Promise.withResolvers<undefined>();
        this.#world.clock.after(CALL_TIMEOUT_MS, () => deadline.resolve(undefined));
        const reply = await Promise.race([session.register(this.#registration()), deadline.promise]);
        if (start !== this.#startId || reply === undefined) return;
        this.#registered(reply);
      } else {
        session.heartbeat({
          nodeId: this.id,
          startId: this.#startId,
          knownEpoch: this.topology?.epoch ?? 0,
          isReady: true,
          isFull: true,
          positions: this.#positions(),
          load: { opsPerSecond: 0, connectedClients: 0, memoryBytes: 0, diskBytes: 0, tables: [] },
          peers: [],
        });
      }
      if (start !== this.#startId) return;
      this.#follow(session, history);
      this.#lead(history);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
    } finally {
      this.#isBusy = false;
    }
  }

  #registration() {
    return registerRequest(0, {
      nodeId: this.id,
      startId: this.#startId,
      name: this.name,
      knownEpoch: this.topology?.epoch ?? 0,
      replicas: this.#positions(),
    });
  }

  #registered({ status, body }: ApiReply): void {
    if (status !== 200) return;
    const reply = body as RegisterReply;
    if (reply.state === "retired") this.wipe();
    else this.confirmedEpoch = reply.epoch;
  }

  #follow(session: LeaderSession, history: History): void {
    const from = this.topology?.epoch ?? 0;
    if (from > (session.feed.current?.epoch ?? 0)) return;
    const reply = session.feed.since(from);
    if (reply === undefined || reply.kind === "same") return;
    const decoded =
      reply.kind === "whole" ? decodeTopology(reply.topology) : applyDelta(this.topology as Topology, reply.delta);
    if (!decoded.ok) throw new Error(`a topology does not decode: ${decoded.path} ${decoded.message}`);
    this.topology = decoded.value;
    history.check(decoded.value);
  }

  /** As replication does: once the topology has this start's terms, it leads what is its own. */
  #lead(history: History): void {
    if (this.confirmedEpoch === undefined || (this.topology?.epoch ?? -1) < this.confirmedEpoch) return;
    for (const [table, slots] of this.topology?.assignments ?? []) {
      for (const [slot, { term, leader, replicas }] of slots.entries()) {
        if (replicas[leader]?.node === this.id) history.claim(`${table}/${slot} ${term}`, this.#startId);
      }
    }
  }

  #positions(): ReplicaPosition[] {
    const positions: ReplicaPosition[] = [];
    for (const slots of this.topology?.assignments.values() ?? []) {
      for (const { replicas, term } of slots) {
        for (const { id, node } of replicas) if (node === this.id) positions.push([id, term, 1, 0]);
      }
    }
    return positions;
  }
}

/**
 * All that nodes were told. Invariants: one epoch is one topology, whoever tells it; a replica's id belongs to one
 * slot and one node for ever; a term of a slot has one leader at most, and one process start that leads in it; terms
 * do not go back from epoch to epoch.
 */
export class History {
  readonly #epochs = new Map<number, string>();
  readonly #replicas = new Map<number, string>();
  readonly #leaders = new Map<string, number>();
  readonly #terms = new Map<string, { epoch: number; term: number }[]>();
  readonly #claims = new Map<string, string>();

  /** A process start leads in a term of a slot: no other start may, of the same node neither. */
  claim(slotTerm: string, startId: string): void {
    expectSame(this.#claims, [slotTerm, startId], "one start leads in a term");
  }

  check(topology: Topology): void {
    const { managers: _, ...document } = encodeTopology(topology);
    expectSame(this.#epochs, [topology.epoch, JSON.stringify(document)], "an epoch is one topology");
    for (const [table, slots] of topology.assignments) {
      for (const [slot, { term, leader, replicas }] of slots.entries()) {
        const place = `${table}/${slot}`;
        for (const { id, node } of replicas)
          expectSame(this.#replicas, [id, `${place} ${node}`], "a replica has one place");
        const led = replicas[leader];
        if (led) expectSame(this.#leaders, [`${place} ${term}`, led.id], "a term has one leader");
        this.#checkTerms(place, topology.epoch, term);
      }
    }
  }

  #checkTerms(place: string, epoch: number, term: number): void {
    const seen = this.#terms.get(place) ?? [];
    for (const other of seen) {
      const isWrong = other.epoch < epoch ? other.term > term : other.epoch > epoch && other.term < term;
      if (isWrong) throw new Error(`terms of ${place} go back: ${other.term} at ${other.epoch}, ${term} at ${epoch}`);
    }
    seen.push({ epoch, term });
    this.#terms.set(place, seen);
  }
}

function expectSame<K, V>(map: Map<K, V>, [key, value]: readonly [K, V], rule: string): void {
  const before = map.get(key);
  if (before !== undefined && before !== value) throw new Error(`${rule}: ${key} is ${before} and ${value}`);
  map.set(key, value);
}
