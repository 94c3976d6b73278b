import { type AddressInfo, connect, createServer } from "node:net";
import fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { tableId } from "../../../node/meta/ids.ts";
import type { ForwardHandler, ForwardResult } from "../../../node/router/forwarding.ts";
import { PeerNode } from "../../support/peer-node.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { waitFor } from "../../support/wait-for.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A network that changes or cuts the stream once so many bytes have passed in one direction. */
async function faultyNetwork(to: number, fault: { bytes: number; isToAcceptor: boolean; flips: boolean }) {
  let isArmed = true;
  const server = createServer((inner) => {
    const outer = connect({ host: "127.0.0.1", port: to });
    let passed = 0;
    const pass = (from: typeof inner, other: typeof inner, isFaulty: boolean) => {
      from.on("error", () => {});
      from.on("close", () => other.destroy());
      from.on("data", (chunk: Buffer) => {
        const at = fault.bytes - passed;
        if (!isFaulty || !isArmed || at >= chunk.length) {
          if (isFaulty) passed += chunk.length;
          other.write(chunk);
          return;
        }
        isArmed = false;
        if (fault.flips) {
          const changed = Buffer.from(chunk);
          changed[at] = (changed[at] as number) ^ 0x55;
          other.write(changed);
        } else {
          other.write(chunk.subarray(0, at), () => {
            inner.destroy();
            outer.destroy();
          });
        }
      });
    };
    pass(inner, outer, fault.isToAcceptor);
    pass(outer, inner, !fault.isToAcceptor);
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  cleanups.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Rounds of the event loop in which all that is on its way over loopback arrives. */
const ROUNDS_A_STEP = 20;

/**
 * Lets time pass only as the network is done with what was to come before: however busy the machine is, nothing is
 * late by its own time.
 */
async function until(clock: VirtualClock, isDone: () => boolean, step: { ms: number; run?: () => void }) {
  for (let count = 0; !isDone(); count++) {
    if (count > 5000) throw new Error("waited in vain");
    step.run?.();
    for (let round = 0; round < ROUNDS_A_STEP && !isDone(); round++) await new Promise(setImmediate);
    if (!isDone()) clock.advance(step.ms);
  }
}

it("executes at most once and never lies about it, wherever the stream is cut or changed", {
  timeout: 60_000,
}, async () => {
  const fault = fc.record({ bytes: fc.nat(1500), isToAcceptor: fc.boolean(), flips: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fault, fc.integer({ min: 1, max: 30 }), async (where, count) => {
      const seen = new Map<string, number>();
      const handler: ForwardHandler = {
        handle: (request, responder) => {
          const name = (request.commands[0] as Argv).text(1);
          seen.set(name, (seen.get(name) ?? 0) + 1);
          const bytes = Buffer.from(name);
          responder.reply(bytes, 0, bytes.length);
          return undefined;
        },
        handleRun: () => {},
        watch: () => undefined,
        unwatch: () => {},
      };
      const limits = { pingIntervalMs: 20, maxSilentIntervals: 5, handshakeMs: 100 };
      const clock = new VirtualClock();
      const asker = new PeerNode({ number: 1, clock, limits, forwarder: { linkWaitMs: 5000 } });
      const answerer = new PeerNode({ number: 2, clock, limits, handler });
      await asker.start();
      await answerer.start();
      asker.knows([{ number: 2, port: await faultyNetwork(answerer.server.port, where) }]);
      const results = new Map<string, ForwardResult>();
      for (let i = 0; i < count; i++) {
        const name = `command-${i}`;
        asker.forwarder.forward(
          answerer.id,
          {
            table: tableId(1),
            scope: { slot: 0 },
            epoch: 1,
            protocol: 2,
            commands: [Argv.of("ECHO", name)],
            isExec: false,
            watchId: undefined,
          },
          { onForwardResult: (result) => results.set(name, result) },
        );
        if (i % 4 === 3) await new Promise(setImmediate);
      }
      await until(clock, () => results.size === count, { ms: 10 });
      for (const [name, result] of results) {
        const executedCount = seen.get(name) ?? 0;
        if (result.kind === "reply") {
          expect(executedCount).toBe(1);
          expect(result.buf.toString("latin1", result.start, result.end)).toBe(name);
        } else if (result.kind === "unreachable") expect(executedCount).toBe(0);
        else {
          expect(result.kind).toBe("unknown");
          expect(executedCount).toBeLessThanOrEqual(1);
        }
      }
      await asker.stop();
      await answerer.stop();
    }),
    { numRuns: 60 },
  );
});

it("tells of room again whenever it said that there was none, and only then", async () => {
  const asker = new PeerNode({ number: 1, limits: { maxBulkQueuedBytes: 20_000 } });
  const answerer = new PeerNode({ number: 2 });
  for (const node of [asker, answerer]) {
    await node.start();
    cleanups.push(() => node.stop());
  }
  asker.knows([{ number: 2, port: answerer.server.port }]);
  const link = await asker.linked(answerer);
  for (let round = 1; round <= 5; round++) {
    while (link.hasBulkRoom) link.send("unwatch", 0, { watchId: 1 });
    expect(link.hasRoom).toBe(true);
    await waitFor(() => asker.drainCount === round, { what: "room again" });
    expect(link.hasBulkRoom).toBe(true);
  }
  link.send("unwatch", 0, { watchId: 1 });
  await waitFor(() => link.queuedBytes === 0);
  expect(asker.drainCount).toBe(5);
});

it("takes a message that arrives slowly for a sign of life, and its absence not", async () => {
  const clock = new VirtualClock();
  const limits = { pingIntervalMs: 100, maxSilentIntervals: 5 };
  const sizes: number[] = [];
  const handler: ForwardHandler = {
    handle: (request, responder) => {
      sizes.push((request.commands[0] as Argv).lengthOf(1));
      responder.reply(Buffer.from("+OK\r\n"), 0, 5);
      return undefined;
    },
    handleRun: () => {},
    watch: () => undefined,
    unwatch: () => {},
  };
  const asker = new PeerNode({ number: 1, clock, limits });
  const answerer = new PeerNode({ number: 2, clock, limits: { ...limits, maxSilentIntervals: 1000 }, handler });
  for (const node of [asker, answerer]) {
    await node.start();
    cleanups.push(() => node.stop());
  }
  const slow = await slowNetwork(answerer.server.port);
  asker.knows([{ number: 2, port: slow.port }]);
  await until(clock, () => asker.pool.link(answerer.id) !== undefined, { ms: 0 });
  const results: ForwardResult[] = [];
  const value = Buffer.alloc(64 * 1024 * 1024, 1);
  slow.isSlow = true;
  asker.forwarder.forward(
    answerer.id,
    {
      table: tableId(1),
      scope: { slot: 0 },
      epoch: 1,
      protocol: 2,
      commands: [Argv.of("SET", value)],
      isExec: false,
      watchId: undefined,
    },
    { onForwardResult: (result) => results.push(result) },
  );
  let stepCount = 0;
  await until(clock, () => sizes.length > 0, {
    ms: 100,
    run: () => {
      stepCount++;
      slow.allow(2 * 1024 * 1024);
    },
  });
  expect(sizes).toEqual([value.length]);
  expect(stepCount).toBeGreaterThan(20);
  slow.isSlow = false;
  slow.allow(0);
  await until(clock, () => results.length > 0, { ms: 0 });
  expect(results[0]?.kind).toBe("reply");
  expect(asker.closed).toEqual([]);
  slow.isSlow = true;
  await until(clock, () => asker.closed.length > 0, { ms: 100 });
  expect(asker.closed).toEqual(["the peer is silent"]);
});

/** A network that, while it is slow, passes only what it is allowed to towards the acceptor, and no answers. */
async function slowNetwork(to: number) {
  const network = { port: 0, isSlow: false, allow: (_bytes: number): void => {} };
  const server = createServer((inner) => {
    const outer = connect({ host: "127.0.0.1", port: to });
    let allowed = 0;
    const answers: Buffer[] = [];
    const pass = () => {
      for (let chunk = inner.read(); chunk !== null; chunk = inner.read()) {
        outer.write(chunk);
        allowed -= chunk.length;
        if (network.isSlow && allowed <= 0) return;
      }
    };
    inner.on("readable", () => {
      if (!network.isSlow || allowed > 0) pass();
    });
    outer.on("data", (chunk: Buffer) => {
      if (network.isSlow) answers.push(chunk);
      else inner.write(chunk);
    });
    network.allow = (bytes) => {
      allowed = bytes;
      pass();
      if (!network.isSlow) for (const chunk of answers.splice(0)) inner.write(chunk);
    };
    for (const [from, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      from.on("error", () => {});
      from.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  cleanups.push(() => void server.close());
  network.port = (server.address() as AddressInfo).port;
  return network;
}
