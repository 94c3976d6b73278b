/**
 * Everything between the client port and the slots' executors, put together: listener, dispatcher, blocked clients,
 * routes, configuration, INFO, and the answers to forwarding peers.
 */

import { present } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Logger } from "../base/log.ts";
import { Prng } from "../base/prng.ts";
import { CommandRegistry, dataCommands } from "../commands/registry.ts";
import type { Session } from "../commands/session.ts";
import { sessionCommands } from "../commands/session-commands.ts";
import type { NodeId } from "../meta/ids.ts";
import type { TopologySource } from "../meta/topology-source.ts";
import type { Forwarder, ForwardHandler } from "../router/forwarding.ts";
import type { Executors } from "../shard/executor.ts";
import { BlockedClients } from "./blocking.ts";
import { ClientList } from "./client-list.ts";
import { createClusterView } from "./cluster-view.ts";
import { Config, type Parameter } from "./config.ts";
import { Dispatcher } from "./dispatcher.ts";
import { PeerRequests } from "./forward-handler.ts";
import { ForwardedCommands } from "./forwarded-commands.ts";
import { type InfoLines, InfoText } from "./info.ts";
import { KEEP_ALIVE_MS, Listener, type ListenerSettings } from "./listener.ts";
import { createNodeControl } from "./node-control.ts";
import { DEFAULT_OUTPUT_LIMITS, type OutputLimits } from "./output-limits.ts";
import { listParameters, type ServerSettings } from "./parameters.ts";
import { ClientPause } from "./pause.ts";
import { ReplicaWaits, type WaitFollowers } from "./replica-waits.ts";
import { Routes } from "./routes.ts";
import type { SessionServices } from "./session.ts";
import { SlotRunner, type SlotRunnerDeps } from "./slot-runner.ts";
import { SlowLog } from "./slow-log.ts";
import { SpreadRunner } from "./spread-runner.ts";
import { Statistics } from "./statistics.ts";
import { Tables } from "./tables.ts";
import type { Turn } from "./turn.ts";

export interface ClientServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly maxClients: number;
  /** Idle connections are closed after so many seconds; 0: never. */
  readonly idleSeconds: number;
  /** Commands of at least so many microseconds are noted; negative: none. */
  readonly slowLogMicros: number;
  readonly cacheBytes: number;
  readonly outputLimits?: OutputLimits;
}

/** What the server tells or asks of the rest of the node, beside the executors. */
export interface NodeServices {
  /** Lines for INFO by section. */
  readonly infoLines: (section: string) => InfoLines;
  readonly setActiveExpiry: (isOn: boolean) => void;
  readonly lastSaveSeconds: () => number;
  readonly waitFollowers: WaitFollowers;
  /** SHUTDOWN was asked for. */
  readonly onShutdown: () => void;
  /** Parameters of CONFIG that others own. */
  readonly parameters: readonly Parameter[];
}

export interface ClientServerDeps {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly log: Logger;
  readonly executors: Executors;
  /** Ends with the executors' `endTurn`. */
  readonly turn: Turn;
  readonly topology: TopologySource;
  readonly forwarder: Forwarder;
  /** By how much the next write is to be put off, ms: the database is behind. 0 when absent. */
  readonly writeDelayMs?: () => number;
  readonly node: NodeServices;
  /** Seed of what need not be unpredictable (RANDOMKEY over slots). */
  readonly seed: number;
}

export class ClientServer implements Service {
  readonly peerRequests: ForwardHandler;
  readonly statistics: Statistics;
  readonly clients: ClientList;
  readonly #listener: Listener;
  readonly #routes: Routes;
  readonly #blocking: BlockedClients;
  #unsubscribe: (() => void) | undefined;

  constructor(options: ClientServerOptions, deps: ClientServerDeps) {
    const { clock, executors, forwarder } = deps;
    const registry = new CommandRegistry<Session>([...dataCommands, ...sessionCommands]);
    const tables = new Tables();
    const { turn } = deps;
    this.#routes = new Routes(deps.self, { source: deps.topology, tables, clock });
    this.#blocking = new BlockedClients(clock, dataCommandNamed(registry, "type"));
    const runner: SlotRunnerDeps = {
      executors,
      routes: this.#routes,
      forwarder,
      turn,
      blocking: this.#blocking,
      clock,
    };
    const slots = new SlotRunner(runner);
    const spread = new SpreadRunner({ slots, executors, turn, random: new Prng(deps.seed) });
    const forwarded = new ForwardedCommands({ forwarder, routes: this.#routes, slots });
    const pause = new ClientPause(clock);
    const slowLog = new SlowLog(clock);
    const dispatcher = new Dispatcher({
      ...runner,
      registry,
      spread,
      forwarded,
      pause,
      writeDelayMs: deps.writeDelayMs ?? (() => 0),
    });
    this.statistics = new Statistics(slowLog);
    this.clients = new ClientList(clock, pause);
    const waits = new ReplicaWaits({ ...runner, waitFollowers: deps.node.waitFollowers });
    this.peerRequests = new PeerRequests({ ...runner, registry, spread, tables, waits });
    const settings = settingsOf(options, this.statistics, slowLog);
    const services = this.#createServices({
      options,
      deps,
      registry,
      tables,
      runner,
      dispatcher,
      spread,
      waits,
      settings,
    });
    this.#listener = new Listener(
      { host: options.host, port: options.port },
      {
        clock,
        log: deps.log,
        clients: this.clients,
        statistics: this.statistics,
        services,
        settings: settings.listener,
        connection: {
          dispatcher,
          turn,
          clock,
          log: deps.log,
          statistics: this.statistics,
          outputLimits: () => settings.outputLimits,
        },
      },
    );
  }

  /** What the commands of connections may see and do. */
  #createServices(what: {
    options: ClientServerOptions;
    deps: ClientServerDeps;
    registry: CommandRegistry<Session>;
    tables: Tables;
    runner: SlotRunnerDeps;
    dispatcher: Dispatcher;
    spread: SpreadRunner;
    waits: ReplicaWaits;
    settings: ServerSettings;
  }): SessionServices {
    const { options, deps, registry, tables, runner, dispatcher, spread, waits, settings } = what;
    const { statistics, slowLog } = settings;
    const { clock, executors, node } = deps;
    const portOf = () => this.#listener.port;
    const plans = () => dispatcher.plans.values();
    const info = new InfoText({
      clock,
      nodeId: deps.self,
      clients: this.clients,
      statistics,
      plans,
      port: portOf,
      maxClients: () => settings.listener.maxClients,
      cacheBytes: options.cacheBytes,
      extra: node.infoLines,
    });
    const clusterDeps = { routes: this.#routes, executors, keysCommand: dataCommandNamed(registry, "keys") };
    const keyCommands = {
      all: dataCommandNamed(registry, "dbsize"),
      expiring: dataCommandNamed(registry, "pika|expiring"),
    };
    return {
      tables,
      runner,
      config: new Config([...listParameters(settings, { host: options.host, portOf }), ...node.parameters]),
      commands: { list: () => registry.all, named: (name) => registry.named(name.toLowerCase()) },
      clientsOf: (session) => this.clients.viewOf(session),
      slowLogOf: (session) => slowLog.viewOf(() => session.access.table.id),
      clusterOf: (session) => createClusterView(clusterDeps, () => session.access.table),
      nodeOf: (session) =>
        createNodeControl(session, { clock, info, node, spread, waits, statistics, plans, keyCommands }),
    };
  }

  /** The client port in use, once started. */
  get port(): number {
    return this.#listener.port;
  }

  async start(): Promise<void> {
    this.#routes.start();
    this.#unsubscribe = this.#routes.onChange(() => this.#blocking.releaseMoved());
    await this.#listener.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#routes.stop();
    await this.#listener.stop();
  }
}

function settingsOf(options: ClientServerOptions, statistics: Statistics, slowLog: SlowLog): ServerSettings {
  const listener: ListenerSettings = {
    maxClients: options.maxClients,
    idleMs: 1000 * options.idleSeconds,
    keepAliveMs: KEEP_ALIVE_MS,
  };
  const settings = { listener, outputLimits: options.outputLimits ?? DEFAULT_OUTPUT_LIMITS, statistics, slowLog };
  statistics.slowMs = options.slowLogMicros < 0 ? Number.POSITIVE_INFINITY : options.slowLogMicros / 1000;
  return settings;
}

function dataCommandNamed(registry: CommandRegistry<Session>, name: string) {
  const command = present(registry.named(name), `command ${name}`);
  if (command.scope !== "data") throw new TypeError(`${name} must be a data command`);
  return command;
}
