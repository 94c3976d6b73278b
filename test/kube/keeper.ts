/**
 * The process that owns the shared control plane (shared-control-plane.ts): starts it, tells each that connects where
 * its kubeconfig is, and ends it when nobody has been connected for a while. Started by tests, not by hand.
 */

import { createServer, type Socket } from "node:net";
import { delay, SystemClock } from "../../node/base/clock.ts";
import { messageOf } from "../../node/base/errors.ts";
import { ControlPlane } from "./control-plane.ts";
import { KEEPER_ADDRESS, type KeeperWord } from "./shared-control-plane.ts";

/** How long it waits for the next test file. */
const LINGER_MS = 10_000;

const clock = new SystemClock();
const holders = new Set<Socket>();
let lastHeldAtMs = clock.monotonicMs();
const plane = new ControlPlane({ hasControllers: true });
let ready: Promise<void> | undefined;

const server = createServer((socket) => {
  holders.add(socket);
  socket.on("error", () => undefined);
  socket.on("data", () => undefined);
  socket.once("close", () => {
    holders.delete(socket);
    lastHeldAtMs = clock.monotonicMs();
  });
  const say = (word: KeeperWord): boolean => socket.write(`${JSON.stringify(word)}\n`);
  ready?.then(
    () => say({ kubeconfig: plane.kubeconfig }),
    (error: unknown) => say({ failure: messageOf(error) }),
  );
});
// Another keeper was first.
server.once("error", () => process.exit(0));
server.listen(KEEPER_ADDRESS, () => {
  ready = plane.start();
  process.stdout.on("error", () => undefined);
  process.stdout.write("listening\n");
  void keep();
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void end());

async function keep(): Promise<void> {
  // Where it cannot start, those who wait are told before it ends.
  await ready?.catch(() => undefined);
  while (holders.size > 0 || clock.monotonicMs() - lastHeldAtMs < LINGER_MS) await delay(clock, 500);
  await end();
}

async function end(): Promise<void> {
  server.close();
  await plane.stop();
  process.exit(0);
}
