/** A node's slots over MapSlotData and a log in memory: crashes and starts again over what was flushed and logged. */

import { Argv } from "../../node/base/argv.ts";
import { Prng } from "../../node/base/prng.ts";
import type { Binlog, BinlogOptions } from "../../node/binlog/binlog.ts";
import type { DataCommand } from "../../node/commands/command.ts";
import { CommandRegistry, dataCommands } from "../../node/commands/registry.ts";
import { ReplyWriter } from "../../node/resp/reply.ts";
import type { Outcome } from "../../node/shard/executor.ts";
import { ShardNode } from "../../node/shard/shard-node.ts";
import { Shards } from "../../node/shard/shards.ts";
import { SlotReplica } from "../../node/shard/slot-replica.ts";
import { SlotShard } from "../../node/shard/slot-shard.ts";
import { MapSlotData } from "./map-slot-data.ts";
import { REPLICA, TABLE, TestLog } from "./test-log.ts";

const registry = new CommandRegistry<never>(dataCommands);

export class TestShards {
  readonly machine: TestLog;
  readonly log: Binlog;
  readonly node: ShardNode;
  readonly shards: Shards;
  readonly data: readonly MapSlotData[];
  readonly replicas: readonly SlotReplica[];
  roomError: string | undefined;
  /** What commands threw. */
  readonly failures: unknown[] = [];
  readonly #reply = new ReplyWriter();

  /** Starts over `machine`, whose `stored` must say what `data` has flushed. */
  constructor(
    machine = new TestLog(),
    data = [0, 1, 2].map(() => new MapSlotData()),
    options: Partial<BinlogOptions> = {},
  ) {
    this.machine = machine;
    this.data = data;
    for (const [slot, one] of data.entries()) machine.stored.set(slot, { replica: REPLICA, ...one.dropNow() });
    this.log = machine.open(options);
    this.node = new ShardNode({
      log: this.log,
      clock: machine.clock,
      seeds: new Prng(42),
      resolve: (argv) => registry.resolve(argv),
      refuseForRoom: () => this.roomError,
      level: () => 1,
      onCommandFailed: (error) => this.failures.push(error),
      fatal: (error) => {
        throw error;
      },
    });
    this.shards = new Shards(this.node);
    this.replicas = data.map((one, slot) => this.#open(one, slot));
  }

  /** Stops without a word, as a killed process; the next one starts over what it left. */
  restart(options: Partial<BinlogOptions> = {}): TestShards {
    return new TestShards(this.machine, [...this.data], options);
  }

  async leadAll(): Promise<this> {
    for (const replica of this.replicas) await replica.becomeLeader(replica.term + 1);
    return this;
  }

  shard(slot: number): SlotShard {
    return (this.replicas[slot] as SlotReplica).shard;
  }

  /** Ends the turn, and waits until the slots of a failed one are undone. */
  async endTurn(): Promise<string | undefined> {
    const error = this.shards.endTurn();
    for (const { shard } of this.replicas) await shard.undone();
    return error;
  }

  /** Runs a command on a slot within the current turn. */
  run(slot: number, ...parts: readonly (string | number)[]): { outcome: Outcome; reply: string } {
    this.#reply.rewind(0);
    const argv = Argv.of(...parts);
    const outcome = this.shard(slot).execute(this.command(argv), argv, this.#reply);
    return { outcome, reply: this.#reply.buf.toString("latin1", 0, this.#reply.length) };
  }

  runAll(slot: number, ...commands: readonly (readonly (string | number)[])[]): { outcome: Outcome; reply: string } {
    this.#reply.rewind(0);
    const batch = commands.map((parts) => {
      const argv = Argv.of(...parts);
      return { command: this.command(argv), argv };
    });
    const outcome = this.shard(slot).executeAll(batch, this.#reply);
    return { outcome, reply: this.#reply.buf.toString("latin1", 0, this.#reply.length) };
  }

  /** The records of a slot as they are in memory. */
  contents(slot: number): ReadonlyMap<string, string> {
    const { tx } = this.data[slot] as MapSlotData;
    return new Map([...tx.records].map(([key, value]) => [key, value.toString("latin1")]));
  }

  command(argv: Argv): DataCommand {
    const command = registry.resolve(argv);
    if (typeof command === "string" || command.scope !== "data") throw new Error(String(command));
    return command;
  }

  #open(data: MapSlotData, slot: number): SlotReplica {
    const log = this.log.slot(TABLE, slot, REPLICA);
    const shard = new SlotShard(this.node, log, { data, state: data.state });
    this.shards.add(shard);
    const copies = { open: refuse, install: refuse, digest: refuse };
    return new SlotReplica(shard, {
      node: this.node,
      shards: this.shards,
      copies,
      files: this.machine.files,
      lostWritesDirectory: "/data/lost-writes",
      onLostWrites: () => undefined,
    });
  }
}

function refuse(): Promise<never> {
  return Promise.reject(new Error("not in this test"));
}
