import { expect, test } from "vitest";
import { clusterSpec } from "../../../operator/api/v1alpha1/pika-cluster.ts";
import { type RenewCall, renewPod } from "../../../operator/controllers/pod-renewer.ts";
import { ApiError } from "../../../operator/kube/api-error.ts";

const pod = { metadata: { namespace: "team", name: "demo-nodes-1", uid: "p" } };
const blocker = { table: "t", slot: 3, reason: "it is the only replica" };

interface Scene {
  readonly isSafe: boolean;
  readonly allowInterruption: boolean;
  readonly isLeading?: boolean;
  readonly refusal?: Error;
}

async function renew({ isSafe, allowInterruption, isLeading = true, refusal }: Scene, isBroken = false) {
  const evicted: string[] = [];
  const told: string[] = [];
  const call = {
    runtime: {
      isLeading,
      client: {
        evict: async () => {
          if (refusal) throw refusal;
          evicted.push(pod.metadata.name);
          return true;
        },
      },
      events: { record: ({ message }: { message: string }) => told.push(message) },
    },
    port: { restartSafety: async () => ({ isSafe, blockers: isSafe ? [] : [blocker], blockerCount: isSafe ? 0 : 1 }) },
    cluster: { metadata: { name: "demo" } },
    spec: clusterSpec.parse({ nodes: {}, update: { allowInterruption } }),
    signal: new AbortController().signal,
  };
  const held = await renewPod({ pod, role: "node", isBroken }, call as unknown as RenewCall);
  return { evicted: evicted.length, reason: held?.kind === "Retry" ? held.reason : undefined, told: told.join() };
}

test("a node goes where its slots have another replica, or where they may be interrupted, which is told", async () => {
  expect(await renew({ isSafe: true, allowInterruption: false })).toMatchObject({ evicted: 1, reason: undefined });
  expect(await renew({ isSafe: false, allowInterruption: false })).toMatchObject({
    evicted: 0,
    reason: "RestartUnsafe",
  });
  const interrupted = await renew({ isSafe: false, allowInterruption: true });
  expect(interrupted).toMatchObject({ evicted: 1, told: expect.stringContaining("1 slots") });
  expect(await renew({ isSafe: false, allowInterruption: false }, true)).toMatchObject({ evicted: 1 });
});

test("nothing is evicted without the Lease, and a budget that refuses is waited for", async () => {
  expect(await renew({ isSafe: true, allowInterruption: true, isLeading: false })).toMatchObject({ evicted: 0 });
  const refusal = new ApiError("budget", { status: 429, reason: "TooManyRequests" });
  expect(await renew({ isSafe: true, allowInterruption: true, refusal })).toMatchObject({ reason: "EvictionBlocked" });
});
