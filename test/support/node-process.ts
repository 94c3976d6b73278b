/** A node as a process of its own, over a data directory that outlives it: started, killed, started again. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { readOptions } from "../../node/base/options.ts";
import { type NodeOptions, nodeOptions } from "../../node/node-options.ts";

const MAIN = fileURLToPath(new URL("./node-main.ts", import.meta.url));

export class NodeProcess {
  readonly #options: NodeOptions;
  #child: ChildProcess | undefined;
  port = 0;

  constructor(options: Partial<NodeOptions>) {
    const defaults = readOptions(nodeOptions, []);
    this.#options = { ...defaults, host: "127.0.0.1", port: 0, httpPort: 0, logLevel: "warn", ...options };
  }

  /** Starts it; resolves when it serves. Rejects with what it said where it does not. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [MAIN, JSON.stringify(this.#options)], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said = (said + chunk).slice(-10_000);
    });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk;
      const match = /ready (\d+)\n/.exec(out);
      if (match) resolve(Number(match[1]));
    });
    child.on("exit", (code, signal) => reject(new Error(`the node ended (${code ?? signal}): ${said}`)));
    this.port = await promise;
  }

  /** Ends it with a signal; resolves when it is gone. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }
}
