/** The program as a process of its own, beside a running cluster: what it says, how it ends. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { PIKA } from "./local-cluster.ts";
import { waitFor } from "./wait-for.ts";

export class PikaProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | string>;
  /** All that it wrote. */
  output = "";

  constructor(args: readonly string[]) {
    const child = spawn(PIKA, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        this.output += chunk;
      });
    }
    this.#ended = once(child, "exit").then(([code, signal]) => (code as number | null) ?? (signal as string));
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Its exit code, or the signal that ended it. */
  ended(): Promise<number | string> {
    return this.#ended;
  }

  async says(text: string | RegExp): Promise<void> {
    const isSaid = () => (typeof text === "string" ? this.output.includes(text) : text.test(this.output));
    await waitFor(isSaid, { timeoutMs: 20_000, what: `${text}` }).catch((error: Error) => {
      throw new Error(`${error.message}; it says: ${this.output.slice(-2000)}`);
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<number | string> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGTERM");
    return await this.#ended;
  }
}
