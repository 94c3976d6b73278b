/**
 * The command line: verbs, their options and help (commander). What a verb does is injected or in its own file.
 * Exit codes: 0 done, 1 the verb failed (one message on standard error), 2 wrong usage.
 */

import { Command, InvalidArgumentError, Option } from "commander";
import { OperatingError } from "../../node/base/errors.ts";
import { environmentName, flagName, type OptionLayer, type OptionTable } from "../../node/base/options.ts";
import { isEtcdEndpoint } from "../manager/store/etcd-credentials.ts";
import { runApply } from "./apply.ts";
import { crdDocuments } from "./crds.ts";
import { startDetached } from "./detach.ts";
import { runDown } from "./down.ts";
import type { Output } from "./output.ts";
import { DEFAULT_DATA_DIR, listClusters, StateDirectory } from "./state-directory.ts";
import { runStatus, type StatusSource } from "./status.ts";
import { runUp, type UpDeps } from "./up.ts";

/** A long-running process of the program: `pika node`, `pika manager`. */
export interface ProcessVerb {
  readonly name: string;
  readonly summary: string;
  readonly options: OptionTable;
  /** Reads its options from flags and environment, and runs until the signal aborts. */
  readonly run: (layers: readonly OptionLayer[], signal: AbortSignal) => Promise<void>;
}

export interface ProgramDeps extends UpDeps {
  readonly version: string;
  readonly output: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly processes: readonly ProcessVerb[];
  readonly connectStatus: (options: { readonly urls: readonly string[]; readonly secretFile: string }) => StatusSource;
  /** Tells the entries of files of lost writes, one a line. Throws an OperatingError that names the faulty files. */
  readonly reportLostWrites: (
    paths: readonly string[],
    report: { readonly isJson: boolean; readonly line: (text: string) => void },
  ) => void;
  /** Starts `pika up` with these arguments in the background, output to the file; its process id. */
  readonly detach: (args: readonly string[], logFile: string) => number;
}

const DEFAULT_PORT_BASE = 9200;

/** The whole command line. `parseAsync(argv)` runs it. */
export function createProgram(deps: ProgramDeps): Command {
  const program = new Command("pika")
    .description("Pika cluster: Redis data types on disk, distributed, on Kubernetes or on this machine")
    .version(deps.version)
    .showHelpAfterError("(pika --help lists the verbs)")
    .exitOverride();
  addUp(program, deps);
  addApply(program, deps);
  addDown(program, deps);
  addStatus(program, deps);
  addCrds(program, deps);
  addLostWrites(program, deps);
  for (const verb of deps.processes) addProcess(program, verb, deps);
  return program;
}

function parsePortBase(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1024 || port > 64_000)
    throw new InvalidArgumentError("a port from 1024 to 64000 is allowed.");
  return port;
}

/** A list is given by commas or by repeating the option. */
function collect(text: string, previous: readonly string[] = []): readonly string[] {
  const parts = text.split(",").map((part) => part.trim());
  return [...previous, ...parts.filter((part) => part !== "")];
}

function collectEtcd(text: string, previous: readonly string[]): readonly string[] {
  const endpoints = collect(text, previous);
  if (!endpoints.every(isEtcdEndpoint))
    throw new InvalidArgumentError("http://host:port or https://host:port is allowed.");
  return endpoints;
}

const files = () =>
  new Option(
    "-f, --file <file...>",
    "manifests: YAML, several documents a file; - for standard input",
  ).makeOptionMandatory();
const dataDir = () => new Option("--data-dir <dir>", "where local clusters keep their data").default(DEFAULT_DATA_DIR);

interface UpFlags {
  readonly file: string[];
  readonly dataDir: string;
  readonly portBase: number;
  readonly etcd: string[];
  readonly detach?: boolean;
}

function addUp(program: Command, deps: ProgramDeps): void {
  program
    .command("up")
    .description("run the cluster of the manifests as local processes")
    .addOption(files())
    .addOption(dataDir())
    .addOption(
      new Option("--port-base <port>", "first port; nodes listen on base + 21, 31, 41 …")
        .argParser(parsePortBase)
        .default(DEFAULT_PORT_BASE),
    )
    .addOption(
      new Option("--etcd <url>", "endpoints of etcd instead of the embedded store").argParser(collectEtcd).default([]),
    )
    .option("-d, --detach", "return when the cluster is ready; stop it with `pika down`")
    .action(async (flags: UpFlags) => {
      const options = { files: flags.file, dataDir: flags.dataDir, portBase: flags.portBase, etcd: flags.etcd };
      await (flags.detach ? startDetached(options, deps) : runUp(options, deps));
    });
}

function addApply(program: Command, deps: ProgramDeps): void {
  program
    .command("apply")
    .description("change the running local cluster: more nodes, tables, replicas")
    .addOption(files())
    .addOption(dataDir())
    .action((flags: { file: string[]; dataDir: string }) =>
      runApply({ files: flags.file, dataDir: flags.dataDir }, deps),
    );
}

function addDown(program: Command, deps: ProgramDeps): void {
  program
    .command("down")
    .description("stop a local cluster; its data stay")
    .argument("[cluster]", "needed where several run")
    .addOption(dataDir())
    .action((cluster: string | undefined, flags: { dataDir: string }) =>
      runDown({ dataDir: flags.dataDir, cluster: cluster ?? onlyCluster(flags.dataDir) }, deps),
    );
}

interface StatusFlags {
  readonly dataDir: string;
  readonly manager: string[];
  readonly secretFile?: string;
  readonly output: string;
}

function addStatus(program: Command, deps: ProgramDeps): void {
  program
    .command("status")
    .description("show nodes, tables and slots")
    .argument("[cluster]", "a local cluster; needed where several run")
    .addOption(dataDir())
    .addOption(new Option("--manager <url>", "managers of a cluster that is not local").argParser(collect).default([]))
    .option("--secret-file <file>", "the cluster's secret, with --manager")
    .addOption(new Option("-o, --output <format>", "form of the answer").choices(["text", "json"]).default("text"))
    .action((cluster: string | undefined, flags: StatusFlags) =>
      runStatus(deps.connectStatus(findManagers(cluster, flags)), { isJson: flags.output === "json" }, deps.output),
    );
}

function addCrds(program: Command, deps: ProgramDeps): void {
  program
    .command("crds")
    .description("print the CustomResourceDefinitions for Kubernetes: pika crds | kubectl apply --server-side -f -")
    .action(() => deps.output.line([...crdDocuments(deps.version).values()].join("---\n").trimEnd()));
}

function addLostWrites(program: Command, deps: ProgramDeps): void {
  program
    .command("lost-writes")
    .description("print what a node had taken and its new leader never had: files of <data directory>/lost-writes")
    .argument("<file...>")
    .addOption(
      new Option("-o, --output <format>", "json: one object a line, arguments whole")
        .choices(["text", "json"])
        .default("text"),
    )
    .action((paths: string[], flags: { readonly output: string }) =>
      deps.reportLostWrites(paths, {
        isJson: flags.output === "json",
        line: (text) => deps.output.line(text),
      }),
    );
}

function findManagers(
  cluster: string | undefined,
  flags: StatusFlags,
): { urls: readonly string[]; secretFile: string } {
  if (flags.manager.length > 0) {
    if (flags.secretFile === undefined) throw new OperatingError("MissingOption", "--manager also needs --secret-file");
    return { urls: flags.manager, secretFile: flags.secretFile };
  }
  const state = new StateDirectory(flags.dataDir, cluster ?? onlyCluster(flags.dataDir));
  const record = state.readRecord();
  if (!record) throw new OperatingError("NotRunning", `no local cluster ${cluster ?? ""} runs from ${flags.dataDir}`);
  return { urls: record.managers, secretFile: state.secretFile };
}

function onlyCluster(directory: string): string {
  const names = listClusters(directory);
  const [first] = names;
  if (first === undefined) throw new OperatingError("NotRunning", `no local cluster runs from ${directory}`);
  if (names.length > 1)
    throw new OperatingError("WhichCluster", `several clusters run from ${directory}: name one of ${names.join(", ")}`);
  return first;
}

function addProcess(program: Command, verb: ProcessVerb, deps: ProgramDeps): void {
  const command = program.command(verb.name).description(verb.summary);
  for (const [name, spec] of Object.entries(verb.options)) {
    const shown = Array.isArray(spec.default) ? spec.default.join(",") : String(spec.default);
    const option = new Option(
      `--${flagName(name)} <${spec.kind}>`,
      `${spec.help} (default: ${shown === "" ? "none" : shown})`,
    );
    command.addOption(spec.kind === "list" ? option.argParser(collect) : option);
  }
  command.action((flags: Record<string, string | readonly string[]>) => {
    const fromEnvironment = Object.fromEntries(
      Object.keys(verb.options).map((name) => [name, deps.environment[environmentName(name)]]),
    );
    const layers = [
      { describe: (name: string) => `--${flagName(name)}`, values: flags },
      { describe: environmentName, values: fromEnvironment },
    ];
    return verb.run(layers, deps.signal);
  });
}
