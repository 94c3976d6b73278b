/**
 * The text of docs/reference/: made from the table of commands, the tables of options and the metrics themselves.
 * write-references.ts writes them, a test compares.
 */

import { type DescribedMetric, Metrics } from "../../node/base/metrics.ts";
import { environmentName, flagName, type OptionSpec, type OptionTable } from "../../node/base/options.ts";
import type { Command } from "../../node/commands/command.ts";
import { dataCommands } from "../../node/commands/registry.ts";
import type { Session } from "../../node/commands/session.ts";
import { sessionCommands } from "../../node/commands/session-commands.ts";
import { observeNode } from "../../node/node-metrics.ts";
import { nodeOptions } from "../../node/node-options.ts";
import { crdDocuments } from "../../operator/cli/crds.ts";
import { Manager } from "../../operator/manager/manager.ts";
import { managerOptions } from "../../operator/manager-process.ts";
import { OperatorRuntime } from "../../operator/runtime/operator-runtime.ts";
import manifest from "../../package.json" with { type: "json" };
import { VirtualClock } from "./virtual-clock.ts";

const NOTE = "Written by `make docs`; a test compares it with the program.";

/** Every generated document by its path. */
export function references(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/reference/commands.md", commandsText()],
    ["docs/reference/options.md", optionsText()],
    ["docs/reference/metrics.md", metricsText()],
    ...definitionTexts("crds"),
    ...definitionTexts("charts/pika-operator/files/crds", { "helm.sh/resource-policy": "keep" }),
  ]);
}

function definitionTexts(folder: string, annotations?: Readonly<Record<string, string>>): [string, string][] {
  const documents = crdDocuments(manifest.version, annotations);
  return [...documents].map(([name, text]) => [`${folder}/${name}`, `# ${NOTE}\n${text}`]);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, heads.map(() => "---"), ...rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")))];
  return `${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}

function commandsText(): string {
  const all: readonly Command<Session>[] = [...dataCommands, ...sessionCommands];
  const groups = [...new Set(all.map(({ group }) => group))];
  const sections = groups.map((group) => {
    const rows = all
      .filter((command) => command.group === group)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((command) => [
        command.name.replace("|", " ").toUpperCase(),
        String(command.arity),
        whereOf(command),
        command.complexity,
        command.summary,
      ]);
    return `## ${group}\n${table(["command", "arity", "slots", "cost", "what it does"], rows)}`;
  });
  return `# Commands
${NOTE} Syntax, options and error texts are those of Redis 7.0.
Arity counts the name: n exactly, or at least n where it is negative. Slots: *one*, all keys must be in one slot (use a
hash tag); *split*, keys may be anywhere and the parts are joined; *all*, every slot of the table is asked; –, no data.

${sections.join("\n")}`;
}

function whereOf(command: Command<Session>): string {
  if (command.scope === "session") return "–";
  if (command.fanOut === undefined) return command.keys.kind === "none" ? "–" : "one";
  return command.fanOut.over === "keys" ? "split" : "all";
}

function optionsText(): string {
  return `# Options
${NOTE} Precedence: flag, environment, default. Bytes may have a suffix: Ki, Mi, Gi, Ti, k, M, G, T.
Live: also changed by CONFIG SET while the node runs.

## pika node
${optionRows(nodeOptions)}
## pika manager
${optionRows(managerOptions)}`;
}

function optionRows(options: OptionTable): string {
  const rows = Object.entries(options).map(([name, spec]) => [
    `\`--${flagName(name)}\``,
    `\`${environmentName(name)}\``,
    `${spec.kind}${spec.isLive ? ", live" : ""}`,
    allowedBy(spec),
    shownDefault(spec),
    spec.help,
  ]);
  return table(["flag", "environment", "kind", "allowed", "default", "what it is"], rows);
}

function allowedBy(spec: OptionSpec): string {
  if (spec.kind === "choice") return spec.choices.join(", ");
  if (spec.kind === "count") return `${spec.min} … ${spec.max}`;
  if (spec.kind === "bytes") return `${showBytes(spec.min)} … ${showBytes(spec.max)}`;
  return "";
}

function shownDefault(spec: OptionSpec): string {
  if (spec.kind === "bytes") return showBytes(spec.default);
  return spec.default.toString();
}

function showBytes(bytes: number): string {
  const suffixes = ["", "Ki", "Mi", "Gi"];
  let value = bytes;
  let index = 0;
  for (; value >= 1024 && value % 1024 === 0 && index < suffixes.length - 1; index++) value /= 1024;
  return `${value}${suffixes[index]}`;
}

function metricsText(): string {
  const rowsOf = (metrics: readonly DescribedMetric[]) =>
    table(
      ["metric", "kind", "labels", "what it says"],
      metrics.map(({ name, kind, labels, help }) => [`\`${name}\``, kind, (labels ?? []).join(", "), help]),
    );
  return `# Metrics
${NOTE} Read them at \`/metrics\` of a node's HTTP port (9223) and of a manager (9230). Beside these each
process has Node's own (memory, CPU, event loop, garbage collection) under \`pika_node_\` and \`pika_manager_\`.

## Node
${rowsOf(nodeMetrics())}
## Manager
${rowsOf(managerMetrics())}
## Operator
${rowsOf(operatorMetrics())}`;
}

/** Nothing is read while metrics are only described, so an empty node will do. */
function nodeMetrics(): readonly DescribedMetric[] {
  const metrics = new Metrics();
  const nothing = { server: {}, plane: {}, peering: {} } as unknown as Parameters<typeof observeNode>[1];
  observeNode(metrics, nothing);
  return metrics.described;
}

/** A manager makes its metrics when it is made; it is never started. */
function managerMetrics(): readonly DescribedMetric[] {
  const metrics = new Metrics();
  const deps = { metrics, clock: new VirtualClock() } as unknown as ConstructorParameters<typeof Manager>[1];
  const secrets = ["0".repeat(64)];
  new Manager({ host: "", port: 0, prefix: "/pika/x/y", secrets, programVersion: "" }, deps);
  return metrics.described;
}

/** An operator's runtime makes its metrics when it is made; it is never started. */
function operatorMetrics(): readonly DescribedMetric[] {
  const metrics = new Metrics();
  const deps = { metrics, clock: new VirtualClock() } as unknown as ConstructorParameters<typeof OperatorRuntime>[1];
  const options = { identity: "", programVersion: "", namespace: "", leaseName: "", host: "", port: 0 };
  new OperatorRuntime(options, deps);
  return metrics.described;
}
