/**
 * The runtime behind a proxy that does its worst, on a real API server. What is shown: the cache ends as the server is,
 * whatever was dropped, repeated, delayed, reordered, refused or forgotten; the server is asked a bounded number of
 * times; and a write whose answer was lost is done once.
 */

import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { SystemClock } from "../../node/base/clock.ts";
import { silentLogger } from "../../node/base/log.ts";
import { Metrics } from "../../node/base/metrics.ts";
import { statusOf } from "../../operator/kube/api-error.ts";
import { ApiMetrics } from "../../operator/kube/api-metrics.ts";
import { ApiObjectSource } from "../../operator/kube/api-object-source.ts";
import { ChildWriter } from "../../operator/kube/child-writer.ts";
import type { KubeObject } from "../../operator/kube/core/api-object.ts";
import type { Credentials } from "../../operator/kube/credentials.ts";
import { HttpsTransport } from "../../operator/kube/https-transport.ts";
import { KubeClient } from "../../operator/kube/kube-client.ts";
import { KubeconfigCredentials } from "../../operator/kube/kubeconfig-credentials.ts";
import { ObjectStore } from "../../operator/kube/object-store.ts";
import { Reflector } from "../../operator/kube/reflector.ts";
import { ReflectorMetrics } from "../../operator/kube/reflector-metrics.ts";
import { HastyClock } from "../support/hasty-clock.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ApiClient, connectApi } from "./api-client.ts";
import { ControlPlane } from "./control-plane.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { CONFIG_MAPS, RuntimeGround } from "./operator-runtimes.ts";
import { hasControlPlane, type SharedCluster, shareControlPlane } from "./shared-control-plane.ts";

/** Waits of the reflector pass this much faster: silence is noticed after 3 s, a lists' pause of a minute is 1.2 s. */
const HASTE = 50;

const expired = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
const system = new SystemClock();

/** One cache behind one proxy. */
class Subject {
  readonly proxy: FaultProxy;
  readonly store = new ObjectStore<KubeObject>();
  readonly label = randomBytes(4).toString("hex");
  client!: KubeClient;
  reflector!: Reflector;
  readonly #namespace: string;
  readonly #direct: KubeClient;
  #transport: HttpsTransport | undefined;

  constructor(namespace: string, direct: KubeClient, upstream: Credentials) {
    this.#namespace = namespace;
    this.#direct = direct;
    this.proxy = new FaultProxy(upstream);
  }

  /** @param options.haste of the reflector's clock. */
  async start(
    options: { readonly haste?: number; readonly pageSize?: number; readonly credentials?: Credentials } = {},
  ) {
    await this.proxy.start();
    const credentials = options.credentials ?? this.proxy.credentials();
    const deps = { credentials, clock: system, random: Math.random, metrics: new ApiMetrics(new Metrics()) };
    this.#transport = new HttpsTransport({ maxConnections: 4, userAgent: "pika-test" }, deps);
    this.client = new KubeClient(this.#transport);
    const selection = { resource: CONFIG_MAPS, namespace: this.#namespace, labelSelector: `pika.io/run=${this.label}` };
    this.reflector = new Reflector(
      { name: "configmaps", pageSize: options.pageSize ?? 500 },
      {
        source: new ApiObjectSource(selection, this.client),
        store: this.store,
        clock: new HastyClock(options.haste ?? HASTE),
        random: Math.random,
        logger: silentLogger,
        metrics: new ReflectorMetrics(new Metrics()),
      },
    );
    await this.reflector.start();
  }

  async stop(): Promise<void> {
    await this.reflector?.stop();
    this.#transport?.close();
    await this.proxy.stop();
  }

  create(name: string, data: Record<string, string> = {}): Promise<KubeObject> {
    const metadata = {
      namespace: this.#namespace,
      name: `${this.label}-${name}`,
      labels: { "pika.io/run": this.label },
    };
    return this.#direct.create<KubeObject>(CONFIG_MAPS, { metadata, data } as KubeObject);
  }

  async change(name: string): Promise<void> {
    const scope = { namespace: this.#namespace, name: `${this.label}-${name}` };
    await this.#direct.merge(CONFIG_MAPS, { scope, body: { data: { at: randomBytes(4).toString("hex") } } });
  }

  async remove(object: KubeObject): Promise<void> {
    const { name = "", uid = "" } = object.metadata;
    await this.#direct.delete(CONFIG_MAPS, { namespace: this.#namespace, name }, { uid });
  }

  /** Makes, changes and deletes objects, also twice under one name. */
  async edit(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const made = await this.create(`x${round % 5}`);
      await this.create(`kept${randomBytes(3).toString("hex")}`);
      await this.change(`x${round % 5}`);
      await this.remove(made);
    }
  }

  /** Waits until the cache is as the server is, by name and version. */
  async converge(timeoutMs = 20_000): Promise<void> {
    const parameters = { labelSelector: `pika.io/run=${this.label}` };
    const versionsOf = (objects: readonly KubeObject[]) =>
      objects.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).sort();
    const { items } = await this.#direct.listPage(CONFIG_MAPS, { namespace: this.#namespace, parameters });
    const wanted = versionsOf(items).join();
    await waitFor(() => this.store.hasSynced && versionsOf(this.store.all()).join() === wanted, {
      timeoutMs,
      what: `the cache to be as the server is (${this.reflector.lastError ?? "no error"})`,
    });
  }

  /** Waits until it has listed and watches. */
  async watching(): Promise<void> {
    await waitFor(() => this.store.hasSynced && this.proxy.openWatchCount > 0);
  }

  /** Lists of pages, streamed ones and continued pages not counted. */
  get listCount(): number {
    return this.proxy.seen.filter(({ kind, query }) => kind === "list" && !query.has("continue")).length;
  }
}

describe.runIf(hasControlPlane())("behind a proxy that does its worst", () => {
  let cluster: SharedCluster;
  let api: ApiClient;
  let namespace: string;
  let subject: Subject;
  let upstream: Credentials;
  beforeAll(async () => {
    cluster = await shareControlPlane();
    api = connectApi(cluster.kubeconfig);
    upstream = new KubeconfigCredentials({ file: cluster.kubeconfig, context: "" });
    namespace = await new RuntimeGround(upstream).namespace(api.client);
  }, 60_000);
  beforeEach(() => {
    subject = new Subject(namespace, api.client, upstream);
  });
  afterEach(() => subject.stop());
  afterAll(() => {
    api?.close();
    cluster?.release();
  });

  describe("events", () => {
    test("that come twice change nothing the second time", async () => {
      subject.proxy.relay = (line, send) => {
        send(line);
        send(line);
      };
      await subject.start();
      let told = 0;
      subject.store.onChange(() => told++);
      await subject.edit(5);
      await subject.converge();
      expect(told).toBeLessThanOrEqual(20);
    });

    test("that come late and out of order end in the last state", async () => {
      subject.proxy.relay = (line, send) => void system.after(Math.random() * 100, () => send(line));
      await subject.start();
      await subject.edit(10);
      await subject.converge();
      expect(subject.listCount).toBe(1);
    });

    test("of links that break all the time are missed by nobody, without a list", async () => {
      let count = 0;
      let isBreaking = false;
      subject.proxy.relay = (line, send) => {
        if (isBreaking) return;
        if (++count % 4 !== 0) return send(line);
        // Nothing comes after what is lost; what was sent before arrives.
        isBreaking = true;
        system.after(20, () => {
          subject.proxy.breakWatches();
          isBreaking = false;
        });
      };
      await subject.start();
      await subject.watching();
      for (let round = 0; round < 6; round++) {
        await subject.edit(1);
        await subject.converge();
      }
      expect(subject.listCount).toBe(1);
      expect(subject.proxy.count("watch")).toBeGreaterThan(3);
    });

    test("that are dropped without a trace are made up for by the next whole list", async () => {
      let count = 0;
      subject.proxy.relay = (line, send) => void (++count % 2 === 0 && send(line));
      await subject.start({ haste: 2000 });
      await subject.watching();
      await subject.edit(5);
      subject.proxy.relay = (line, send) => send(line);
      // Half an hour is a second here; watches end politely meanwhile.
      await waitFor(() => {
        subject.proxy.endWatches();
        return subject.listCount > 1;
      });
      await subject.converge();
    });
  });

  describe("links", () => {
    test("that are half open are noticed by their silence", async () => {
      await subject.start();
      await subject.watching();
      subject.proxy.freezeWatches();
      await subject.edit(3);
      await subject.converge();
      expect(subject.listCount).toBe(1);
    });

    test("that take the answer away: what was applied is applied once, and known", async () => {
      await subject.start();
      await subject.watching();
      const owner = await subject.create("owner");
      const writer = new ChildWriter(
        { fieldManager: "m", hashAnnotation: "pika.io/intent-hash" },
        { client: subject.client, fence: { isFresh: true } },
      );
      let lost = 0;
      subject.proxy.fault = ({ method }) => (method === "PATCH" && lost++ < 2 ? "lose" : undefined);
      const { name = "", uid = "" } = owner.metadata;
      const labels = { "pika.io/run": subject.label };
      const intent = {
        metadata: { namespace, name: `${subject.label}-child`, labels },
        data: { a: "1" },
      } as KubeObject;
      const call = {
        owner: { apiVersion: "v1", kind: "ConfigMap", name, uid },
        resource: CONFIG_MAPS,
        store: subject.store,
      };
      expect(await writer.apply(intent, call)).toMatchObject({ kind: "Applied" });
      expect(lost).toBe(3);
      expect(await writer.apply(intent, call)).toMatchObject({ kind: "Unchanged" });
      await subject.converge();
    });
  });

  describe("answers", () => {
    test("of too many requests and of inner errors are waited out", async () => {
      let left = 12;
      subject.proxy.fault = ({ kind }) => {
        if (kind === "other" || left-- <= 0) return undefined;
        if (left % 3 === 0) return "reset";
        return left % 3 === 1 ? { status: 429, headers: { "retry-after": "1" } } : { status: 500 };
      };
      await subject.start();
      await subject.edit(2);
      await subject.converge();
      expect(subject.proxy.seen.length).toBeLessThan(40);
    });

    test("that the version is gone, by status and in the stream, cost one list each, spaced", async () => {
      let isGone = true;
      subject.proxy.fault = ({ kind }) =>
        kind === "watch" && isGone && Math.random() < 0.5 ? { status: 410, body: JSON.stringify(expired) } : undefined;
      await subject.start();
      for (let i = 0; i < 10; i++) {
        await subject.edit(1);
        subject.proxy.say({ type: "ERROR", object: expired });
      }
      isGone = false;
      await subject.converge();
      // Pauses grow to a minute, which is 1.2 s here.
      expect(subject.listCount).toBeLessThan(25);
    });

    test("with an old list bring nothing back that is gone", async () => {
      const gone = await subject.create("gone");
      await subject.start();
      await subject.watching();
      const page = await api.client.listPage(CONFIG_MAPS, {
        namespace,
        parameters: { labelSelector: `pika.io/run=${subject.label}` },
      });
      const old = JSON.stringify({ metadata: { resourceVersion: page.resourceVersion }, items: page.items });
      await subject.remove(gone);
      await subject.create("new");
      await subject.converge();
      const brought: string[] = [];
      subject.store.onChange(({ kind, key }) => kind !== "updated" && brought.push(`${kind} ${key}`));
      let left = 2;
      subject.proxy.fault = (request) => {
        if (request.kind === "watch" && left === 2) return { status: 410, body: JSON.stringify(expired) };
        return request.kind === "list" && left-- > 0 ? { status: 200, body: old } : undefined;
      };
      subject.proxy.breakWatches();
      await waitFor(() => left < 0);
      await subject.converge();
      expect(brought).toEqual([]);
    });
  });

  test("a token that is rotated is read again, with few refusals", async () => {
    const tokens = ["old", "new"];
    let wanted = "old";
    let refusals = 0;
    subject.proxy.fault = ({ token }) => {
      if (token === wanted) return undefined;
      refusals++;
      return { status: 401 };
    };
    const headers = () => ({ authorization: tokens[0] ?? "" });
    await subject.start({ credentials: subject.proxy.credentials(headers, () => void tokens.shift()) });
    await subject.watching();
    wanted = "new";
    subject.proxy.breakWatches();
    await subject.edit(2);
    await subject.converge();
    expect(refusals).toBeLessThan(3);
  });

  test("a list of 100 MB is read in pages, and held once", async () => {
    const size = 50_000;
    const total = 2000;
    const items = (from: number, limit: number) =>
      Array.from({ length: Math.min(limit, total - from) }, (_, i) => ({
        metadata: { namespace, name: `big-${from + i}`, uid: `u${from + i}`, resourceVersion: "5" },
        data: { text: `${from + i}`.padEnd(size, "x") },
      }));
    subject.proxy.fault = ({ kind, query }) => {
      if (kind === "watch") return "hang";
      if (kind !== "list") return undefined;
      const from = Number(query.get("continue") ?? 0);
      const limit = Number(query.get("limit") ?? total);
      const next = from + limit < total ? String(from + limit) : "";
      return {
        status: 200,
        body: JSON.stringify({ metadata: { resourceVersion: "5", continue: next }, items: items(from, limit) }),
      };
    };
    const before = process.memoryUsage().rss;
    await subject.start({ pageSize: 250 });
    await waitFor(() => subject.store.hasSynced);
    expect(subject.store.count).toBe(total);
    expect(subject.proxy.count("list")).toBe(total / 250);
    // The proxy's pages are in this process too.
    expect(process.memoryUsage().rss - before).toBeLessThan(500e6);
  });
});

describe.runIf(hasControlPlane() && !process.env.KUBECONFIG)("an API server that compacts every second", () => {
  const plane = new ControlPlane({ apiServerFlags: ["--etcd-compaction-interval=1s", "--watch-cache=false"] });
  let api: ApiClient;
  let subject: Subject;
  beforeAll(() => plane.start(), 90_000);
  afterAll(async () => {
    await subject?.stop();
    api?.close();
    await plane.stop();
  });

  test("under a watch that was cut off: all is listed once more, nothing is missed", async () => {
    api = connectApi(plane.kubeconfig);
    const upstream = new KubeconfigCredentials({ file: plane.kubeconfig, context: "" });
    subject = new Subject(await new RuntimeGround(upstream).namespace(api.client), api.client, upstream);
    await subject.start();
    await subject.watching();
    const gone = await subject.create("gone");
    await subject.converge();
    const lists = subject.listCount;
    let isCut = true;
    subject.proxy.fault = ({ kind }) => (isCut && kind === "watch" ? "reset" : undefined);
    subject.proxy.breakWatches();
    await subject.remove(gone);
    await subject.edit(2);
    const since = { watch: "true", resourceVersion: gone.metadata.resourceVersion ?? "" };
    await waitFor(async () => {
      // Something to compact.
      await subject.remove(await subject.create("written"));
      const events = await api.client.watch(CONFIG_MAPS, { parameters: since });
      try {
        await events[Symbol.asyncIterator]().next();
        return false;
      } catch (error) {
        return statusOf(error) === 410;
      } finally {
        events.close();
      }
    });
    isCut = false;
    await subject.converge();
    expect(subject.listCount).toBe(lists + 1);
  });
});
