/** Servers under measurement as child processes on loopback: start until they answer, CPU and memory, stop by pid. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { delay, SystemClock } from "../../node/base/clock.ts";

export const ROOT = join(import.meta.dirname, "../..");

/** USER_HZ: the unit of times in /proc. */
const TICKS_PER_SECOND = 100;
const START_DEADLINE_MS = 60_000;
const POLL_MS = 10;

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  /** Arguments for a client port and a directory of its own. */
  readonly args: (port: number, directory: string) => readonly string[];
}

export const REDIS: ServerCommand = {
  name: "redis-server",
  command: "redis-server",
  args: (port, directory) => [
    ...["--port", `${port}`, "--bind", "127.0.0.1", "--dir", directory, "--save", ""],
    ...["--appendonly", "yes", "--appendfsync", "everysec"],
  ],
};

/** Our node alone: a cluster of one, table `default`. */
export function pikaNode(
  options: {
    readonly extra?: readonly string[];
    /** Modules that the process loads first, as file URLs; told the directory. */
    readonly preload?: (directory: string) => readonly string[];
  } = {},
): ServerCommand {
  const { extra = [], preload = () => [] } = options;
  return {
    name: "pika",
    command: "env",
    args: (port, directory) => [
      `NODE_OPTIONS=${preload(directory)
        .map((url) => `--import=${url}`)
        .join(" ")}`,
      ...[join(ROOT, "bin/pika"), "node", "--host", "127.0.0.1", "--port", `${port}`],
      ...["--peer-port", `${port + 1}`, "--http-port", `${port + 2}`],
      ...["--data-dir", join(directory, "data"), ...extra],
    ],
  };
}

/** A module of this folder, for `preload`. */
export function benchModule(file: string, query: Readonly<Record<string, string>> = {}): string {
  const url = pathToFileURL(join(import.meta.dirname, file));
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}

/** A Node server that answers +OK to everything: the limit of what Node's sockets allow. */
export const OK_SERVER: ServerCommand = {
  name: "ok-server",
  command: join(ROOT, "node_modules/node/bin/node"),
  args: (port) => [join(ROOT, "test/bench/ok-server.ts"), `${port}`],
};

export class ServerProcess {
  readonly name: string;
  readonly port: number;
  readonly directory: string;
  /** Of the last start: milliseconds until it answered. */
  startMs = 0;
  /** CPU that it used until then, all threads: steadier on a busy machine. */
  startCpuSeconds = 0;
  readonly #command: ServerCommand;
  #child: ChildProcess | undefined;

  private constructor(command: ServerCommand, port: number, directory: string) {
    this.#command = command;
    this.name = command.name;
    this.port = port;
    this.directory = directory;
  }

  static async start(command: ServerCommand): Promise<ServerProcess> {
    const server = new ServerProcess(command, await findFreePorts(3), mkdtempSync(join(tmpdir(), "pika-bench-")));
    await server.startAgain();
    return server;
  }

  /** Starts over the same directory; milliseconds until it answered PING with anything but LOADING. */
  async startAgain(): Promise<number> {
    const log = openSync(join(this.directory, "log"), "a");
    const startedAt = performance.now();
    this.#child = spawn(this.#command.command, [...this.#command.args(this.port, this.directory)], {
      stdio: ["ignore", log, log],
    });
    while (!(await answers(this.port))) {
      if (this.#child.exitCode !== null || performance.now() - startedAt > START_DEADLINE_MS) {
        throw new Error(
          `${this.name} did not start: ${readFileSync(join(this.directory, "log"), "utf8").slice(-2000)}`,
        );
      }
      await pause(POLL_MS);
    }
    this.startMs = performance.now() - startedAt;
    this.startCpuSeconds = this.cpuSeconds();
    return this.startMs;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  /** CPU seconds used so far, all threads. */
  cpuSeconds(): number {
    return cpuSecondsOf(this.pid);
  }

  /** Anonymous resident memory: what is not page cache. */
  rssAnonBytes(): number {
    const match = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"));
    return Number(match?.[1] ?? Number.NaN) * 1024;
  }

  async kill(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
    this.#child = undefined;
  }

  /** Stops it and removes its directory. */
  async remove(): Promise<void> {
    await this.kill("SIGTERM");
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** CPU seconds that a process used so far, all threads. */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const clock = new SystemClock({ keepsAlive: true });

/** Between two looks at something that is measured. */
export function pause(delayMs: number): Promise<void> {
  return delay(clock, delayMs);
}

/** A port with `count - 1` free ones behind it. */
export async function findFreePorts(count: number): Promise<number> {
  for (let port = 21_000 + 50 * Math.floor(Math.random() * 200); ; port += 50) {
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(port + i)));
    if (free.every(Boolean)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.setTimeout(1000, () => socket.destroy());
    socket.once("data", (data) => {
      socket.destroy();
      resolve(/^\+(PONG|OK)/.test(data.toString()));
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}
