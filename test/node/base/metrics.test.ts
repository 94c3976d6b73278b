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
