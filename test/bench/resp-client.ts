/** One connection that sends commands in batches and waits for all their replies. For filling and for single questions. */

import { createRequire } from "node:module";
import { connect, type Socket } from "node:net";

type Part = string | number;

/** A reply that was an error, as text. */
export type RespReply = string | number | null | Error | readonly RespReply[];

interface Parser {
  execute(chunk: Buffer): void;
}

/** redis-parser has no types. */
const RedisParser = createRequire(import.meta.url)("redis-parser") as new (deps: {
  readonly returnReply: (reply: RespReply) => void;
  readonly returnError: (error: Error) => void;
  readonly returnFatalError: (error: Error) => void;
}) => Parser;

export class RespClient {
  readonly #socket: Socket;
  #replies: RespReply[] = [];
  #awaited = 0;
  #wake: (() => void) | undefined;
  #error: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const take = (reply: RespReply) => {
      this.#replies.push(reply);
      if (this.#replies.length >= this.#awaited) this.#wake?.();
    };
    const parser = new RedisParser({
      returnReply: take,
      returnError: take,
      returnFatalError: (error) => socket.destroy(error),
    });
    socket.on("data", (chunk: Buffer) => parser.execute(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  static async connect(port: number): Promise<RespClient> {
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    socket.setNoDelay(true);
    return new RespClient(socket);
  }

  /** Sends all and waits for all replies. @throws Error when one is an error or the connection breaks */
  async pipeline(commands: readonly (readonly Part[])[]): Promise<readonly RespReply[]> {
    if (this.#error) throw this.#error;
    const done = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#replies = [];
    this.#awaited = commands.length;
    this.#socket.write(commands.map(encode).join(""));
    await done;
    if (this.#error) throw this.#error;
    const failed = this.#replies.find((reply) => reply instanceof Error);
    if (failed instanceof Error) throw failed;
    return this.#replies;
  }

  async call(...parts: readonly Part[]): Promise<RespReply> {
    return (await this.pipeline([parts]))[0] as RespReply;
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#wake?.();
  }
}

function encode(parts: readonly Part[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(String(part))}\r\n${part}\r\n`).join("")}`;
}
