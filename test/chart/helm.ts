/** Runs the helm of the test tools, or the one on the PATH, with the chart of this checkout. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { missingCommands, missingPrograms, programPath } from "../kube/tool-cache.ts";

export const CHART = join(import.meta.dirname, "../../charts/pika-operator");

/** What a chart renders, as far as tests look at it. */
export interface Rendered {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

const isCached = missingPrograms(["helm"]).length === 0;

/** Says so where there is no helm, and throws there under CI=true. */
export function hasHelm(): boolean {
  if (isCached || missingCommands(["helm"]).length === 0) return true;
  const advice = "no helm: run make test-tools, or put it on the PATH";
  if (process.env.CI === "true") throw new Error(`CI=true, and the chart cannot be tested: ${advice}`);
  process.stderr.write(`NOT RUN: tests of the chart (${advice})\n`);
  return false;
}

/** @throws with what helm said where it failed. */
export function helm(args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(isCached ? programPath("helm") : "helm", args, {
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`helm ${args.slice(0, 3).join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}

/** Values as the flags of helm. */
export function valueFlags(values: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(values).flatMap(([path, value]) => ["--set-json", `${path}=${JSON.stringify(value)}`]);
}

interface RenderOptions {
  readonly release?: string;
  readonly flags?: readonly string[];
}

/** The text that the chart gives for these values, by their paths. */
export function render(values: Readonly<Record<string, unknown>>, options: RenderOptions = {}): string {
  const { release = "pika-operator", flags = [] } = options;
  return helm(["template", release, CHART, "--namespace", "pika-system", ...flags, ...valueFlags(values)]);
}

/** The objects in it. */
export function readObjects(text: string): readonly Rendered[] {
  return parseAllDocuments(text)
    .map((document) => ("toJS" in document ? (document.toJS() as Rendered | null) : null))
    .filter((object) => object !== null);
}
