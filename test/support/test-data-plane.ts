/** A node's data plane over a disk in memory: killed, or without power, and started again over what is left. */

import { Argv } from "../../node/base/argv.ts";
import { Prng } from "../../node/base/prng.ts";
import { CommandRegistry, dataCommands } from "../../node/commands/registry.ts";
import { DataPlane, type DataPlaneOptions } from "../../node/data-plane.ts";
import { MemoryStore } from "../../node/engine/memory-store.ts";
import type { ReplicaId } from "../../node/meta/ids.ts";
import { ReplyWriter } from "../../node/resp/reply.ts";
import type { Outcome } from "../../node/shard/executor.ts";
import type { SlotReplica } from "../../node/shard/slot-replica.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";
import { LOG_IDENTITY, TABLE } from "./test-log.ts";
import { VirtualClock } from "./virtual-clock.ts";

const registry = new CommandRegistry<never>(dataCommands);
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** The disk, which outlives the process. */
export class TestDisk {
  readonly files = new MemoryFileSystem();
  readonly store = new MemoryStore();

  async losePower(seed: number): Promise<void> {
    this.files.losePower(seed);
    this.store.losePower(new Prng(seed).nextBelow(1 + this.store.unsyncedBatchCount));
  }
}

export class TestDataPlane {
  readonly disk: TestDisk;
  readonly clock: VirtualClock;
  readonly plane: DataPlane;
  readonly fatals: unknown[] = [];
  readonly #reply = new ReplyWriter();
  #isDead = false;

  constructor(disk: TestDisk, options: Partial<DataPlaneOptions> = {}, wallMs?: number) {
    this.disk = disk;
    this.clock = new VirtualClock(wallMs);
    this.plane = new DataPlane(
      {
        paths: { root: "/data", binlog: "/data/binlog", lostWrites: "/data/lost-writes" },
        identity: LOG_IDENTITY,
        fsync: "always",
        cacheBytes: 1024 * 1024,
        segmentBytes: 10_000,
        watermarkBytes: 0,
        hashKeyOf: () => ({ k0: 1, k1: 2 }),
        hasPeers: () => false,
        level: () => 1,
        ...options,
      },
      {
        clock: this.clock,
        store: disk.store,
        files: disk.files,
        seeds: new Prng(7),
        resolve: (argv) => registry.resolve(argv),
        logger: silent,
        fatal: (error) => this.fatals.push(error),
      },
    );
  }

  /** Starts; makes the slots where there are none, and leads them all. */
  async lead(slots: number): Promise<this> {
    await this.plane.start();
    const missing = Array.from({ length: slots }, (_, slot) => slot).filter(
      (slot) => !this.plane.replicas.find(TABLE, slot),
    );
    await this.plane.replicas.create(missing.map((slot) => ({ table: TABLE, slot, replica: (slot + 1) as ReplicaId })));
    for (const replica of this.plane.replicas.all()) await replica.becomeLeader(replica.term + 1);
    return this;
  }

  replica(slot: number): SlotReplica {
    const replica = this.plane.replicas.find(TABLE, slot);
    if (!replica) throw new Error(`no replica of slot ${slot}`);
    return replica;
  }

  /** Runs a command within the current turn; waits for what it misses. */
  async run(slot: number, ...parts: readonly (string | number)[]): Promise<string> {
    const argv = Argv.of(...parts);
    const command = registry.resolve(argv);
    if (typeof command === "string" || command.scope !== "data") throw new Error(String(command));
    for (;;) {
      this.#reply.rewind(0);
      const shard = this.replica(slot).shard;
      const outcome: Outcome = shard.execute(command, argv, this.#reply);
      if (outcome === "done") return this.#reply.buf.toString("latin1", 0, this.#reply.length);
      if (outcome !== "miss") throw new Error(`${outcome} ${JSON.stringify(shard.refusal)}`);
      await shard.loaded();
    }
  }

  async endTurn(): Promise<string | undefined> {
    const error = this.plane.executors.endTurn();
    for (const replica of this.plane.replicas.all()) await replica.shard.undone();
    return error;
  }

  /** The replies of GET for some keys, in a turn of their own. */
  async read(slot: number, keys: readonly string[]): Promise<readonly string[]> {
    const replies: string[] = [];
    for (const key of keys) replies.push(await this.run(slot, "GET", key));
    return replies;
  }

  /** The process dies between two turns of the event loop; with `powerSeed` the machine too. */
  async die(powerSeed?: number): Promise<TestDisk> {
    this.#isDead = true;
    await this.plane.engine.abandon();
    if (powerSeed === undefined) await this.disk.store.close();
    else await this.disk.losePower(powerSeed);
    return this.disk;
  }

  get isDead(): boolean {
    return this.#isDead;
  }
}
