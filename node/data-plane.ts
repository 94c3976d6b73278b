/**
 * The data plane of a node: database, log, slots, and what keeps them. It knows nothing of clients or peers.
 *
 *   const plane = new DataPlane(options, deps)
 *   await plane.start()            recovered: every replica's role is still unknown
 *   plane.executors / plane.replicas
 *   await plane.stop()             flushed, synced, closed
 *
 * Refuses, by an OperatingError of start(): what recovery.ts and the store refuse.
 */

import type { Argv } from "./base/argv.ts";
import { present } from "./base/assert.ts";
import type { Clock } from "./base/clock.ts";
import { OperatingError } from "./base/errors.ts";
import type { HashKey } from "./base/hash.ts";
import type { Service } from "./base/lifecycle.ts";
import type { Logger } from "./base/log.ts";
import type { Prng } from "./base/prng.ts";
import { Binlog } from "./binlog/binlog.ts";
import type { FileSystem } from "./binlog/file-system.ts";
import type { FsyncPolicy } from "./binlog/syncer.ts";
import type { Command } from "./commands/command.ts";
import { Engine } from "./engine/engine.ts";
import { engineOptions } from "./engine/engine-options.ts";
import type { Store } from "./engine/store.ts";
import type { ClusterId, NodeId, TableId } from "./meta/ids.ts";
import { DiskRoom } from "./shard/disk-room.ts";
import { ExpiryClock } from "./shard/expiry-clock.ts";
import { LogKeeper } from "./shard/log-keeper.ts";
import { ShardNode } from "./shard/shard-node.ts";
import { Shards } from "./shard/shards.ts";
import { EngineSlotCopies } from "./shard/slot-copies.ts";
import { SlotHost } from "./shard/slot-host.ts";
import type { SlotCopies } from "./shard/slot-replica.ts";
import { replayAtStart } from "./shard/start-replay.ts";
import { TurnLogGate } from "./shard/turn-log-gate.ts";

const GIB = 1024 * 1024 * 1024;
/** See the option followerLogBytes. */
const DEFAULT_FOLLOWER_LOG_BYTES = 2 * GIB;
/** See the option copyLogBytes. */
const DEFAULT_COPY_LOG_BYTES = 8 * GIB;
/** Recovery reads at most about this much log. */
const DEFAULT_PINNED_LOG_BYTES = GIB / 2;

export interface DataPlaneOptions {
  /** The data directory and its parts, see engine/data-directory.ts. */
  readonly paths: { readonly root: string; readonly binlog: string; readonly lostWrites: string };
  readonly identity: { readonly cluster: ClusterId; readonly node: NodeId };
  readonly fsync: FsyncPolicy;
  readonly cacheBytes: number;
  readonly segmentBytes?: number;
  readonly followerLogBytes?: number;
  readonly copyLogBytes?: number;
  readonly pinnedLogBytes?: number;
  /** See DiskRoomOptions. */
  readonly watermarkBytes?: number;
  /** See DiskRoomOptions; default 0. */
  readonly reserveLimitBytes?: number;
  /** The hash key of a table of the topology that the node starts with, and of those that come. */
  readonly hashKeyOf: (table: TableId) => HashKey | undefined;
  /** Whether a recovered slot has other replicas: then its log is replayed once its role is known. */
  readonly hasPeers: (table: TableId, slot: number) => boolean;
  /** The feature level of new entries. */
  readonly level: () => number;
}

export interface DataPlaneDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly files: FileSystem;
  /** Seeds of random commands. */
  readonly seeds: Prng;
  /** The command registry. */
  readonly resolve: (argv: Argv) => Command<never> | string;
  readonly logger: Logger;
  /** Ends the process at once: nothing that is not durable may be promised any more. */
  readonly fatal: (error: unknown) => void;
}

/** What the start found, for its log line. */
export interface StartReport {
  readonly replicaCount: number;
  readonly replayedCount: number;
  readonly cutBytes: number;
}

export class DataPlane implements Service {
  readonly engine: Engine;
  /** Entries set aside since the start: what this node had taken and a new leader never had. */
  lostEntryCount = 0;
  readonly #options: DataPlaneOptions;
  readonly #deps: DataPlaneDeps;
  readonly #gate = new TurnLogGate();
  readonly #room: DiskRoom;
  #log: Binlog | undefined;
  #shards: Shards | undefined;
  #host: SlotHost | undefined;
  #keeper: LogKeeper | undefined;
  #expiryClock: ExpiryClock | undefined;
  #starting: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  readonly #stopSignal = new AbortController();
  #report: StartReport = { replicaCount: 0, replayedCount: 0, cutBytes: 0 };

  constructor(options: DataPlaneOptions, deps: DataPlaneDeps) {
    this.#options = options;
    this.#deps = deps;
    const { clock, store, files, fatal } = deps;
    this.#room = new DiskRoom(
      {
        directory: options.paths.root,
        watermarkBytes: options.watermarkBytes,
        reserveLimitBytes: options.reserveLimitBytes ?? 0,
      },
      { files, clock },
    );
    this.engine = new Engine(engineOptions(options.cacheBytes), {
      store,
      clock,
      log: this.#gate,
      fatal,
      ceilingOf: (space) => this.executors.find(space.table as TableId, space.slot)?.followersAcknowledged ?? Infinity,
      hasRoom: () => this.#room.makeRoom(),
    });
  }

  /** Where commands go. */
  get executors(): Shards {
    return present(this.#shards, "a started data plane's slots");
  }

  /** What replication works with. */
  get replicas(): SlotHost {
    return present(this.#host, "a started data plane's replicas");
  }

  get log(): Binlog {
    return present(this.#log, "a started data plane's log");
  }

  get room(): DiskRoom {
    return this.#room;
  }

  get report(): StartReport {
    return this.#report;
  }

  /** How long a client's next write should be put off, in ms: the database is behind. */
  writeDelayMs(): number {
    return this.engine.flusher.writeDelayMs();
  }

  /** DEBUG SET-ACTIVE-EXPIRE: whether expired records are removed before someone asks for them. */
  setActiveExpiry(isOn: boolean): void {
    this.engine.expirer.isEnabled = isOn;
    if (this.#expiryClock) this.#expiryClock.isEnabled = isOn;
  }

  /** @throws OperatingError `Stopping` where `stop` was called meanwhile. */
  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { clock } = this.#deps;
    this.#deps.files.makeDirectory(this.#options.paths.root);
    this.#room.prepareStart();
    await this.engine.open();
    const log = this.#recoverLog();
    const { node, shards, host } = this.#assemble(log);
    host.openRecovered();
    log.start();
    await host.dropLeftovers();
    this.#room.start();
    this.engine.start();
    this.#keeper?.start();
    const { hasPeers } = this.#options;
    const replayedCount = await replayAtStart(
      { node, shards, clock },
      {
        isWanted: ({ table, slot }) => !hasPeers(table, slot),
        pauseMs: () => this.writeDelayMs(),
        signal: this.#stopSignal.signal,
      },
    );
    const replicaCount = [...shards.all()].length;
    this.#expiryClock?.start();
    this.#report = { replicaCount, replayedCount, cutBytes: log.recovered.cutBytes };
    this.#deps.logger.info({ ...this.#report, closedCount: host.closedCount }, "data recovered");
  }

  /** Flushes all, syncs and closes; a start under way is given up. Whoever makes turns has stopped. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#stopSignal.abort(new OperatingError("Stopping", "the node was stopped while it recovered its data"));
    await this.#starting.catch(() => undefined);
    this.#room.stop();
    this.#expiryClock?.stop();
    await this.#keeper?.stop();
    this.#shards?.endTurn();
    await this.#shards?.close();
    try {
      await this.engine.close();
      // All is flushed: the next start has little to read.
      await this.#keeper?.keep();
    } finally {
      await this.#log?.stop();
    }
  }

  #recoverLog(): Binlog {
    const { paths, identity, fsync, segmentBytes } = this.#options;
    const { clock, files, fatal } = this.#deps;
    const storedSlots = this.engine.storedSlots().map(
      ({ table, slot, record }) =>
        [
          { table: table as TableId, slot },
          { replica: record.replica as never, ...record.applied },
        ] as const,
    );
    const log = new Binlog(
      {
        directory: paths.binlog,
        identity,
        fsync,
        storedSlots,
        ...(segmentBytes === undefined ? {} : { segmentBytes }),
      },
      { files, clock, fatal, unstoredPositions: () => this.replicas.unstoredPositions() },
    );
    this.#log = log;
    return log;
  }

  #assemble(log: Binlog): { readonly node: ShardNode; readonly shards: Shards; readonly host: SlotHost } {
    const { clock, seeds, resolve, files, logger, fatal, store } = this.#deps;
    const { paths, hashKeyOf, level } = this.#options;
    const room = this.#room;
    const node = new ShardNode({
      log,
      clock,
      seeds,
      resolve,
      level,
      fatal,
      refuseForRoom: () => room.refuse(),
      onCommandFailed: (error) => logger.error({ error }, "a command failed: its client was told"),
    });
    const shards = new Shards(node);
    const { engine } = this;
    const copies: SlotCopies = new EngineSlotCopies({ engine, store, node, shards });
    const host = new SlotHost({
      engine,
      node,
      shards,
      copies,
      files,
      hashKeyOf,
      lostWritesDirectory: paths.lostWrites,
      onLostWrites: (lost) => {
        this.lostEntryCount += lost.count;
        logger.warn(lost, "entries that the new leader never had were set aside");
      },
    });
    shards.onLogFull = () => room.noteFull();
    this.#expiryClock = new ExpiryClock({ clock, shards });
    this.#gate.log = log;
    this.#gate.shards = shards;
    this.#shards = shards;
    this.#host = host;
    this.#keeper = new LogKeeper(
      {
        followerBytes: this.#options.followerLogBytes ?? DEFAULT_FOLLOWER_LOG_BYTES,
        copyBytes: this.#options.copyLogBytes ?? DEFAULT_COPY_LOG_BYTES,
        pinnedBytes: this.#options.pinnedLogBytes ?? DEFAULT_PINNED_LOG_BYTES,
      },
      {
        log,
        clock,
        fatal,
        slots: () => host.retention(),
        flush: async ({ table, slot }) => {
          const space = engine.slot(table, slot);
          if (space) await engine.flusher.flush(space);
        },
      },
    );
    return { node, shards, host };
  }
}
