import { afterEach, expect, it } from "vitest";
import type { Topology } from "../../../node/meta/topology.ts";
import { PeerNode, type PeerNodeOptions, topologyOf } from "../../support/peer-node.ts";
import { nodeIdOf } from "../../support/topology-arbitrary.ts";
import { waitFor } from "../../support/wait-for.ts";

const cleanups: (() => Promise<void>)[] = [];
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

it("links to every other node of the topology, and not to itself", async () => {
  const nodes = await Promise.all([1, 2, 3].map((number) => started({ number })));
  for (const node of nodes) node.knows(nodes.map(portOf));
  for (const from of nodes) for (const to of nodes) if (from !== to) await from.linked(to);
  for (const node of nodes) {
    expect(node.pool.status().length).toBe(2);
    await waitFor(() => node.server.linkCount === 2);
  }
});

it("dials again until the node is there, and again when it came back at another port", async () => {
  const dialer = await started({ number: 1 });
  const gone = new PeerNode({ number: 2 });
  await gone.start();
  const { port } = gone.server;
  await gone.stop();
  dialer.knows([{ number: 2, port }]);
  await waitFor(() => dialer.pool.status()[0]?.lastFailure?.includes("ECONNREFUSED"));
  expect(dialer.pool.status()[0]).toMatchObject({ isLinked: false, wasTried: true });

  const back = await started({ number: 2 });
  dialer.knows([portOf(back)], 2);
  await dialer.linked(back);
  expect(dialer.pool.status()[0]).toMatchObject({ isLinked: true, lastFailure: undefined });
});

it("dials again after a link broke", async () => {
  const [dialer, acceptor] = [await started({ number: 1 }), await started({ number: 2 })];
  dialer.knows([portOf(acceptor)]);
  const link = await dialer.linked(acceptor);
  link.close("a test");
  await waitFor(() => dialer.pool.link(acceptor.id) !== undefined && dialer.pool.link(acceptor.id) !== link);
  expect(dialer.closed).toEqual(["a test"]);
});

it("hangs up on nodes that are retired or gone", async () => {
  const nodes = await Promise.all([1, 2, 3].map((number) => started({ number })));
  const [dialer, second, third] = nodes as [PeerNode, PeerNode, PeerNode];
  dialer.knows(nodes.map(portOf));
  await dialer.linked(second);
  await dialer.linked(third);
  const topology = topologyOf([portOf(second)], 2);
  const retired: Topology = {
    ...topology,
    nodes: new Map([...topology.nodes].map(([id, node]) => [id, { ...node, state: "retired" }])),
  };
  dialer.pool.apply(retired);
  expect(dialer.pool.status()).toEqual([]);
  await waitFor(() => second.server.linkCount === 0 && third.server.linkCount === 0);
});

it("gives up a link whose other side says nothing", async () => {
  const limits = { pingIntervalMs: 5, maxSilentIntervals: 3 };
  const dialer = await started({ number: 1, limits });
  const deaf = await started({ number: 2 });
  const { createServer, connect } = await import("node:net");
  let isStalled = false;
  const relay = createServer((inner) => {
    const outer = connect({ host: "127.0.0.1", port: deaf.server.port });
    inner.on("error", () => {});
    outer.on("error", () => {});
    inner.on("data", (chunk) => isStalled || outer.write(chunk));
    outer.on("data", (chunk) => isStalled || inner.write(chunk));
    inner.on("close", () => outer.destroy());
  });
  await new Promise<void>((resolve) => relay.listen({ host: "127.0.0.1", port: 0 }, resolve));
  cleanups.push(async () => void relay.close());
  const address = relay.address();
  dialer.knows([{ number: 2, port: typeof address === "object" && address !== null ? address.port : 0 }]);
  const link = await dialer.linked(deaf);
  isStalled = true;
  await waitFor(() => !link.isOpen);
  expect(dialer.closed).toContain("the peer is silent");
});

it("has no link to a node that it does not know", async () => {
  const dialer = await started({ number: 1 });
  expect(dialer.pool.link(nodeIdOf(7))).toBeUndefined();
});
