import { connect, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import type { ClusterId } from "../../../node/meta/ids.ts";
import { FrameWriter } from "../../../node/wire/frame.ts";
import { PeerNode, type PeerNodeOptions } from "../../support/peer-node.ts";
import { waitFor } from "../../support/wait-for.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function started(options: PeerNodeOptions): Promise<PeerNode> {
  const node = new PeerNode(options);
  await node.start();
  cleanups.push(() => node.stop());
  return node;
}

const portOf = (node: PeerNode) => ({ number: node.number, port: node.server.port });
const failureOf = (node: PeerNode) => node.pool.status()[0]?.lastFailure;

/** A stranger's connection: what it got, and whether it was closed. */
async function stranger(port: number): Promise<{ socket: Socket; got: Buffer[]; isClosed: () => boolean }> {
  const socket = connect({ host: "127.0.0.1", port });
  const got: Buffer[] = [];
  let isClosed = false;
  socket.on("data", (chunk: Buffer) => got.push(chunk));
  socket.on("error", () => {});
  socket.on("close", () => {
    isClosed = true;
  });
  cleanups.push(() => void socket.destroy());
  await waitFor(() => !socket.connecting);
  return { socket, got, isClosed: () => isClosed };
}

it.each([
  ["the wrong secret", { secret: "guess" }, {}, /does not know this cluster's secret/],
  ["another cluster", { cluster: "d".repeat(32) as ClusterId }, {}, /this node is of cluster c{32}/],
  ["a retired id", {}, { isRetired: () => true }, /is retired/],
])("turns a dialer with %s away, and tells it why", async (_what, dialerOptions, acceptorOptions, why) => {
  const acceptor = await started({ number: 2, ...acceptorOptions });
  const dialer = await started({ number: 1, ...dialerOptions });
  dialer.knows([portOf(acceptor)]);
  await waitFor(() => why.test(failureOf(dialer) ?? ""));
  expect(acceptor.server.linkCount).toBe(0);
  expect(dialer.pool.link(acceptor.id)).toBeUndefined();
});

it("turns a dialer away whose address book is wrong", async () => {
  const acceptor = await started({ number: 2 });
  const dialer = await started({ number: 1 });
  dialer.knows([{ number: 3, port: acceptor.server.port }]);
  await waitFor(() => /this is node 0+2/.test(failureOf(dialer) ?? ""));
});

it("closes on whatever is no handshake, and says nothing to it", async () => {
  const acceptor = await started({ number: 2 });
  const early = new FrameWriter();
  early.beginFrame(16, 1);
  early.endFrame();
  const garbage = ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", Buffer.alloc(64, 255), Buffer.from(early.written())];
  for (const bytes of garbage) {
    const { socket, got, isClosed } = await stranger(acceptor.server.port);
    socket.write(bytes);
    await waitFor(isClosed);
    expect(Buffer.concat(got).length).toBe(0);
  }
});

it("gives a handshake a bounded time", async () => {
  const acceptor = await started({ number: 2, limits: { handshakeMs: 20 } });
  const { isClosed } = await stranger(acceptor.server.port);
  await waitFor(isClosed);
});

it("keeps one link for each node: the newest", async () => {
  const acceptor = await started({ number: 2 });
  const first = await started({ number: 1 });
  first.knows([portOf(acceptor)]);
  await first.linked(acceptor);
  await waitFor(() => acceptor.server.linkCount === 1);
  const again = await started({ number: 1 });
  again.knows([portOf(acceptor)]);
  await waitFor(() => acceptor.closed.includes("the peer has made a newer link"));
  expect(acceptor.server.linkCount).toBe(1);
});

it("says which port it cannot have", async () => {
  const acceptor = await started({ number: 2 });
  const other = new PeerNode({ number: 3, port: acceptor.server.port });
  await expect(other.start()).rejects.toMatchObject({
    code: "PeerPortUnavailable",
    message: expect.stringContaining(`127.0.0.1:${acceptor.server.port}: another process uses it`),
  });
});

it("holds so many strangers, and takes the next one once they are gone", async () => {
  const acceptor = await started({ number: 2 });
  const strangers = await Promise.all(Array.from({ length: 256 }, () => stranger(acceptor.server.port)));
  const next = await stranger(acceptor.server.port);
  await waitFor(next.isClosed);
  expect(strangers.filter(({ isClosed }) => isClosed())).toEqual([]);
  for (const { socket } of strangers) socket.destroy();
  const dialer = await started({ number: 1 });
  dialer.knows([portOf(acceptor)]);
  await dialer.linked(acceptor);
});

it("turns dialers beyond the highest number of links away as busy", { timeout: 60_000 }, async () => {
  const acceptor = await started({ number: 1 });
  const dialers = Array.from({ length: 1024 }, (_, i) => new PeerNode({ number: i + 2 }));
  cleanups.push(() => Promise.all(dialers.map((dialer) => dialer.pool.stop())).then(() => {}));
  for (let at = 0; at < dialers.length; at += 128) {
    await Promise.all(dialers.slice(at, at + 128).map((dialer) => dialer.pool.start()));
    const batch = dialers.slice(at, at + 128);
    for (const dialer of batch) dialer.knows([portOf(acceptor)]);
    await Promise.all(batch.map((dialer) => dialer.linked(acceptor)));
  }
  await waitFor(() => acceptor.server.linkCount === 1024);
  const more = await started({ number: 2000 });
  more.knows([portOf(acceptor)]);
  await waitFor(() => /busy/.test(failureOf(more) ?? ""));
  expect(acceptor.server.linkCount).toBe(1024);
});
