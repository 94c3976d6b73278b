import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SystemClock } from "../../../node/base/clock.ts";
import type { Topology } from "../../../node/meta/topology.ts";
import { decodeTopology } from "../../../node/meta/topology-codec.ts";
import { applyDelta } from "../../../node/meta/topology-delta.ts";
import { TopologyFeed } from "../../../operator/manager/topology-feed.ts";
import { topologyArbitrary } from "../../support/topology-arbitrary.ts";

const base = { ...(fc.sample(topologyArbitrary(), { numRuns: 1, seed: 5 })[0] as Topology), epoch: 1 };
const at = (epoch: number): Topology => ({ ...base, epoch, managers: [`http://m${epoch}:9230`] });
const never = new AbortController().signal;

describe("the topology feed", () => {
  test("gives the difference to a known epoch, the whole after a gap or to who has none", () => {
    const feed = new TopologyFeed(new SystemClock());
    expect(feed.since(0)).toBeUndefined();
    for (let epoch = 1; epoch <= 70; epoch++) feed.publish(at(epoch));
    const delta = feed.since(60);
    expect(delta?.kind === "delta" && applyDelta(at(60), delta.delta)).toEqual({ ok: true, value: at(70) });
    for (const epoch of [0, 3]) {
      const whole = feed.since(epoch);
      expect(whole?.kind === "whole" && decodeTopology(whole.topology)).toEqual({ ok: true, value: at(70) });
    }
    expect(feed.since(70)).toEqual({ kind: "same", epoch: 70 });
  });

  test("a wait ends with the next epoch, by time, by the caller's leaving, and when the feed closes", async () => {
    const feed = new TopologyFeed(new SystemClock());
    feed.publish(at(1));
    await feed.waitAbove(0, 60_000, never);
    const waits = [feed.waitAbove(1, 60_000, never), feed.waitAbove(1, 60_000, never)];
    // Of the same epoch: the list of managers changed, nobody is woken.
    feed.publish({ ...at(1), managers: [] });
    expect(await Promise.race([...waits, Promise.resolve("still waiting")])).toBe("still waiting");
    feed.publish(at(2));
    await Promise.all(waits);
    await feed.waitAbove(2, 1, never);
    const leaving = new AbortController();
    const left = feed.waitAbove(2, 60_000, leaving.signal);
    leaving.abort();
    await left;
    const last = feed.waitAbove(2, 60_000, never);
    feed.close();
    await last;
    await feed.waitAbove(2, 60_000, never);
  });
});
