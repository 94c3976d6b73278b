/**
 * Three managers and four nodes in virtual time. Each seed is one run; a failing one is printed by the test's name.
 */

import { describe, expect, test } from "vitest";
import { Prng } from "../../node/base/prng.ts";
import { isRetired } from "../../operator/manager/core/cluster-state.ts";
import { tableSpec } from "../support/cluster-states.ts";
import { MemoryMetadata } from "../support/memory-metadata-store.ts";
import { History, SimulatedManager, SimulatedNode, type World } from "../support/simulated-managers.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const NODE_COUNT = 4;
const STEP_COUNT = 150;

class Run {
  readonly world: World;
  readonly history = new History();
  readonly managers: SimulatedManager[];
  readonly nodes: SimulatedNode[];
  #generation = 0;
  deposedWrites = 0;

  constructor(seed: number) {
    const clock = new VirtualClock();
    this.world = { clock, data: new MemoryMetadata(clock), random: new Prng(seed), lossShare: 0.02 };
    this.managers = [0, 1, 2].map(() => new SimulatedManager(this.world));
    this.nodes = Array.from({ length: NODE_COUNT }, (_, i) => new SimulatedNode(this.world, `n-${i}`));
  }

  get leaders(): SimulatedManager[] {
    return this.managers.filter(({ isLeading }) => isLeading);
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[this.world.random.nextBelow(list.length)];
  }

  /** Lets time pass while nodes talk to whoever believes that it leads. */
  async pass(durationMs: number): Promise<void> {
    for (let at = 0; at < durationMs; at += 100) {
      for (const node of this.nodes) {
        const leader = this.pick(this.leaders);
        if (leader) void node.talk(leader, this.history).catch((error) => this.failures.push(error));
      }
      await this.world.clock.advanceAsync(100);
    }
    if (this.failures.length > 0) throw this.failures[0];
  }

  readonly failures: unknown[] = [];

  step(): void {
    const { random } = this.world;
    const action = random.nextBelow(12);
    const manager = this.pick(this.managers);
    const node = this.pick(this.nodes);
    if (action < 2) manager?.pause();
    else if (action < 5) for (const other of this.managers) other.resume();
    else if (action === 5) this.replaceManager();
    else if (action < 8) node?.restart();
    else if (action === 8 && random.nextBelow(4) === 0) node?.wipe();
    else this.wish();
  }

  replaceManager(): void {
    const index = this.world.random.nextBelow(this.managers.length);
    this.managers[index]?.kill();
    this.managers[index] = new SimulatedManager(this.world);
  }

  /** Somebody wants something of a manager that believes that it leads, standing still or not. */
  wish(): void {
    const { random } = this.world;
    const session = this.pick(this.leaders)?.session;
    if (!session) return;
    const generation = this.#generation++;
    const done =
      random.nextBelow(4) === 0
        ? session.putCluster({
            owner: "o",
            generation,
            spec: { nodes: 1 + random.nextBelow(NODE_COUNT), adminPasswordHashes: [] },
          })
        : session.putTable(`t${random.nextBelow(3)}`, {
            owner: "o",
            generation,
            spec: tableSpec({ slots: 8, replicas: 1 + random.nextBelow(3) }),
          });
    done.catch(() => {
      this.deposedWrites++;
    });
  }
}

describe("managers under faults", () => {
  test.each(Array.from({ length: 12 }, (_, i) => 1000 + i))("seed %d", { timeout: 60_000 }, async (seed) => {
    const run = new Run(seed);
    await run.pass(2000);
    for (let i = 0; i < STEP_COUNT; i++) {
      run.step();
      await run.pass(100 * (1 + run.world.random.nextBelow(8)));
    }
    // The storm is over: one leads, everybody has its topology, and all that can be led is led.
    run.world.lossShare = 0;
    for (const manager of run.managers) manager.resume();
    await run.pass(15_000);
    expect(run.leaders).toHaveLength(1);
    const state = run.leaders[0]?.session?.state;
    if (!state) throw new Error("the leader has a state");
    expect(state.epoch).toBeGreaterThan(5);
    for (const node of run.nodes) {
      expect(node.topology?.epoch).toBe(state.epoch);
      expect(state.nodes.get(node.id)?.node.state).toBe("active");
    }
    for (const slots of state.assignments.values()) {
      for (const slot of slots) {
        const isLost = slot.replicas.every((replica) => isRetired(state, replica.node));
        expect(slot.leader === -1).toBe(isLost);
      }
    }
  });
});
