/**
 * Memory of a node as a process, with a data set many times its cache: RssAnon stays within a bound that depends on
 * the cache alone, the cache's own count within `cacheBytes`, and what a burst took is given back.
 * The bounds have margins (measured: 240 to 260 MiB with a cache of 32 MiB); they are sizes, no timings.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Prng } from "../../node/base/prng.ts";
import { LoadClient } from "../support/load-client.ts";
import { waitFor } from "../support/wait-for.ts";

const LAUNCHER = fileURLToPath(new URL("../../bin/pika", import.meta.url));
const MIB = 1024 * 1024;
const CACHE_BYTES = 32 * MIB;
/** Node itself about 70, LevelDB about 60, young objects 48, the cache, and what a turn needs. */
const BOUND_MIB = 350;
/** What a burst may leave behind. */
const AFTER_BURST_MIB = 450;
const SEED = 20_260_102;
const SMALL = "s".repeat(100);
const LARGE = "l".repeat(10_000);

const root = mkdtempSync(join(tmpdir(), "memory-"));
const random = new Prng(SEED);
let node: ChildProcess;
let port: number;
let client: LoadClient;

beforeAll(async () => {
  ({ node, port } = await launch());
  client = await LoadClient.connect(port);
});
afterAll(async () => {
  client?.end();
  const gone = once(node, "exit");
  node.kill("SIGKILL");
  await gone;
  rmSync(root, { recursive: true, force: true });
});

/** Starts a node as a user does: by the launcher, which sets what the allocator and the heap need. */
async function launch(): Promise<{ node: ChildProcess; port: number }> {
  const flags = ["--host", "127.0.0.1", "--port", "0", "--peer-port", "0", "--http-port", "0", "--data-dir", root];
  const sizes = ["--standalone-slots", "16", "--cache-bytes", String(CACHE_BYTES), "--fsync", "no"];
  const launched = spawn(LAUNCHER, ["node", ...flags, ...sizes], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  launched.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk).slice(-10_000);
  });
  const found = await waitFor(() => /"port":(\d+).*"node ready"/.exec(said)?.[1], { what: "the node to be ready" });
  return { node: launched, port: Number(found) };
}

function anonMib(): number {
  const status = readFileSync(`/proc/${node.pid}/status`, "utf8");
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** Sends commands and sees that memory stays bounded after each. */
async function load(count: number, make: (index: number) => readonly (string | number)[]): Promise<void> {
  await client.run(count, make);
  expect(anonMib()).toBeLessThan(BOUND_MIB);
  const cached = await client.infoNumber("cache_used_bytes");
  expect(cached).toBeLessThanOrEqual(1.05 * CACHE_BYTES);
}

async function settled(): Promise<void> {
  await waitFor(() => anonMib() < AFTER_BURST_MIB, { what: `RssAnon below ${AFTER_BURST_MIB} MiB`, timeoutMs: 25_000 });
}

test("strings of two sizes, hashes and large collections", { timeout: 120_000 }, async () => {
  const small = () => ["EXISTS", `s${random.nextBelow(250_000)}`];
  await load(250_000, (i) => ["SET", `s${i}`, SMALL]);
  await load(20_000, small);
  // All chunks are of the small size by now: they must become those of the large one, and go back.
  await load(10_000, (i) => ["SET", `l${i}`, LARGE]);
  await load(5_000, () => ["STRLEN", `l${random.nextBelow(10_000)}`]);
  await load(20_000, small);
  await load(20_000, (i) => ["HSET", `h${i}`, "name", SMALL, "number", i]);
  await load(10_000, (i) => ["RPUSH", "list", ...Array.from({ length: 100 }, (_, j) => `e${i}.${j}`)]);
  await load(1_000, (i) => [
    "ZADD",
    "zset",
    ...Array.from({ length: 100 }, (_, j) => [100 * i + j, `m${i}.${j}`]).flat(),
  ]);
  await load(5_000, () => ["LSET", "list", random.nextBelow(1_000_000), "changed"]);
  await load(5_000, () => ["ZRANK", "zset", `m${random.nextBelow(1_000)}.${random.nextBelow(100)}`]);
});

test("a huge value, all keys at once, a long pipeline and a thousand clients leave nothing behind", {
  timeout: 120_000,
}, async () => {
  await client.run(1, () => ["SET", "huge", "h".repeat(100 * MIB)]);
  expect(await client.bulkBytes(["GET", "huge"])).toBe(100 * MIB);
  await client.run(1, () => ["DEL", "huge"]);
  await settled();
  const other = await LoadClient.connect(port);
  await other.run(10_000, (i) => ["SET", `s${i}`, SMALL], 10_000);
  other.end();
  const sockets: Socket[] = [];
  for (let i = 0; i < 1000; i++) {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    socket.write("*2\r\n$3\r\nGET\r\n$2\r\nl1\r\n");
    sockets.push(socket);
  }
  await waitFor(async () => (await client.infoNumber("connected_clients")) > 1000);
  for (const socket of sockets) socket.destroy();
  await waitFor(async () => (await client.infoNumber("connected_clients")) === 1);
  expect(await client.keyCount()).toBeGreaterThan(250_000);
  await settled();
});
