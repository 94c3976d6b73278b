/** A client on a bare socket that checks every byte that it is sent: as many replies as commands, all well-formed. */

import { connect, type Socket } from "node:net";
import { delay, SystemClock } from "../../node/base/clock.ts";
import { ReplyChecker } from "./reply-checker.ts";

const clock = new SystemClock();
const DEADLINE_MS = 15_000;
/** How often a batch that has no replies yet is helped. */
const HELP_MS = 20;

export class RespClient {
  readonly socket: Socket;
  readonly #checker: ReplyChecker;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  private constructor(socket: Socket, protocol: 2 | 3) {
    this.socket = socket;
    this.#checker = new ReplyChecker(protocol);
    socket.on("error", () => {});
    socket.on("close", () => this.#fail(new Error("the node closed the connection")));
    socket.on("data", (chunk: Buffer) => {
      try {
        this.#checker.feed(chunk);
      } catch (error) {
        this.#fail(error as Error);
      }
      this.#wake();
    });
  }

  static async connect(port: number, protocol: 2 | 3): Promise<RespClient> {
    const socket = connect({ host: "127.0.0.1", port });
    const client = new RespClient(socket, protocol);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return client;
  }

  async call(command: readonly string[]): Promise<string> {
    return (await this.callAll([command]))[0] as string;
  }

  /** Sends all at once; their replies. @throws Error where there are more or fewer, or one is malformed. */
  async callAll(commands: readonly (readonly string[])[]): Promise<readonly string[]> {
    this.socket.write(Buffer.concat(commands.map(encode)));
    const { replies } = this.#checker;
    const deadlineMs = clock.monotonicMs() + DEADLINE_MS;
    while (replies.length < commands.length && this.#failure === undefined) {
      if (clock.monotonicMs() > deadlineMs) {
        const shown = JSON.stringify(commands.slice(replies.length, replies.length + 1)).slice(0, 500);
        this.#fail(new Error(`${commands.length} commands have ${replies.length} replies; next is ${shown}`));
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        clock.after(HELP_MS, resolve);
      });
    }
    if (this.#failure !== undefined) {
      throw new Error(`${this.#failure.message}, after ${JSON.stringify(commands).slice(0, 4000)}`);
    }
    if (replies.length > commands.length || !this.#checker.isAtEnd) {
      throw new Error(`${replies.length} replies to ${JSON.stringify(commands).slice(0, 4000)}`);
    }
    return replies.splice(0);
  }

  /** Waits until `isDone`, and calls `help` every now and then until it is. */
  async settled(isDone: () => boolean, help: () => Promise<unknown>): Promise<void> {
    for (;;) {
      await delay(clock, isDone() ? 0 : HELP_MS / 10);
      if (isDone()) return;
      await help();
    }
  }

  end(): void {
    this.#failure ??= new Error("ended");
    this.socket.destroy();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }
}

/** RESP of a command whose words are latin1. */
export function encode(command: readonly string[]): Buffer {
  const words = command.map((word) => `$${word.length}\r\n${word}\r\n`);
  return Buffer.from(`*${command.length}\r\n${words.join("")}`, "latin1");
}
