import { expect, test } from "vitest";
import { Metrics } from "../../../node/base/metrics.ts";

test("what is observed is asked for at each reading; a name that ends with _total is a counter", async () => {
  const metrics = new Metrics();
  let count = 3;
  metrics.observe({ name: "pika_node_things", help: "things now" }, () => count);
  metrics.observe({ name: "pika_node_things_total", help: "things so far" }, () => count);
  expect(await metrics.text()).toMatch(/# TYPE pika_node_things gauge\npika_node_things 3\n/);
  count = 5;
  expect(await metrics.text()).toMatch(/# TYPE pika_node_things_total counter\npika_node_things_total 5\n/);
  expect(metrics.described.map(({ name, kind }) => [name, kind])).toEqual([
    ["pika_node_things", "gauge"],
    ["pika_node_things_total", "counter"],
  ]);
});

test("counters have labels, and the process is described under a prefix", async () => {
  const metrics = new Metrics();
  metrics.counter({ name: "pika_calls_total", help: "calls", labels: ["route"] }).inc({ route: "/nodes" });
  metrics.observeProcess("pika_");
  const text = await metrics.text();
  expect(text).toContain('pika_calls_total{route="/nodes"} 1\n');
  expect(text).toContain("pika_process_resident_memory_bytes");
});

test("gauges and histograms have labels", async () => {
  const metrics = new Metrics();
  metrics.gauge({ name: "pika_workers", help: "busy", labels: ["controller"] }).set({ controller: "c" }, 2);
  const histogram = metrics.histogram({ name: "pika_call_seconds", help: "time", labels: ["verb"], buckets: [0.1, 1] });
  histogram.observe({ verb: "get" }, 0.5);
  const text = await metrics.text();
  expect(text).toContain('pika_workers{controller="c"} 2\n');
  expect(text).toContain('pika_call_seconds_bucket{le="0.1",verb="get"} 0\n');
  expect(text).toContain('pika_call_seconds_bucket{le="1",verb="get"} 1\n');
  expect(metrics.described.map(({ kind }) => kind)).toEqual(["gauge", "histogram"]);
});
