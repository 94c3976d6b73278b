/**
 * The program: joins the data plane and the control plane and hands both to the command line. The only file that
 * imports both, and the only one that reads the environment.
 */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SystemClock } from "../node/base/clock.ts";
import { messageOf, OperatingError } from "../node/base/errors.ts";
import { readOptions } from "../node/base/options.ts";
import { reportLostWrites } from "../node/lost-writes-report.ts";
import { nodeOptions } from "../node/node-options.ts";
import { runNode } from "../node/run-node.ts";
import { Output } from "../operator/cli/output.ts";
import { createProgram } from "../operator/cli/program.ts";
import type { ChildProcess, Launch } from "../operator/cli/supervisor.ts";
import { connectManagers, managerOptions, runManager } from "../operator/manager-process.ts";
import { operatorOptions, runOperator } from "../operator/operator-process.ts";

const ROOT = join(import.meta.dirname, "..");
const USAGE_ERROR = 2;

const clock = new SystemClock({ keepsAlive: true });
const stopping = new AbortController();

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown";
}

/** This program again, with the flags of Node that it runs with. */
function spawnSelf(args: readonly string[], logFile: string, isDetached: boolean) {
  const log = openSync(logFile, "a");
  const program = [...process.execArgv, process.argv[1] ?? join(ROOT, "bin/pika.ts")];
  return spawn(process.execPath, [...program, ...args], { stdio: ["ignore", log, log], detached: isDetached });
}

function launch(logFile: string): Launch {
  return (spec): ChildProcess => {
    const child = spawnSelf(spec.args, logFile, true);
    const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
      child.once("error", () => resolve({ code: -1, signal: null }));
    });
    return { pid: child.pid ?? -1, exited, kill: (signal) => child.kill(signal) };
  };
}

function detach(args: readonly string[], logFile: string): number {
  const child = spawnSelf(args, logFile, true);
  child.unref();
  if (child.pid === undefined) throw new OperatingError("NotStarted", "the background process could not be started");
  return child.pid;
}

function connect(options: { readonly urls: readonly string[]; readonly secretFile: string }) {
  return connectManagers(options, clock);
}

async function main(): Promise<void> {
  const version = readVersion();
  const program = createProgram({
    version,
    output: new Output({
      isTty: process.stdout.isTTY === true,
      columns: process.stdout.columns ?? 80,
      write: (text) => process.stdout.write(text),
    }),
    clock,
    random: Math.random,
    environment: process.env,
    launch,
    detach,
    connect,
    connectStatus: connect,
    reportLostWrites,
    hashPassword: (password) => createHash("sha256").update(password).digest("hex"),
    signal: stopping.signal,
    onReload: (reload) => process.on("SIGHUP", reload),
    processes: [
      {
        name: "manager",
        summary: "run one manager of a cluster",
        options: managerOptions,
        run: (layers, signal) => runManager(readOptions(managerOptions, layers), { signal, programVersion: version }),
      },
      {
        name: "node",
        summary: "run one node of a cluster, or, without managers, one on its own",
        options: nodeOptions,
        run: (layers, signal) => runNode(readOptions(nodeOptions, layers), { signal, programVersion: version }),
      },
      {
        name: "operator",
        summary: "run the operator: PikaClusters and PikaTables of a Kubernetes become true",
        options: operatorOptions,
        run: (layers, signal) =>
          runOperator(readOptions(operatorOptions, layers), {
            signal,
            programVersion: version,
            nodeOptions,
            apiServer: {
              host: process.env.KUBERNETES_SERVICE_HOST ?? "",
              port: process.env.KUBERNETES_SERVICE_PORT ?? "443",
            },
          }),
      },
    ],
  });
  await program.parseAsync(process.argv);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => stopping.abort(new OperatingError("Stopped", `stopped by ${signal}`)));
}
// A reader of our output that goes away (`pika status | head`) is no error.
process.stdout.on("error", () => process.exit(0));

try {
  await main();
  process.exitCode ??= 0;
} catch (error) {
  if (error instanceof Error && "exitCode" in error && typeof error.exitCode === "number") {
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_ERROR;
  } else if (!stopping.signal.aborted) {
    process.stderr.write(`pika: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
