/**
 * One manager process: it registers, campaigns, serves the API, and leads while it is elected.
 * Data are in the metadata store only; a manager can be killed at any moment and another goes on.
 * Refuses to work on the metadata of another cluster than the expected one, and to make a cluster anew where one is
 * expected (its metadata are lost; only `pika recover` may make them again).
 */

import { hostname } from "node:os";
import type { Clock, Timer } from "../../node/base/clock.ts";
import { messageOf, OperatingError } from "../../node/base/errors.ts";
import type { Service } from "../../node/base/lifecycle.ts";
import type { Logger } from "../../node/base/log.ts";
import { randomHex } from "../../node/base/mac.ts";
import type { Metrics } from "../../node/base/metrics.ts";
import { type ClusterId, parseClusterId } from "../../node/meta/ids.ts";
import { countAllSlots } from "./api/answers.ts";
import { ProvenCaller } from "./api/client.ts";
import { ApiServer, PASSED_ON_HEADER, type PassedCall } from "./api/server.ts";
import { Election } from "./election.ts";
import { LeaderSession } from "./leader-session.ts";
import { MetadataKeys } from "./store/keys.ts";
import type { MetadataStore } from "./store/metadata-store.ts";
import { decodeCluster } from "./store/records.ts";

export interface ManagerOptions {
  /** Where it listens. */
  readonly host: string;
  /** 9230 by convention; 0: any free port. */
  readonly port: number;
  /** What others call it by, as `http://demo-manager-0.demo-manager:9230`; absent: host (or this machine's name) and port. */
  readonly announceUrl?: string;
  /** Prefix of the metadata, `/pika/<namespace>/<name>`. */
  readonly prefix: string;
  /** Secrets of the cluster that callers may prove; the first is used for calls of its own. */
  readonly secrets: readonly string[];
  /** The id that the metadata must have, where it is known. */
  readonly clusterId?: string;
  /** The id that the cluster gets where there is none yet, and must have otherwise; absent: a random one. */
  readonly newClusterId?: string;
  readonly programVersion: string;
  /** Whole seconds; 5,000 when absent. */
  readonly leaseTtlMs?: number;
  /** How often nodes report; 500 when absent. */
  readonly heartbeatMs?: number;
  /** How long a grant lasts; 2,000 when absent. */
  readonly grantMs?: number;
}

export interface ManagerDeps {
  readonly store: MetadataStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The manager must not go on (another cluster's metadata): end the process with this error. */
  readonly onFatal: (error: OperatingError) => void;
}

const DEFAULT_LEASE_TTL_MS = 5000;
const DEFAULT_HEARTBEAT_MS = 500;
/** With heartbeats of 500 ms three may be lost before a node that leads must stop. */
const DEFAULT_GRANT_MS = 2000;
/** Between two looks at a store that has not answered since the start; each look may itself wait for the store. */
const CHECK_AGAIN_MS = 500;
/** A call passed on may be a long poll of 30 s. */
const PASSED_CALL_TIMEOUT_MS = 40_000;

export class Manager implements Service {
  readonly #options: ManagerOptions;
  readonly #deps: ManagerDeps;
  readonly #id = randomHex(16);
  readonly #keys: MetadataKeys;
  readonly #server: ApiServer;
  readonly #caller: ProvenCaller;
  #url = "";
  #election: Election | undefined;
  #session: LeaderSession | undefined;
  /** Why the store could not be asked whose metadata it has, until it was. */
  #checkFault: string | undefined;
  #checkTimer: Timer | undefined;
  #isStopped = false;

  constructor(options: ManagerOptions, deps: ManagerDeps) {
    if (options.secrets.length === 0 || options.secrets.includes("")) {
      throw new OperatingError("InvalidOption", "a manager needs the cluster's secret, and it must not be empty");
    }
    for (const name of ["clusterId", "newClusterId"] as const) {
      const id = options[name];
      if (id === undefined || parseClusterId(id) !== undefined) continue;
      throw new OperatingError("InvalidOption", `${name} is ${id}; it must be 32 lower-case hex digits`);
    }
    this.#options = options;
    this.#deps = deps;
    this.#keys = new MetadataKeys(options.prefix);
    this.#caller = new ProvenCaller({ secret: options.secrets[0] ?? "", caller: `manager-${this.#id}` }, deps.clock);
    this.#server = new ApiServer(options, {
      clock: deps.clock,
      logger: deps.logger,
      metrics: deps.metrics,
      session: () => (this.#election?.isLeading ? this.#session : undefined),
      passOn: (call) => this.#passOn(call),
      unreadyReason: () => this.#unreadyReason(),
      storeFault: () => this.#storeFault,
    });
    this.#observe();
  }

  /** Base URL that others call; known after `start`. */
  get url(): string {
    return this.#url;
  }

  get isLeading(): boolean {
    return this.#election?.isLeading === true && this.#session?.state !== undefined;
  }

  get clusterId(): ClusterId | undefined {
    return this.#session?.state?.clusterId;
  }

  /**
   * A store that does not answer is no error: the manager serves, says so in /readyz, and takes part once it answers.
   * @throws OperatingError when the port is taken, the metadata are another cluster's, or lost.
   */
  async start(): Promise<void> {
    await this.#server.start();
    this.#url = this.#options.announceUrl ?? `http://${reachableHost(this.#options.host)}:${this.#server.port}`;
    try {
      await this.#checkCluster();
    } catch (error) {
      if (!isStoreAway(error)) {
        await this.#server.stop();
        throw error;
      }
      this.#deps.logger.warn({ error: messageOf(error) }, "the metadata store could not be asked");
      this.#checkFault = messageOf(error);
      this.#checkAgainSoon();
      return;
    }
    await this.#campaign();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#checkTimer?.cancel();
    await this.#server.stop();
    await this.#election?.stop();
    this.#endSession();
    this.#caller.close();
  }

  get #storeFault(): string | undefined {
    return this.#election === undefined ? this.#checkFault : this.#election.storeFault;
  }

  #checkAgainSoon(): void {
    if (this.#isStopped) return;
    this.#checkTimer = this.#deps.clock.after(CHECK_AGAIN_MS, () => void this.#checkAgain());
  }

  /** No part is taken in an election before it is known whose metadata they are. */
  async #checkAgain(): Promise<void> {
    try {
      await this.#checkCluster();
      if (!this.#isStopped) await this.#campaign();
    } catch (error) {
      if (this.#isStopped) return;
      this.#checkFault = messageOf(error);
      if (error instanceof OperatingError && isFatal(error)) this.#deps.onFatal(error);
      else this.#checkAgainSoon();
    }
  }

  async #campaign(): Promise<void> {
    this.#election = new Election(
      { self: { id: this.#id, url: this.url }, leaseTtlMs: this.#options.leaseTtlMs ?? DEFAULT_LEASE_TTL_MS },
      {
        ...this.#deps,
        keys: this.#keys,
        onElected: (token) => this.#lead(token),
        onDeposed: () => this.#endSession(),
        onMembers: () => this.#session?.refreshManagers(),
      },
    );
    await this.#election.start();
  }

  /** Asked at the start and again at each election: the metadata may be exchanged meanwhile. */
  async #checkCluster(): Promise<void> {
    const { clusterId, newClusterId, prefix } = this.#options;
    const expected = clusterId ?? newClusterId;
    if (expected === undefined) return;
    const entry = await this.#deps.store.get(this.#keys.cluster);
    if (entry === undefined) {
      if (clusterId === undefined) return;
      const text = `the metadata under ${prefix} are gone, but cluster ${expected} is expected there`;
      throw new OperatingError("MetadataLost", `${text}; restore them, or run pika recover`);
    }
    const found = decodeCluster(entry);
    if (found === expected) return;
    const text = `the metadata under ${prefix} are of cluster ${found}, expected is ${expected}`;
    throw new OperatingError("WrongCluster", `${text}; give another prefix or another store`);
  }

  #lead(token: number): void {
    const { clock, logger, store } = this.#deps;
    const heartbeatMs = this.#options.heartbeatMs ?? DEFAULT_HEARTBEAT_MS;
    const grantMs = this.#options.grantMs ?? DEFAULT_GRANT_MS;
    this.#endSession();
    const session = new LeaderSession(
      {
        token,
        selfId: this.#id,
        selfUrl: this.url,
        heartbeatMs,
        grantMs,
        aliveMs: Math.max(grantMs, 4 * heartbeatMs),
      },
      {
        store,
        keys: this.#keys,
        clock,
        logger,
        randomHex,
        isLeading: () => this.#election?.isLeading === true && this.#session === session,
        managerUrls: () => (this.#election?.managers ?? []).map(({ url }) => url),
        onFailed: (reason) => {
          if (this.#session === session) this.#election?.resign(reason);
        },
      },
    );
    this.#session = session;
    this.#load(session).catch((error) => {
      logger.error({ error: messageOf(error) }, "the metadata cannot be read");
      if (this.#session !== session) return;
      if (error instanceof OperatingError && isFatal(error)) this.#deps.onFatal(error);
      this.#election?.resign(messageOf(error));
    });
  }

  async #load(session: LeaderSession): Promise<void> {
    await this.#checkCluster();
    await session.load((this.#options.newClusterId ?? randomHex(16)) as ClusterId);
  }

  #endSession(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  async #passOn(call: PassedCall): Promise<{ status: number; body: Buffer } | undefined> {
    const leader = this.#election?.leader;
    if (leader === undefined || leader.id === this.#id) return undefined;
    return await this.#caller.call({
      baseUrl: leader.url,
      method: call.method,
      path: call.path,
      body: call.body === "" ? undefined : call.body,
      cluster: call.cluster === "-" ? undefined : call.cluster,
      headers: { [PASSED_ON_HEADER]: "1" },
      timeoutMs: PASSED_CALL_TIMEOUT_MS,
      signal: call.signal,
    });
  }

  #unreadyReason(): string | undefined {
    if (this.isLeading) return undefined;
    if (this.#session !== undefined) return "reading the metadata";
    const fault = this.#storeFault;
    if (this.#election?.leader !== undefined) return undefined;
    return fault === undefined ? "no manager leads" : `no manager leads: ${fault}`;
  }

  #observe(): void {
    const { metrics } = this.#deps;
    metrics.observe({ name: "pika_manager_is_leading", help: "1 while this manager leads." }, () =>
      this.isLeading ? 1 : 0,
    );
    metrics.observe(
      { name: "pika_manager_topology_epoch", help: "Epoch of the topology, while leading." },
      () => this.#session?.state?.epoch ?? 0,
    );
    const states = ["withLeader", "underReplicated", "lost"] as const;
    const names = { withLeader: "led", underReplicated: "under_replicated", lost: "lost" };
    for (const state of states) {
      const help = `Slots that are ${names[state].replace("_", "-")}, while leading.`;
      metrics.observe({ name: `pika_manager_slots_${names[state]}_count`, help }, () =>
        this.#session === undefined ? 0 : countAllSlots(this.#session)[state],
      );
    }
    metrics.observe({ name: "pika_manager_nodes_alive_count", help: "Nodes heard of lately, while leading." }, () => {
      const session = this.#session;
      return [...(session?.state?.nodes.keys() ?? [])].filter((node) => session?.observed.isAlive(node)).length;
    });
  }
}

function isStoreAway(error: unknown): boolean {
  return error instanceof OperatingError && error.code === "StoreUnavailable";
}

function isFatal(error: OperatingError): boolean {
  return ["WrongCluster", "MetadataLost", "BadRecord", "BadAssignment"].includes(error.code);
}

/** What others can dial: a wildcard address is no name, and an IPv6 address has brackets in a URL. */
function reachableHost(host: string): string {
  if (host === "0.0.0.0" || host === "::" || host === "") return hostname();
  return host.includes(":") ? `[${host}]` : host;
}
