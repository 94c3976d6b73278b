import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Metrics } from "../../../node/base/metrics.ts";
import { ApiMetrics } from "../../../operator/kube/api-metrics.ts";
import { HttpsTransport } from "../../../operator/kube/https-transport.ts";
import type { ApiRequest } from "../../../operator/kube/transport.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { waitFor } from "../../support/wait-for.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const answer = (status: number, body = "{}", headers: Record<string, string> = {}): Answer => {
  return (_, response) => response.writeHead(status, headers).end(body);
};

/** A server that gives the scripted answers one by one, the last one again and again. */
class ScriptedServer {
  readonly received: {
    readonly method: string;
    readonly url: string;
    readonly token: string;
    readonly socket: Socket;
  }[] = [];
  script: Answer[] = [];
  readonly #server: Server = createServer((request, response) => {
    const { method = "", url = "", headers, socket } = request;
    this.received.push({ method, url, token: headers.authorization ?? "", socket });
    const next = this.script.length > 1 ? this.script.shift() : this.script[0];
    next?.(request, response);
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const server = new ScriptedServer();
let transport: HttpsTransport;
let clock: VirtualClock;
let metrics: Metrics;
let tokens: string[];

beforeEach(async () => {
  const url = await server.start();
  server.received.length = 0;
  clock = new VirtualClock();
  metrics = new Metrics();
  tokens = ["first", "second"];
  const credentials = {
    current: async () => ({
      url,
      ca: undefined,
      certificate: undefined,
      key: undefined,
      serverName: undefined,
      isVerified: true,
      headers: { authorization: tokens[0] ?? "" },
    }),
    refuse: () => void tokens.shift(),
  };
  transport = new HttpsTransport(
    { maxConnections: 2, userAgent: "test" },
    { credentials, clock, random: () => 0, metrics: new ApiMetrics(metrics) },
  );
});
afterEach(async () => {
  transport.close();
  await server.stop();
});

const get: ApiRequest = {
  verb: "get",
  method: "GET",
  resource: "things",
  path: "/api/v1/things/a?x=1",
  isRepeatable: true,
  timeoutMs: 10_000,
};
const post: ApiRequest = {
  ...get,
  verb: "create",
  method: "POST",
  path: "/api/v1/things",
  body: "{}",
  isRepeatable: false,
};

/** Lets virtual time pass while real sockets work. */
async function settleWith<T>(promise: Promise<T>): Promise<T> {
  let isDone = false;
  const done = promise.finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  await waitFor(() => {
    if (!isDone) clock.advance(200);
    return isDone;
  });
  return done;
}

describe("connections", () => {
  test("are kept: ten exchanges one after another use one", async () => {
    server.script = [answer(200)];
    for (let i = 0; i < 10; i++) await transport.send(get);
    expect(new Set(server.received.map(({ socket }) => socket)).size).toBe(1);
  });

  test("are limited: the third exchange waits for one of the first two", async () => {
    const waiting: ServerResponse[] = [];
    server.script = [(_, response) => waiting.push(response)];
    const sent = [1, 2, 3].map(() => transport.send(get));
    await waitFor(() => waiting.length === 2);
    waiting[0]?.end("{}");
    await waitFor(() => waiting.length === 3);
    for (const response of waiting) response.end("{}");
    await Promise.all(sent);
    expect(new Set(server.received.map(({ socket }) => socket)).size).toBe(2);
  });

  test("that give no answer in time are closed, with the idle ones, and a read is tried on a new one", async () => {
    server.script = [answer(200), () => {}, answer(200, '{"a":1}')];
    await transport.send(get);
    expect(await settleWith(transport.send(get))).toMatchObject({ status: 200, body: '{"a":1}' });
    expect(server.received[2]?.socket).not.toBe(server.received[1]?.socket);
  });
});

describe("retries", () => {
  test("a write without an answer is not sent again; its outcome is unknown", async () => {
    server.script = [(request) => request.socket.destroy()];
    await expect(settleWith(transport.send(post))).rejects.toMatchObject({
      code: "ApiUnreachable",
      data: { wasSent: true },
    });
    expect(server.received).toHaveLength(1);
  });

  test("a write that was refused for load is sent again after the pause asked for", async () => {
    server.script = [answer(429, "{}", { "retry-after": "1" }), answer(201)];
    const sent = transport.send(post);
    await waitFor(() => server.received.length === 1 && clock.pendingCount > 0);
    const startMs = clock.monotonicMs();
    await settleWith(sent);
    expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(1000);
    expect(server.received).toHaveLength(2);
  });

  test("a conflict is the caller's", async () => {
    server.script = [answer(409, '{"reason":"Conflict","message":"changed"}')];
    await expect(transport.send(get)).rejects.toMatchObject({ status: 409, reason: "Conflict" });
    expect(server.received).toHaveLength(1);
  });

  test("a refused token is read again once", async () => {
    server.script = [answer(401), answer(200)];
    await settleWith(transport.send(get));
    expect(server.received.map(({ token }) => token)).toEqual(["first", "second"]);
  });

  test("an answer cut off in the middle of its body is no answer", async () => {
    const cut: Answer = (request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("{", () => request.socket.destroy());
    };
    server.script = [cut, answer(200, "{}")];
    expect(await settleWith(transport.send(get))).toMatchObject({ body: "{}" });
  });

  test("a caller who gave up is not kept waiting", async () => {
    server.script = [answer(503, "{}", { "retry-after": "5" })];
    const controller = new AbortController();
    const sent = transport.send({ ...get, signal: controller.signal });
    await waitFor(() => server.received.length === 1 && clock.pendingCount > 0);
    controller.abort(new Error("given up"));
    await expect(sent).rejects.toThrow("given up");
  });
});

describe("streams", () => {
  test("give their parts as they come and have no deadline once open", async () => {
    let response: ServerResponse | undefined;
    server.script = [
      (_, opened) => {
        response = opened.writeHead(200);
        response.write("one");
      },
    ];
    const stream = await transport.open({ ...get, verb: "watch" });
    const parts = stream[Symbol.asyncIterator]();
    expect(Buffer.from((await parts.next()).value).toString()).toBe("one");
    clock.advance(3_600_000);
    response?.end("two");
    expect(Buffer.from((await parts.next()).value).toString()).toBe("two");
    expect((await parts.next()).done).toBe(true);
  });

  test("a refusal is thrown with its status; without headers in time it is unreachable", async () => {
    server.script = [answer(410, '{"reason":"Expired"}'), () => {}];
    await expect(transport.open({ ...get, verb: "watch" })).rejects.toMatchObject({ status: 410 });
    await expect(settleWith(transport.open({ ...get, verb: "watch" }))).rejects.toMatchObject({
      code: "ApiUnreachable",
    });
  });

  test("a refusal whose text never ends is given up in time", async () => {
    server.script = [(_, response) => response.writeHead(500).write("x")];
    await expect(settleWith(transport.open({ ...get, verb: "watch" }))).rejects.toMatchObject({
      code: "ApiUnreachable",
    });
  });

  test("a broken connection throws, one that we close ends at the server too", async () => {
    let isClosed = false;
    server.script = [
      (request, response) => response.writeHead(200).write("x", () => request.socket.destroy()),
      (request, response) => {
        request.socket.on("close", () => {
          isClosed = true;
        });
        response.writeHead(200).write("x");
      },
    ];
    const broken = await transport.open(get);
    await expect(Array.fromAsync(broken)).rejects.toThrow();
    const stream = await transport.open(get);
    stream.close();
    await waitFor(() => isClosed);
  });
});

test("requests are counted by verb, resource and code, and as controller-runtime does", async () => {
  server.script = [answer(200), answer(404), (request) => request.socket.destroy()];
  await transport.send(get);
  await transport.send(get).catch(() => {});
  await transport.send(post).catch(() => {});
  const text = await metrics.text();
  expect(text).toContain('pika_operator_api_requests_total{verb="get",resource="things",code="200"} 1');
  expect(text).toContain('pika_operator_api_requests_total{verb="get",resource="things",code="404"} 1');
  expect(text).toContain('pika_operator_api_requests_total{verb="create",resource="things",code="none"} 1');
  expect(text).toMatch(/rest_client_requests_total\{code="200",method="GET",host="127\.0\.0\.1:\d+"\} 1/);
});

test("after close nothing is sent", async () => {
  server.script = [answer(200)];
  transport.close();
  await expect(transport.send(get)).rejects.toThrow();
  expect(server.received).toHaveLength(0);
});
