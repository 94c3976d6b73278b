/** A cluster started as a user does: `pika up -f … -d`, in a directory and on ports of its own; removed at the end. */

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { SystemClock } from "../../node/base/clock.ts";
import type { StatusReply } from "../../node/meta/manager-api.ts";
import { type ClusterRecord, StateDirectory } from "../../operator/cli/state-directory.ts";
import { connectManagers } from "../../operator/manager-process.ts";
import { waitFor } from "./wait-for.ts";

export const ROOT = join(import.meta.dirname, "../..");
export const PIKA = join(ROOT, "bin/pika");
const execute = promisify(execFile);

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; does not throw on a failure. */
export async function run(command: string, args: readonly string[], cwd = ROOT): Promise<CommandResult> {
  try {
    const { stdout, stderr } = await execute(command, [...args], {
      cwd,
      timeout: 150_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const failed = error as { code?: number; stdout?: string; stderr?: string };
    return { code: Number(failed.code ?? -1), stdout: failed.stdout ?? "", stderr: failed.stderr ?? String(error) };
  }
}

function pika(args: readonly string[]): Promise<CommandResult> {
  return run(PIKA, args);
}

export class LocalClusterProcess {
  readonly dataDir = mkdtempSync(join(tmpdir(), "pika-e2e-"));
  readonly portBase: number;
  readonly cluster: string;
  readonly #state: StateDirectory;

  private constructor(cluster: string, portBase: number) {
    this.cluster = cluster;
    this.portBase = portBase;
    this.#state = new StateDirectory(this.dataDir, cluster);
  }

  /** @param nodeCount how many nodes' ports must be free */
  static async create(cluster: string, nodeCount: number): Promise<LocalClusterProcess> {
    return new LocalClusterProcess(cluster, await findPortBase(nodeCount));
  }

  /** Writes a manifest beside the data; its path. */
  write(name: string, text: string): string {
    const path = join(this.dataDir, name);
    writeFileSync(path, text);
    return path;
  }

  up(file: string, extra: readonly string[] = []): Promise<CommandResult> {
    return pika(["up", "-f", file, "-d", "--data-dir", this.dataDir, "--port-base", `${this.portBase}`, ...extra]);
  }

  apply(file: string): Promise<CommandResult> {
    return pika(["apply", "-f", file, "--data-dir", this.dataDir]);
  }

  status(...extra: readonly string[]): Promise<CommandResult> {
    return pika(["status", "--data-dir", this.dataDir, ...extra]);
  }

  /** What the managers say now, without a process for it. */
  async ask(): Promise<StatusReply> {
    const client = connectManagers(
      { urls: this.record.managers, secretFile: this.#state.secretFile },
      new SystemClock(),
    );
    try {
      return await client.status();
    } finally {
      client.close();
    }
  }

  /** Resolves once every slot has its leader and all followers are in sync. */
  async ready(timeoutMs = 60_000): Promise<StatusReply> {
    return await waitFor(
      async () => {
        const status = await this.ask();
        if (!status.isReady) throw new Error(JSON.stringify(status));
        return status;
      },
      { timeoutMs, what: "a cluster that is ready" },
    );
  }

  /** Kills a process with SIGKILL; resolves when the supervisor has started it again. */
  async kill(name: string): Promise<void> {
    const pid = this.pidOf(name) as number;
    process.kill(pid, "SIGKILL");
    await waitFor(() => this.pidOf(name) !== undefined && this.pidOf(name) !== pid, { what: `${name} to run again` });
  }

  /** Keys of the default table whose slots the node leads. */
  async keysLedBy(node: number, count: number): Promise<string[]> {
    const redis = new Redis({ host: "127.0.0.1", port: this.clientPort(node) });
    try {
      const ranges = (await redis.cluster("SLOTS")) as unknown as [number, number, [string, number]][];
      const led = ranges.filter(([, , [, port]]) => port === this.clientPort(node));
      const keys: string[] = [];
      for (let i = 0; keys.length < count; i++) {
        const slot = Number(await redis.cluster("KEYSLOT", `k${i}`));
        if (led.some(([first, last]) => first <= slot && slot <= last)) keys.push(`k${i}`);
      }
      return keys;
    } finally {
      redis.disconnect();
    }
  }

  dataOf(name: string): string {
    return this.#state.dataOf(name);
  }

  get secretFile(): string {
    return this.#state.secretFile;
  }

  clientPort(node: number): number {
    return this.portBase + 21 + 10 * node;
  }

  httpPort(node: number): number {
    return this.clientPort(node) + 2;
  }

  get record(): ClusterRecord {
    const record = this.#state.readRecord();
    if (!record) throw new Error(`cluster ${this.cluster} has no record in ${this.dataDir}`);
    return record;
  }

  /** Process id of `node-0`, `manager-0`, … as it runs now. */
  pidOf(name: string): number | undefined {
    return this.record.children.find((child) => child.name === name)?.pid;
  }

  log(name: string): string {
    return readFileSync(this.#state.logFile(name), "utf8");
  }

  /** Stops all processes; the data stay. */
  down(): Promise<CommandResult> {
    return pika(["down", this.cluster, "--data-dir", this.dataDir]);
  }

  async remove(): Promise<void> {
    await this.down();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

async function findPortBase(nodeCount: number): Promise<number> {
  for (;;) {
    // Below the ports that the system gives to outgoing connections (from 32,768 on).
    const base = 22_000 + 100 * Math.floor(Math.random() * 105);
    const ports = Array.from({ length: 3 }, (_, index) => base + index);
    for (let node = 0; node < nodeCount; node++) for (let k = 0; k < 3; k++) ports.push(base + 21 + 10 * node + k);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** Asks until the answer is one that `isGood` accepts; with the deadline's error it says the last answer. */
export async function eventually<T>(
  ask: () => Promise<T>,
  isGood: (answer: T) => boolean,
  deadlineMs = 30_000,
): Promise<T> {
  const start = performance.now();
  let last: unknown;
  while (performance.now() - start < deadlineMs) {
    try {
      const answer = await ask();
      if (isGood(answer)) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`not within ${deadlineMs} ms; last: ${last instanceof Error ? last.stack : JSON.stringify(last)}`);
}
