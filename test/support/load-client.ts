/** A client that sends many commands in pipelines and only counts their replies, which must be of one line each. */

import { connect, type Socket } from "node:net";

const LF = 10;
const PIPELINED = 200;

export class LoadClient {
  readonly #socket: Socket;
  #onData: (chunk: Buffer) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", () => {});
  }

  static async connect(port: number): Promise<LoadClient> {
    const socket = connect({ host: "127.0.0.1", port });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new LoadClient(socket);
  }

  end(): void {
    this.#socket.destroy();
  }

  /** Sends `count` commands whose replies are one line each. */
  async run(
    count: number,
    make: (index: number) => readonly (string | number)[],
    pipelined = PIPELINED,
  ): Promise<void> {
    for (let from = 0; from < count; from += pipelined) {
      const to = Math.min(count, from + pipelined);
      const texts: string[] = [];
      for (let i = from; i < to; i++) texts.push(encode(make(i)));
      let left = to - from;
      await this.#exchange(texts.join(""), (chunk) => {
        for (const byte of chunk) if (byte === LF) left--;
        return left <= 0;
      });
    }
  }

  /** A number of INFO. */
  async infoNumber(name: string): Promise<number> {
    const text = await this.#bulk(["INFO"]);
    return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text.toString())?.[1]);
  }

  /** Size of a bulk string that a command answers. */
  async bulkBytes(command: readonly string[]): Promise<number> {
    return (await this.#bulk(command)).length;
  }

  /** Elements that KEYS * answers. */
  async keyCount(): Promise<number> {
    let lines = 0;
    let head = "";
    let wanted = Number.POSITIVE_INFINITY;
    await this.#exchange(encode(["KEYS", "*"]), (chunk) => {
      if (wanted === Number.POSITIVE_INFINITY) {
        head += chunk.toString("latin1");
        const count = /^\*(\d+)\r\n/.exec(head)?.[1];
        if (count === undefined) return false;
        wanted = 1 + 2 * Number(count);
      }
      for (const byte of chunk) if (byte === LF) lines++;
      return lines >= wanted;
    });
    return (wanted - 1) / 2;
  }

  async #bulk(command: readonly string[]): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    let wanted = Number.POSITIVE_INFINITY;
    let headBytes = 0;
    await this.#exchange(encode(command), (chunk) => {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (wanted === Number.POSITIVE_INFINITY) {
        const head = /^\$(\d+)\r\n/.exec(Buffer.concat(chunks).toString("latin1", 0, 30));
        if (head === null) return false;
        headBytes = head[0].length;
        wanted = headBytes + Number(head[1]) + 2;
      }
      return sizeBytes >= wanted;
    });
    return Buffer.concat(chunks).subarray(headBytes, wanted - 2);
  }

  #exchange(text: string, isDone: (chunk: Buffer) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onData = (chunk) => {
      if (isDone(chunk)) resolve();
    };
    this.#socket.write(text, "latin1");
    return promise;
  }
}

function encode(command: readonly (string | number)[]): string {
  return `*${command.length}\r\n${command.map((part) => `$${String(part).length}\r\n${part}\r\n`).join("")}`;
}
