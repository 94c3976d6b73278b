/**
 * A process tree with network, mounts and process ids of its own, for a whole cluster: no route leads out of it, the
 * machine's tables and mounts stay untouched, and ending its process 1 ends every process, mount and interface at once.
 * It ends with the process that started it. Needs root.
 */

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { waitFor } from "../support/wait-for.ts";
import { Child } from "./child.ts";
import { programPath } from "./tool-cache.ts";

/** What programs write there, and must not meet on the machine's own disk. */
const PRIVATE_FOLDERS = ["/run", "/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd", "/var/log"];

export class SealedTree {
  #child: Child | undefined;
  #pid = 0;

  /** @param options.log a file for what its process 1 says */
  async start(options: { readonly log: string }): Promise<void> {
    const flags = ["--net", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"];
    const command = ["unshare", ...flags, "--propagation", "private", programPath("pause")];
    const child = new Child(command, options);
    this.#child = child;
    const first = await waitFor(() => child.innerPid ?? !child.isRunning, { what: "a sealed process tree" });
    if (typeof first !== "number") throw new Error(`unshare ended: ${child.lastWords}`);
    this.#pid = first;
    await waitFor(() => readFileSync(`/proc/${first}/comm`, "utf8").trim() === "pause");
    const tmpfs = PRIVATE_FOLDERS.map((folder) => `mkdir -p ${folder} && mount -t tmpfs tmpfs ${folder}`);
    await this.shell(["set -e", "mount --make-rshared /", ...tmpfs].join("\n"));
  }

  /** Process 1 as the machine sees it. */
  get pid(): number {
    return this.#pid;
  }

  /** The command that runs a command in it. */
  enter(command: readonly string[]): string[] {
    const place = ["nsenter", "--target", `${this.#pid}`, "--net", "--mount", "--pid", "--"];
    return [...place, "setpriv", "--pdeathsig", "SIGKILL", ...command];
  }

  /** Runs a command in it to its end; gives what it printed. Rejects, with its last words, where it fails. */
  run(command: readonly string[], input = ""): Promise<string> {
    const [program = "", ...args] = this.enter(command);
    return new Promise((resolve, reject) => {
      const child = execFile(program, args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
        if (error) reject(new Error(`${command.join(" ").slice(0, 300)}: ${stderr || error.message}`));
        else resolve(stdout);
      });
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(input);
    });
  }

  shell(script: string): Promise<string> {
    return this.run(["sh", "-s"], script);
  }

  /** Resolves when every process in it is gone: its process 1 is the last. */
  async stop(): Promise<void> {
    await this.#child?.end();
    if (this.#pid > 0) await waitFor(() => startTimeOf(this.#pid) === undefined, { what: "the end of the tree" });
  }
}

/** Ends a tree whose starter is gone, by its process 1, if that is still the one that was noted. */
export async function endLeftTree(pid: number, startedAt: string): Promise<void> {
  if (startTimeOf(pid) !== startedAt) return;
  process.kill(pid, "SIGKILL");
  await waitFor(() => startTimeOf(pid) !== startedAt, { what: "the end of a left tree" });
}

/** When a process started, in ticks since the machine did: with the pid it names one process. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
