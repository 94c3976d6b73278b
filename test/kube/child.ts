/**
 * A program of the test cluster as a child process: its words go to a file, and it ends with the process that started
 * it, also where that one is killed (`setpriv --pdeathsig`, Linux).
 */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { SystemClock, type Timer } from "../../node/base/clock.ts";

const clock = new SystemClock();

export class Child {
  readonly name: string;
  readonly #log: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;

  /** @param command the program and its arguments */
  constructor(command: readonly string[], options: { readonly log: string; readonly name?: string }) {
    this.name = options.name ?? basename(command[0] ?? "");
    this.#log = options.log;
    const out = openSync(options.log, "a", 0o600);
    const args = ["--pdeathsig", "SIGKILL", ...command];
    this.#process = spawn("setpriv", args, { stdio: ["ignore", out, out] });
    closeSync(out);
    this.#ended = new Promise((resolve) => {
      this.#process.once("exit", () => resolve());
      this.#process.once("error", () => resolve());
    });
  }

  get isRunning(): boolean {
    return this.#process.pid !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** What it runs in other namespaces: the first child, once there is one. */
  get innerPid(): number | undefined {
    return this.#process.pid === undefined ? undefined : childrenOf(this.#process.pid)[0];
  }

  /** The end of what it said. */
  get lastWords(): string {
    return readFileSync(this.#log, "utf8").slice(-2000);
  }

  /** Signals it, and what it runs in other namespaces (`nsenter` waits outside for its child). */
  signal(signal: NodeJS.Signals): void {
    if (!this.isRunning) return;
    for (const pid of childrenOf(this.#process.pid as number)) process.kill(pid, signal);
    this.#process.kill(signal);
  }

  /**
   * Lets it run only `runMs` of each `runMs + pauseMs` until the answer is called: slow for all that ask it, wherever
   * they are.
   */
  slowDown(share: { readonly runMs: number; readonly pauseMs: number }): () => void {
    let timer: Timer | undefined;
    const pause = (): void => {
      this.signal("SIGSTOP");
      timer = clock.after(share.pauseMs, run);
    };
    const run = (): void => {
      this.signal("SIGCONT");
      timer = clock.after(share.runMs, pause);
    };
    pause();
    return () => {
      timer?.cancel();
      this.signal("SIGCONT");
    };
  }

  /** Ends it; resolves when it is gone. */
  async end(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    // One that stands still would not see SIGTERM.
    this.signal("SIGCONT");
    this.signal(signal);
    await this.#ended;
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
