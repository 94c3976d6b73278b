/**
 * Bytes that are no RESP over real sockets to a live node: what it answers is well-formed, it lets go of every
 * connection, claimed sizes take no memory, and others are served meanwhile. `FUZZ_RUNS=1000` for a long run.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LiveNode } from "../support/live-node.ts";
import { RandomSource } from "../support/random-commands/family.ts";
import { hostileCommand } from "../support/random-commands/hostile.ts";
import { ReplyChecker } from "../support/reply-checker.ts";
import { encode, RespClient } from "../support/resp-client.ts";
import { waitFor } from "../support/wait-for.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 4);
const FIRST_SEED = Number(process.env.FUZZ_SEED ?? 1);
const CONNECTIONS = 60;
const MIB = 1024 * 1024;
const LONGEST_PIECES = 300;

let node: LiveNode;
let control: RespClient;
beforeAll(async () => {
  node = await LiveNode.start();
  control = await RespClient.connect(node.port, 2);
});
afterAll(() => node.stop());

const HEADERS = [
  "*1\r\n$536870912\r\n",
  "*1048576\r\n",
  "*1048577\r\n$1\r\n",
  "*-1\r\n*0\r\n",
  "*2\r\n$-1\r\n",
  "*9999999999999999999999\r\n",
  "$5\r\nhello\r\n",
  "*1\r\n:1\r\n",
  "GET a\nSET 'a\r\n",
  'set a "\\x4',
  '"a" "b"c\r\n',
  "\r\n\r\n\n",
  "*1\n$4\nPING\n",
  "x".repeat(70_000),
  `*${"1".repeat(70_000)}`,
];

function randomBytes(random: RandomSource, sizeBytes: number): Buffer {
  return Buffer.from(Array.from({ length: sizeBytes }, () => random.integer(0, 255)));
}

function hostileBytes(random: RandomSource): Buffer {
  const valid = Buffer.concat(
    Array.from({ length: random.integer(1, 10) }, () =>
      encode(hostileCommand(random).map((word) => word.slice(0, 500))),
    ),
  );
  const kind = random.integer(0, 4);
  if (kind === 0) return randomBytes(random, random.integer(1, 2000));
  if (kind === 1) return Buffer.concat([valid, Buffer.from(random.pick(HEADERS), "latin1"), valid]);
  if (kind === 2) return valid.subarray(0, random.integer(0, valid.length));
  for (let flips = random.integer(0, 5); flips > 0; flips--) {
    valid[random.integer(0, valid.length - 1)] = random.pick([0, 10, 13, 36, 42, 48, 57, random.integer(0, 255)]);
  }
  return valid;
}

/** Sends bytes in pieces, then cuts the connection or ends its half; answers what came as replies. */
async function attack(random: RandomSource): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port: node.port, allowHalfOpen: true });
  let wasReset = false;
  socket.on("error", () => {
    wasReset = true;
  });
  const checker = new ReplyChecker(random.chance(0.5) ? 2 : 3);
  let failure: unknown;
  socket.on("data", (chunk: Buffer) => {
    try {
      checker.feed(chunk);
    } catch (error) {
      failure ??= error;
    }
  });
  // A node that closes while bytes are on their way makes a reset of it: an error of the socket is no failure.
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const bytes = hostileBytes(random);
  await sendInPieces(socket, bytes, random);
  const isCut = random.chance(0.3);
  if (isCut) socket.destroy();
  else socket.end();
  if (!isCut) {
    if (socket.readableEnded) socket.destroy();
    else socket.once("end", () => socket.destroy());
    const helper = setInterval(() => void unblockAll(), 50);
    await ended.finally(() => clearInterval(helper));
    if (failure === undefined && !wasReset && !checker.isAtEnd) failure = new Error("the last reply is not whole");
  }
  if (failure !== undefined && !String(failure).includes("RESP2")) {
    throw new Error(`${failure}, after ${JSON.stringify(bytes.toString("latin1")).slice(0, 2000)}`);
  }
}

async function sendInPieces(socket: Socket, bytes: Buffer, random: RandomSource): Promise<void> {
  const size = random.chance(0.3) ? Math.max(1, Math.ceil(bytes.length / LONGEST_PIECES)) : random.integer(50, 5000);
  for (let at = 0; at < bytes.length && !socket.destroyed; at += size) {
    socket.write(bytes.subarray(at, at + size));
    if (random.chance(0.5)) await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

let isUnblocking = false;
/** A connection whose half was ended while a command of it blocks is closed; this is for those behind a pause. */
async function unblockAll(): Promise<void> {
  if (isUnblocking) return;
  isUnblocking = true;
  await control.call(["client", "unpause"]);
  isUnblocking = false;
}

for (let run = 0; run < RUNS; run++) {
  const seed = FIRST_SEED + run;
  test(`hostile bytes, seed ${seed}`, { timeout: 60_000 }, async () => {
    const random = new RandomSource(seed);
    for (let done = 0; done < CONNECTIONS; done += 10) {
      await Promise.all(Array.from({ length: 10 }, () => attack(new RandomSource(random.integer(0, 2 ** 31)))));
    }
    await waitFor(() => node.server.clients.count === 1, { what: "all connections to be let go" });
    expect(await control.call(["echo", "here"])).toBe("$4\r\nhere\r\n");
    expect(node.complaints).toEqual([]);
  });
}

test("claimed sizes take no memory, and half a command waits for its other half", async () => {
  const before = process.memoryUsage().arrayBuffers;
  const sockets = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const socket = connect({ host: "127.0.0.1", port: node.port });
      await once(socket, "connect");
      socket.write("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nab");
      return socket;
    }),
  );
  await waitFor(() => node.server.clients.count === 201);
  expect(await control.call(["echo", "here"])).toBe("$4\r\nhere\r\n");
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
  for (const socket of sockets) socket.destroy();
  await waitFor(() => node.server.clients.count === 1, { what: "all connections to be let go" });
});
