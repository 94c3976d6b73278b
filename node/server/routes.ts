/**
 * The newest topology in the forms that commands are routed by, and a way to wait for the next one.
 * A command whose slot nobody can serve right now (its leader is changing or recovering) waits here, bounded,
 * instead of failing: a planned switch is then a short pause for its clients.
 */

import { present } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { NodeId } from "../meta/ids.ts";
import type { Topology } from "../meta/topology.ts";
import type { TopologySource } from "../meta/topology-source.ts";
import { RouteTable } from "../router/core/route.ts";
import type { Tables } from "./tables.ts";

/** How often a waiting command looks again while the topology stays the same: a replica that recovers says nothing. */
const LOOK_AGAIN_MS = 10;

export class Routes {
  readonly self: NodeId;
  readonly #source: TopologySource;
  readonly #tables: Tables;
  readonly #clock: Clock;
  #table: RouteTable | undefined;
  #waiting = new Set<() => void>();
  #listeners = new Set<() => void>();
  #unsubscribe: (() => void) | undefined;

  constructor(self: NodeId, deps: { source: TopologySource; tables: Tables; clock: Clock }) {
    this.self = self;
    this.#source = deps.source;
    this.#tables = deps.tables;
    this.#clock = deps.clock;
  }

  start(): void {
    this.#unsubscribe ??= this.#source.onChange(() => this.#update());
    this.#update();
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#wakeAll();
  }

  /** Undefined until a topology is known. */
  get table(): RouteTable | undefined {
    return this.#table;
  }

  get topology(): Topology {
    return present(this.#source.current(), "topology");
  }

  get epoch(): number {
    return this.#table?.epoch ?? 0;
  }

  /** Calls `changed` after each new topology. Returns how to stop that. */
  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Calls `again` once, after the next topology or a short while. */
  lookAgain(again: () => void): void {
    const once = () => {
      if (!this.#waiting.delete(once)) return;
      timer.cancel();
      again();
    };
    const timer = this.#clock.after(LOOK_AGAIN_MS, once);
    this.#waiting.add(once);
  }

  #update(): void {
    const topology = this.#source.current();
    if (topology === undefined) return;
    this.#table = new RouteTable(topology, this.self);
    this.#tables.update(topology);
    for (const changed of this.#listeners) changed();
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const again of [...this.#waiting]) again();
  }
}
