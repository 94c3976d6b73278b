import { defineConfig } from "vitest/config";
import { ClosingLine } from "./test/support/closing-line.ts";

/** Clusters of real processes: one file at a time, so that they do not wait for each other on a small machine. */
const E2E = "test/e2e/**/*.test.ts";

/** A whole Kubernetes: run by `make kube-test`, not by `make test`. */
const CLUSTER = "test/cluster/**/*.test.ts";

export default defineConfig({
  test: {
    reporters: ["default", new ClosingLine()],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [E2E, CLUSTER],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          pool: "forks",
        },
      },
      {
        test: {
          name: "e2e",
          include: [E2E],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          pool: "forks",
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "cluster",
          include: [CLUSTER],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          pool: "forks",
          fileParallelism: false,
        },
      },
    ],
  },
});
