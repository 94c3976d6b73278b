/**
 * What controllers stand on, put together: connections, caches, writers, the Lease, health.
 * Invariants: caches run from the start, also while another operator leads; controllers work only while this one leads
 * and every cache has synced; at the stop controllers end first, then the Lease is let go.
 * The Lease has connections of its own, so that it never waits behind a list.
 */

import { AdminHttp } from "../../node/base/admin-http.ts";
import { type Clock, delay } from "../../node/base/clock.ts";
import { messageOf } from "../../node/base/errors.ts";
import { type Service, stopAll } from "../../node/base/lifecycle.ts";
import type { Logger } from "../../node/base/log.ts";
import type { Metrics } from "../../node/base/metrics.ts";
import { ApiMetrics } from "../kube/api-metrics.ts";
import { ApiObjectSource, type Selection } from "../kube/api-object-source.ts";
import { ChildWriter } from "../kube/child-writer.ts";
import type { KubeObject } from "../kube/core/api-object.ts";
import type { Credentials } from "../kube/credentials.ts";
import { EventRecorder } from "../kube/event-recorder.ts";
import { HttpsTransport } from "../kube/https-transport.ts";
import { KubeClient } from "../kube/kube-client.ts";
import { LeaseElector } from "../kube/lease-elector.ts";
import { type IndexFunction, ObjectStore } from "../kube/object-store.ts";
import { Reflector } from "../kube/reflector.ts";
import { ReflectorMetrics } from "../kube/reflector-metrics.ts";
import { SECRETS, SecretReader } from "../kube/secret-reader.ts";
import { StatusWriter } from "../kube/status-writer.ts";
import type { Transport } from "../kube/transport.ts";
import { Controller, type ControllerOptions, type Reconciler } from "./controller.ts";
import { ControllerMetrics } from "./controller-metrics.ts";
import { findHanging, findUnsynced } from "./health.ts";

export interface OperatorRuntimeOptions {
  /** Of this process alone: pod name and random text. */
  readonly identity: string;
  readonly programVersion: string;
  /** Where the Lease is. */
  readonly namespace: string;
  readonly leaseName: string;
  /** HTTP for probes and metrics. */
  readonly host: string;
  readonly port: number;
}

export interface OperatorRuntimeDeps {
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Puts something between the runtime and the way to the API server; absent: nothing. For each of its connections. */
  readonly wrapTransport?: (transport: Transport) => Transport;
}

/** The names under which others own what we write. */
const FIELD_MANAGER = "pika-operator";
const STATUS_FIELD_MANAGER = "pika-operator-status";
const HASH_ANNOTATION = "pika.io/intent-hash";
/** Exchanges at once: what a controller with ten workers uses, and far from what an API server minds. */
const MAX_CONNECTIONS = 16;
/** As the controllers of Kubernetes itself: another operator acts after 15 s of silence, we stop after 10. */
const LEASE = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };
/** What people are told is sent at the stop, unless the API server is away. */
const EVENTS_FLUSH_MS = 3_000;

export class OperatorRuntime implements Service {
  readonly client: KubeClient;
  readonly children: ChildWriter;
  readonly status: StatusWriter;
  readonly events: EventRecorder;
  readonly #deps: OperatorRuntimeDeps;
  readonly #elector: LeaseElector;
  readonly #transports: readonly Transport[];
  readonly #reflectorMetrics: ReflectorMetrics;
  readonly #controllerMetrics: ControllerMetrics;
  readonly #reflectors: Reflector[] = [];
  readonly #stores: ObjectStore<KubeObject>[] = [];
  readonly #controllers: Controller[] = [];
  readonly #http: AdminHttp;
  #isLeading = false;
  #isStopping = false;
  /** Starts and stops of controllers, one after another. */
  #switching: Promise<void> = Promise.resolve();

  constructor(options: OperatorRuntimeOptions, deps: OperatorRuntimeDeps) {
    const { clock, random, logger, metrics } = deps;
    this.#deps = deps;
    const apiMetrics = new ApiMetrics(metrics);
    const userAgent = `pika-operator/${options.programVersion}`;
    const wrap = deps.wrapTransport ?? ((transport) => transport);
    const transports = [MAX_CONNECTIONS, 1].map((maxConnections) =>
      wrap(new HttpsTransport({ maxConnections, userAgent }, { ...deps, metrics: apiMetrics })),
    );
    const [client, leaseClient] = transports.map((transport) => new KubeClient(transport)) as [KubeClient, KubeClient];
    this.#transports = transports;
    this.client = client;
    this.#reflectorMetrics = new ReflectorMetrics(metrics);
    this.#controllerMetrics = new ControllerMetrics(metrics);
    this.#controllerMetrics.leads(options.leaseName, false);
    const onChange = (isLeading: boolean) => {
      this.#isLeading = isLeading;
      this.#controllerMetrics.leads(options.leaseName, isLeading);
      this.#switchControllers();
    };
    const lease = { ...LEASE, identity: options.identity, namespace: options.namespace, name: options.leaseName };
    this.#elector = new LeaseElector(lease, { client: leaseClient, clock, random, logger, onChange });
    const writers = { client, clock, fence: this.#elector };
    this.children = new ChildWriter({ fieldManager: FIELD_MANAGER, hashAnnotation: HASH_ANNOTATION }, writers);
    this.status = new StatusWriter({ fieldManager: STATUS_FIELD_MANAGER }, writers);
    this.events = new EventRecorder(
      { controller: "pika.io/operator", instance: options.identity },
      { client, clock, random, logger },
    );
    this.#http = new AdminHttp(options, {
      log: logger,
      metrics,
      hanging: () => findHanging(this.#reflectors, clock.monotonicMs()),
      unready: () => (this.#isStopping ? ["it stops"] : findUnsynced(this.#reflectors)),
    });
  }

  /** Whether this operator acts. */
  get isLeading(): boolean {
    return this.#elector.isFresh;
  }

  /** The port for probes and metrics. */
  get port(): number {
    return this.#http.port;
  }

  /** Keeps what is selected in a cache, from `start` on. */
  cache<T extends KubeObject>(
    selection: Selection,
    indexes: Readonly<Record<string, IndexFunction<T>>> = {},
  ): ObjectStore<T> {
    const store = new ObjectStore<T>({ indexes });
    const source = new ApiObjectSource(selection, this.client);
    // A reflector puts in what the API server says is of this resource: the one place where its type is believed.
    const untyped = store as unknown as ObjectStore<KubeObject>;
    const reflector = new Reflector(
      { name: selection.resource.plural },
      { ...this.#deps, source, store: untyped, metrics: this.#reflectorMetrics },
    );
    this.#stores.push(untyped);
    this.#reflectors.push(reflector);
    return store;
  }

  /** Users' Secrets, of a namespace or of all: their metadata is watched, they are read when asked for. */
  secrets(where: Pick<Selection, "namespace" | "labelSelector">): SecretReader {
    return new SecretReader(this.cache({ ...where, resource: SECRETS, isMetadataOnly: true }), this.client);
  }

  /** Runs a reconciler while this operator leads. @param deps.keys all keys that exist. */
  control(
    options: ControllerOptions,
    deps: { readonly reconciler: Reconciler; readonly keys: () => Iterable<string> },
  ): Controller {
    const controller = new Controller(options, { ...this.#deps, ...deps, metrics: this.#controllerMetrics });
    this.#controllers.push(controller);
    return controller;
  }

  async start(): Promise<void> {
    await this.#http.start();
    for (const reflector of this.#reflectors) await reflector.start();
    await this.#elector.start();
    void Promise.all(this.#stores.map(({ synced }) => synced)).then(() => this.#switchControllers());
  }

  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#switchControllers();
    await this.#switching;
    await Promise.race([this.events.flush(), delay(this.#deps.clock, EVENTS_FLUSH_MS)]);
    await stopAll([this.#http, ...this.#reflectors, this.#elector]);
    for (const transport of this.#transports) transport.close();
  }

  #switchControllers(): void {
    this.#switching = this.#switching
      .then(() => this.#switchNow())
      .catch((error) => {
        this.#deps.logger.error({ error: messageOf(error) }, "a controller could not be started or stopped");
      });
  }

  async #switchNow(): Promise<void> {
    const shallRun = this.#isLeading && !this.#isStopping && this.#stores.every(({ hasSynced }) => hasSynced);
    if (shallRun) for (const controller of this.#controllers) await controller.start();
    else await stopAll(this.#controllers);
  }
}
