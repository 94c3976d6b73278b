import { expect, test } from "vitest";
import { isSameQuantity } from "../../../../operator/kube/core/quantity.ts";

test.each([
  ["1", "1000m"],
  ["1Gi", "1024Mi"],
  ["1.5Gi", "1610612736"],
  ["0.1", "100m"],
  ["1e3", "1k"],
  ["1E", "1000P"],
  ["+5", "5"],
  [".5", "500m"],
  ["100u", "100000n"],
  ["0.0000000001", "1n"],
  ["-1", "-1000m"],
  ["12E", "12000000000000000000"],
])("%s is %s", (a, b) => {
  expect(isSameQuantity(a, b)).toBe(true);
});

test.each([
  ["1", "1m"],
  ["1G", "1Gi"],
  ["", ""],
  ["a", "a"],
  ["1 Gi", "1Gi"],
  ["1", "-1"],
  [".", "0"],
])("%s is not %s", (a, b) => {
  expect(isSameQuantity(a, b)).toBe(false);
});
