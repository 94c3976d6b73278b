/**
 * Requests that nobody should send to the HTTP ports of a manager and of a node, over bare sockets and with a right
 * proof: every answer is one, faults are JSON with a code, nothing fails with 500, no refused call writes metadata,
 * and the port serves others afterwards. `FUZZ_RUNS=1000` for a long run.
 */

import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AdminHttp } from "../../node/base/admin-http.ts";
import { SystemClock } from "../../node/base/clock.ts";
import { silentLogger } from "../../node/base/log.ts";
import { Metrics } from "../../node/base/metrics.ts";
import { ProvenCaller } from "../../operator/manager/api/client.ts";
import { ROUTES } from "../../operator/manager/api/routes.ts";
import type { Manager } from "../../operator/manager/manager.ts";
import type { MetadataStore } from "../../operator/manager/store/metadata-store.ts";
import { Playground, putClusterRequest, putTableRequest, SECRET, waitForLeader } from "../support/managers.ts";
import { waitFor } from "../support/wait-for.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 60);
const MIB = 1024 * 1024;
const OPEN_PATHS = ["/healthz", "/readyz", "/metrics", "/openapi.json"];

const play = new Playground();
const complaints: unknown[] = [];
let manager: Manager;
let store: MetadataStore;
let caller: ProvenCaller;
let admin: AdminHttp;

beforeAll(async () => {
  ({ manager, store } = await play.manager(await play.embedded()));
  await waitForLeader([manager]);
  caller = new ProvenCaller({ secret: SECRET, caller: "fuzz" }, new SystemClock());
  await call("PUT", "/v1/cluster", JSON.stringify(putClusterRequest(3)));
  await call("PUT", "/v1/tables/kept", JSON.stringify(putTableRequest()));
  const log = { ...silentLogger, error: (fields: unknown) => void complaints.push(fields) };
  admin = new AdminHttp(
    { host: "127.0.0.1", port: 0 },
    { log, metrics: new Metrics(), hanging: () => [], unready: () => [] },
  );
  await admin.start();
});
afterAll(async () => {
  caller.close();
  await admin.stop();
  await play.stop();
});

function call(method: string, path: string, body?: string) {
  return caller.call({ baseUrl: manager.url, method, path, body, timeoutMs: 10_000 });
}

/** What is stored, but for what elections and registrations of managers write by themselves. */
async function stored(): Promise<readonly string[]> {
  const { entries } = await store.list("/pika/test/demo/");
  return entries
    .filter(({ key }) => !/\/(leader|managers)(\/|$)/.test(key))
    .map(({ key, modifiedRevision }) => `${key} ${modifiedRevision}`);
}

/** Sends pieces and ends its half; everything that came until the port closed or was silent for the rest of the time. */
async function exchange(port: number, pieces: readonly Buffer[], isCut: boolean): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  let received = "";
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve) => socket.once("connect", resolve).once("close", () => resolve()));
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  if (isCut) socket.destroy();
  else socket.end();
  socket.once("end", () => socket.destroy());
  await closed;
  return received;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  /** Not cut by the end of the connection, and not the answer to a HEAD. */
  readonly isWhole: boolean;
}

/** The answers in what a port sent, by their content-length. @throws Error at what is none. */
function answersIn(received: string): Answer[] {
  const answers: Answer[] = [];
  let rest = received;
  while (rest.length > 0) {
    if (rest.startsWith("HTTP/1.1 100 Continue\r\n\r\n")) {
      rest = rest.slice("HTTP/1.1 100 Continue\r\n\r\n".length);
      continue;
    }
    const end = rest.indexOf("\r\n\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(rest)?.[1]);
    if (end < 0 || Number.isNaN(status)) throw new Error(`no HTTP answer: ${JSON.stringify(rest.slice(0, 300))}`);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(rest.slice(0, end))?.[1] ?? 0);
    // An answer to HEAD tells the length of what it leaves out.
    if (rest.startsWith("HTTP/1.1 ", end + 4)) {
      answers.push({ status, body: "", isWhole: false });
      rest = rest.slice(end + 4);
      continue;
    }
    const isChunked = /transfer-encoding: chunked/i.test(rest.slice(0, end));
    const body = isChunked ? rest.slice(end + 4) : rest.slice(end + 4, end + 4 + length);
    answers.push({ status, body, isWhole: !isChunked && body.length === length });
    rest = isChunked ? "" : rest.slice(end + 4 + body.length);
  }
  return answers;
}

const path = fc.oneof(
  fc.constantFrom(...OPEN_PATHS, ...ROUTES.map((route) => route.path.replace(/\{\w+\}/g, "kept"))),
  fc.constantFrom("*", "", "//", "/v1/../healthz", "/v1/tables/%ff", "/v1/nodes/%00", "http://x/healthz", "/?a=%"),
  fc.string({ maxLength: 30 }).map((text) => `/${encodeURIComponent(text.toWellFormed())}`),
  fc.constant(`/${"x".repeat(20_000)}`),
);
const method = fc.constantFrom(
  "GET",
  "HEAD",
  "PUT",
  "POST",
  "DELETE",
  "OPTIONS",
  "PATCH",
  "TRACE",
  "CONNECT",
  "XYZ",
  "get",
);
const header = fc.oneof(
  fc.constantFrom(
    "pika-proof: x",
    "pika-proof: ",
    `pika-proof: ${"a".repeat(64)}`,
    "pika-protocol: 1",
    "pika-nonce: \u00ff",
    "expect: 100-continue",
    "expect: 200-maybe",
    "upgrade: websocket\r\nconnection: upgrade",
    "transfer-encoding: chunked",
    "content-length: 5",
    "content-length: -1",
    "content-length: 99999999999",
    "content-length: 1, 2",
    "connection: close",
    "pika-passed-on: 1",
    "bad header",
    `x: ${"y".repeat(20_000)}`,
  ),
  fc.tuple(fc.string({ maxLength: 8 }), fc.string({ maxLength: 20 })).map(([name, value]) => `${name}: ${value}`),
);
const bytes = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  fc.uint8Array({ maxLength: 200 }).map((list) => Buffer.from(list)),
  fc.json().map((text) => Buffer.from(text)),
  fc.constantFrom(Buffer.from("5\r\nhello\r\n0\r\n\r\n"), Buffer.from("fffffffff\r\n"), Buffer.alloc(MIB, 91)),
);
const request = fc
  .record({ method, path, headers: fc.array(header, { maxLength: 4 }), hasHost: fc.boolean(), body: bytes })
  .map(({ method: verb, path: where, headers, hasHost, body }) => {
    const lines = [`${verb} ${where} HTTP/1.1`, ...(hasHost ? ["host: x"] : []), ...headers];
    return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]);
  });
const attack = fc.record({
  /** Pipelined. */
  requests: fc.array(fc.oneof({ weight: 5, arbitrary: request }, bytes), { minLength: 1, maxLength: 4 }),
  /** Cut where: a request that never ends. */
  keep: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  isInPieces: fc.boolean(),
  isCut: fc.boolean(),
});

function piecesOf({ requests, keep, isInPieces }: { requests: Buffer[]; keep: number; isInPieces: boolean }): Buffer[] {
  const whole = Buffer.concat(requests);
  const sent = whole.subarray(0, Math.ceil(whole.length * keep));
  if (!isInPieces) return [sent];
  const size = Math.max(1, Math.ceil(sent.length / 50));
  return Array.from({ length: Math.ceil(sent.length / size) }, (_, i) => sent.subarray(i * size, (i + 1) * size));
}

const PLAIN = [200, 400, 404, 405, 408, 413, 417, 431, 503];

test("hostile bytes to a manager's port", { timeout: 300_000 }, async () => {
  const { port } = new URL(manager.url);
  const before = await stored();
  await fc.assert(
    fc.asyncProperty(attack, async (one) => {
      for (const { status, body, isWhole } of answersIn(await exchange(Number(port), piecesOf(one), one.isCut))) {
        expect([...PLAIN, 401, 426]).toContain(status);
        if (status === 401 && isWhole)
          expect(JSON.parse(body)).toMatchObject({ error: { code: expect.stringMatching(/^Proof/) } });
      }
    }),
    { numRuns: RUNS },
  );
  expect(await stored()).toEqual(before);
  expect((await fetch(`${manager.url}/healthz`)).status).toBe(200);
});

test("hostile bytes to a node's port", { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(attack, async (one) => {
      for (const { status } of answersIn(await exchange(admin.port, piecesOf(one), one.isCut))) {
        expect(PLAIN).toContain(status);
      }
    }),
    { numRuns: RUNS },
  );
  expect((await fetch(`http://127.0.0.1:${admin.port}/healthz`)).status).toBe(200);
  expect(complaints).toEqual([]);
});

const routePath = fc
  .tuple(
    fc.constantFrom(...ROUTES.map((route) => route.path), "/v1", "/v2/nodes", "/v1/tables/{name}/x"),
    fc.oneof(fc.constantFrom("kept", "none", "__proto__", "admin", ".", "%2e%2e"), fc.string({ maxLength: 300 })),
    fc.constantFrom("", "?from=0", "?from=0&from=x", "?from=1e99", "?waitMs=-1&from=0", "?", "?%", "?__proto__=1"),
  )
  .map(([where, name, query]) => where.replace(/\{\w+\}/g, encodeURIComponent(name.toWellFormed())) + query);
const body = fc.oneof(
  fc.json(),
  fc.string({ maxLength: 100 }),
  fc.constantFrom(
    JSON.stringify(putTableRequest()).slice(0, -5),
    JSON.stringify({ ...putTableRequest(), generation: 0 }),
    JSON.stringify({ ...putTableRequest(), owner: "another" }),
    JSON.stringify(putTableRequest({ slots: 1 << 20 })),
    "[".repeat(100_000),
    `{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
    `"${"x".repeat(3 * MIB)}"`,
    `[${"[1,2,3,4],".repeat(50_000)}0]`,
    "\ufeff{}",
    "1e999",
  ),
);

test("whatever a caller with the secret asks for, a refusal is JSON with a code and changes nothing", {
  timeout: 300_000,
}, async () => {
  const verb = fc.constantFrom("GET", "PUT", "POST", "DELETE", "PATCH");
  await fc.assert(
    fc.asyncProperty(verb, routePath, body, async (how, where, text) => {
      const before = await stored();
      // As the client writes it.
      const { pathname, search } = new URL(where, manager.url);
      const reply = await call(how, pathname + search, how === "GET" ? undefined : text);
      const answer = JSON.parse(reply.body.toString("utf8"));
      if (reply.status === 200) return;
      expect([400, 404, 405, 409, 413, 422, 501]).toContain(reply.status);
      expect(answer).toMatchObject({
        error: { code: expect.stringMatching(/^[A-Z]\w+$/), message: expect.any(String) },
      });
      expect(await stored()).toEqual(before);
    }),
    { numRuns: RUNS },
  );
});

test("bodies of strangers take no memory, and slow bodies keep nobody from an answer", {
  timeout: 60_000,
}, async () => {
  const { port } = new URL(manager.url);
  const piece = Buffer.alloc(12 * MIB, 32);
  const before = process.memoryUsage().arrayBuffers;
  const head = (proof: string) => `PUT /v1/cluster HTTP/1.1\r\nhost: x\r\n${proof}content-length: 16000000\r\n\r\n`;
  const sockets = Array.from({ length: 16 }, (_, i) => {
    const socket = connect({ host: "127.0.0.1", port: Number(port) });
    let received = "";
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
    });
    // Some show no proof at all; the others a wrong one, which only the whole body can show.
    socket.write(head(i % 4 === 0 ? "" : "pika-proof: wrong\r\n"));
    socket.write(piece);
    return { socket, received: () => received };
  });
  const isAnswered = (code: string) => sockets.filter(({ received }) => received().includes(`"${code}"`)).length;
  await waitFor(() => isAnswered("ProofMissing") === 4 && isAnswered("Busy") >= 1, { what: "refusals" });
  // Its own side of what is unsent is gone by now.
  await waitFor(() => sockets.every(({ socket }) => socket.writableLength === 0), { what: "all to be sent" });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(300 * MIB);
  expect((await fetch(`${manager.url}/readyz`)).status).toBe(200);
  for (const { socket } of sockets) socket.destroy();
  await waitFor(async () => (await call("PUT", "/v1/cluster", JSON.stringify(putClusterRequest(3)))).status === 200);
});
