import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SystemClock } from "../../../node/base/clock.ts";
import { HttpClient } from "../../../node/base/http-client.ts";

const client = new HttpClient(new SystemClock());
let server: Server;
let url = "";

beforeAll(async () => {
  server = createServer(async (incoming, outgoing) => {
    if (incoming.url === "/silent") return;
    if (incoming.url === "/torn") {
      outgoing.writeHead(200, { "content-length": "100" });
      outgoing.write("half");
      setImmediate(() => outgoing.destroy());
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    outgoing.writeHead(418, { "x-answer": "42" });
    outgoing.end(`${incoming.method} ${incoming.url} ${incoming.headers["x-ask"]} ${Buffer.concat(chunks)}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe("the HTTP client", () => {
  test("gives status, headers and body of any reply", async () => {
    const reply = await client.send({
      method: "PUT",
      url: `${url}/a?b=c`,
      headers: { "x-ask": "6x7" },
      body: "häuser",
      timeoutMs: 5000,
    });
    expect([reply.status, reply.headers["x-answer"], reply.body.toString()]).toEqual([
      418,
      "42",
      "PUT /a?b=c 6x7 häuser",
    ]);
  });

  test("no complete reply in time, a torn one, no server and an abort are errors that name the call", async () => {
    const failed = { code: "HttpFailed", message: expect.stringContaining(`GET ${url}/`) };
    await expect(client.send({ method: "GET", url: `${url}/silent`, timeoutMs: 50 })).rejects.toMatchObject(failed);
    await expect(client.send({ method: "GET", url: `${url}/torn`, timeoutMs: 5000 })).rejects.toMatchObject(failed);
    const abort = new AbortController();
    const aborted = client.send({ method: "GET", url: `${url}/silent`, timeoutMs: 5000, signal: abort.signal });
    abort.abort();
    await expect(aborted).rejects.toMatchObject(failed);
    await expect(client.send({ method: "GET", url: "http://127.0.0.1:1/", timeoutMs: 5000 })).rejects.toMatchObject({
      code: "HttpFailed",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });
});
