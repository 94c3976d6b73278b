import { request } from "node:http";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SystemClock } from "../../../../node/base/clock.ts";
import { HttpClient } from "../../../../node/base/http-client.ts";
import { hmacSha256, isSameSecret, randomHex, sha256 } from "../../../../node/base/mac.ts";
import { CallerProof } from "../../../../node/meta/request-proof.ts";
import { ProvenCaller } from "../../../../operator/manager/api/client.ts";
import { matchRoute, ROUTES } from "../../../../operator/manager/api/routes.ts";
import type { Manager } from "../../../../operator/manager/manager.ts";
import { registerRequest } from "../../../support/cluster-states.ts";
import { Playground, putClusterRequest, putTableRequest, SECRET, waitForLeader } from "../../../support/managers.ts";

const play = new Playground();
const clock = new SystemClock();
let manager: Manager;
let caller: ProvenCaller;

beforeAll(async () => {
  ({ manager } = await play.manager(await play.embedded()));
  await waitForLeader([manager]);
  caller = new ProvenCaller({ secret: SECRET, caller: "test" }, clock);
});
afterAll(async () => {
  caller.close();
  await play.stop();
});

interface Answer {
  readonly status: number;
  readonly body: { readonly error?: { readonly code: string; readonly message: string; readonly path?: string } };
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const text = typeof body === "string" ? body : body === undefined ? undefined : JSON.stringify(body);
  const reply = await caller.call({ baseUrl: manager.url, method, path, body: text, timeoutMs: 5000 });
  return { status: reply.status, body: JSON.parse(reply.body.toString()) };
}

const load = { opsPerSecond: 0, connectedClients: 0, memoryBytes: 0, diskBytes: 0, tables: [] };
const heartbeat = {
  nodeId: "a".repeat(32),
  startId: "b".repeat(32),
  knownEpoch: 0,
  isReady: true,
  isFull: true,
  positions: [],
  load,
  peers: [],
};
const VALID: readonly (readonly [string, string, object])[] = [
  ["POST", "/v1/nodes/register", registerRequest(1, { replicas: [[1, 2, 3, 0] as never] })],
  ["POST", "/v1/nodes/heartbeat", { ...heartbeat, positions: [[1, 2, 3, 0]] }],
  ["PUT", "/v1/cluster", putClusterRequest(3)],
  ["PUT", "/v1/tables/fuzz", putTableRequest({ replicas: 2 })],
  ["DELETE", "/v1/tables/fuzz", { owner: "test", generation: 1 }],
];

/** Every path to a value inside of a JSON value. */
function pathsOf(value: unknown, prefix: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [prefix];
  const inner = Array.isArray(value) ? value.map((element, i) => [i, element] as const) : Object.entries(value);
  return [
    ...(prefix.length > 0 ? [prefix] : []),
    ...inner.flatMap(([key, element]) => pathsOf(element, [...prefix, key])),
  ];
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce((inner, key) => (inner as Record<string | number, unknown> | null)?.[key], value);
}

function replaceAt(value: unknown, path: readonly (string | number)[], replacement: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  const copy: Record<string | number, unknown> = Array.isArray(value)
    ? ([...value] as never)
    : { ...(value as object) };
  copy[key] = replaceAt(copy[key], rest, replacement);
  return copy;
}

describe("bodies that break the schema", () => {
  test.each(VALID)("%s %s: one wrong value is 400 with its path", async (method, path, valid) => {
    for (const at of pathsOf(valid)) {
      const wrong = typeof valueAt(valid, at) === "object" ? 7 : { wrong: true };
      const { status, body } = await call(method, path, replaceAt(valid, at, wrong));
      expect([at.join("."), status, body.error?.code]).toEqual([at.join("."), 400, "BadRequest"]);
      expect(body.error?.path).toBe(at.join("."));
    }
  });

  test("arbitrary JSON is 400 or an answer, never a failure of the manager", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...VALID),
        fc.jsonValue(),
        fc.nat(),
        async ([method, path, valid], value, pick) => {
          const paths = pathsOf(valid);
          const at = paths[pick % paths.length] ?? [];
          for (const body of [value, replaceAt(valid, at, value)]) {
            const { status } = await call(method, path, body);
            expect(status).toBeLessThan(500);
          }
        },
      ),
      { numRuns: 100 },
    );
    expect((await call("GET", "/v1/status")).status).toBe(200);
  });

  test.each([
    ["POST", "/v1/nodes/register", "{", 400],
    ["POST", "/v1/nodes/register", "", 400],
    ["POST", "/v1/nodes/register", "[".repeat(4_000_000), 400],
    ["PUT", "/v1/cluster", `${"[".repeat(2_000_000)}${"]".repeat(2_000_000)}`, 400],
    ["PUT", "/v1/cluster", `{"__proto__":{"owner":"x"}}`, 400],
    ["GET", "/v1/topology", undefined, 400],
    ["GET", "/v1/topology?from=-1", undefined, 400],
    ["GET", "/v1/topology?from=x", undefined, 400],
    ["GET", "/v1/topology?from=0&waitMs=99999999", undefined, 400],
    ["GET", "/v1/topology?from=999999", undefined, 409],
    ["PUT", "/v1/tables/admin", putTableRequest(), 400],
    ["PUT", "/v1/tables/a%2Fb", putTableRequest(), 400],
    ["PUT", "/v1/tables/c", putTableRequest({ slots: 63 }), 400],
    ["PUT", "/v1/tables/c", putTableRequest({ consistency: "Consistent" }), 422],
    ["GET", "/v1/tables/none", undefined, 404],
    ["GET", "/v1/nodes/none/restart-safety", undefined, 404],
    ["GET", "/v2/status", undefined, 404],
    ["GET", "/v1/nodes/%ff", undefined, 404],
    ["PATCH", "/v1/status", undefined, 405],
    ["POST", "/v1/nodes/x/drain", {}, 501],
    ["POST", "/v1/nodes/x/retire", {}, 501],
    ["POST", "/v1/tables/t/slots/1/move", {}, 501],
    ["POST", "/v1/tables/t/slots/1/failover", {}, 501],
  ])("%s %s is answered by its status", async (method, path, body, status) => {
    const answer = await call(method, path, body);
    expect([answer.status, typeof answer.body.error?.message]).toEqual([status, "string"]);
  });
});

describe("the proof on the wire", () => {
  const raw = new HttpClient(clock);
  afterAll(() => raw.close());
  const send = (path: string, headers: Record<string, string>, body?: string) =>
    raw.send({
      method: body === undefined ? "GET" : "PUT",
      url: manager.url + path,
      headers,
      timeoutMs: 5000,
      ...(body === undefined ? {} : { body }),
    });

  test("without one nothing but the open paths is answered", async () => {
    expect((await send("/v1/status", {})).status).toBe(401);
    expect((await send("/v1/tables/x", {}, JSON.stringify(putTableRequest()))).status).toBe(401);
    for (const path of ["/healthz", "/readyz", "/metrics", "/openapi.json"])
      expect((await send(path, {})).status).toBe(200);
    expect((await send("/metrics", {})).body.toString()).toContain("pika_manager_is_leading 1");
  });

  test("a request that was seen on the wire cannot be played again, nor changed", async () => {
    const proof = new CallerProof(
      { secret: SECRET, caller: "x" },
      { functions: { mac: hmacSha256, isSame: isSameSecret }, makeNonce: () => randomHex(16) },
    );
    const body = JSON.stringify(putTableRequest());
    const content = { method: "PUT", path: "/v1/tables/replayed", bodyHash: sha256(body) };
    const first = proof.prove(manager.url, undefined, content);
    const refused = await send("/v1/tables/replayed", first.headers, body);
    expect(refused.status).toBe(401);
    const received = { asked: first, status: 401, headers: refused.headers, bodyHash: sha256(refused.body) };
    expect(proof.check(manager.url, received)).toBe("stale");
    const { headers } = proof.prove(manager.url, undefined, content);
    const changed = JSON.stringify(putTableRequest({ replicas: 3 }));
    expect((await send("/v1/tables/replayed", headers, changed)).status).toBe(401);
    expect((await send("/v1/tables/other", headers, body)).status).toBe(401);
    expect((await send("/v1/tables/replayed", headers, body)).status).toBe(200);
    expect((await send("/v1/tables/replayed", headers, body)).status).toBe(401);
  });

  test("a body above the limit is refused", async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { "pika-proof": "any" };
      const outgoing = request(`${manager.url}/v1/cluster`, { method: "PUT", headers }, (incoming) => {
        resolve(incoming.statusCode);
        outgoing.destroy();
      });
      outgoing.on("error", reject);
      outgoing.end(Buffer.alloc(17 * 1024 * 1024, 32));
    });
    expect(status).toBe(413);
  });
});

test("the OpenAPI document describes every route with its schemas", async () => {
  const reply = await fetch(`${manager.url}/openapi.json`);
  const document = (await reply.json()) as {
    openapi: string;
    paths: Record<string, Record<string, { requestBody?: object; parameters: { name: string; in: string }[] }>>;
  };
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { requestBody, parameters }]) => [
      `${method.toUpperCase()} ${path}`,
      requestBody !== undefined,
      parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name),
      parameters.some((parameter) => parameter.in === "query"),
    ]),
  );
  const served = ROUTES.map(({ method, path, body, query }) => [
    `${method} ${path}`,
    body !== undefined,
    [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
    query !== undefined,
  ]);
  const inOrder = (list: unknown[]) => list.map((entry) => JSON.stringify(entry)).sort();
  expect(inOrder(described)).toEqual(inOrder(served));
  for (const { method, path } of ROUTES) expect(matchRoute(method, path.replace(/\{\w+\}/g, "x")).kind).toBe("found");
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths)).toContain("/v1/nodes/{node}/restart-safety");
  expect(document.paths["/v1/tables/{name}"]?.put?.requestBody).toMatchObject({
    content: {
      "application/json": { schema: { properties: { spec: { properties: { slots: { type: "integer" } } } } } },
    },
  });
});
