/** A redis-server of this machine on a Unix socket, for comparing with: started, asked and stopped by its test alone. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const START_ATTEMPTS = 200;
const RETRY_MS = 25;

export class RedisServer {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #socket: Socket;

  private constructor(folder: string, child: ChildProcess, socket: Socket) {
    this.#folder = folder;
    this.#child = child;
    this.#socket = socket;
  }

  static async start(): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), "pika-compare-"));
    const path = join(folder, "redis.sock");
    const options = ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", folder];
    const child = spawn("redis-server", options, { stdio: "ignore" });
    process.once("exit", () => child.kill());
    for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
      const socket = connect(path);
      try {
        await once(socket, "connect");
        return new RedisServer(folder, child, socket);
      } catch {
        await wait(RETRY_MS);
      }
    }
    child.kill();
    throw new Error("redis-server does not answer on its socket");
  }

  /** Sends commands at once and answers their replies as RESP bytes, one for each. */
  async pipeline(commands: readonly (readonly string[])[]): Promise<Buffer[]> {
    this.#socket.write(Buffer.concat(commands.map(encodeCommand)));
    const replies: Buffer[] = [];
    let pending: Buffer = Buffer.alloc(0);
    while (replies.length < commands.length) {
      const [chunk] = (await once(this.#socket, "data")) as [Buffer];
      pending = Buffer.concat([pending, chunk]);
      for (let end = replyEnd(pending, 0); end > 0 && replies.length < commands.length; end = replyEnd(pending, 0)) {
        replies.push(pending.subarray(0, end));
        pending = pending.subarray(end);
      }
    }
    return replies;
  }

  async stop(): Promise<void> {
    this.#socket.destroy();
    const isGone = this.#child.exitCode !== null || once(this.#child, "exit");
    this.#child.kill();
    await isGone;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A command as RESP; its parts are latin1. */
function encodeCommand(parts: readonly string[]): Buffer {
  return Buffer.from(`*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join("")}`, "latin1");
}

/** Where the reply that begins at `at` ends; -1 when it is not there wholly. */
function replyEnd(buf: Buffer, at: number): number {
  const lineEnd = buf.indexOf("\r\n", at);
  if (lineEnd < 0) return -1;
  const size = Number(buf.toString("latin1", at + 1, lineEnd));
  let end = lineEnd + 2;
  const type = String.fromCharCode(buf[at] as number);
  const partCount = "*~>".includes(type) ? size : type === "%" ? 2 * size : 0;
  if ("$=".includes(type) && size >= 0) end += size + 2;
  for (let i = 0; i < partCount && end >= 0; i++) end = replyEnd(buf, end);
  return end > buf.length ? -1 : end;
}
