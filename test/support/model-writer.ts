/**
 * A connection that writes keys of its own, pipelined, and knows what each key may hold: after n commands on a key its
 * contents follow from n alone. So after a crash the contents say how many commands took effect, which must be at
 * least those acknowledged and at most those sent.
 */

import { createRequire } from "node:module";
import { connect, type Socket } from "node:net";
import { Prng } from "../../node/base/prng.ts";

const PIPELINE = 16;
const KEYS_OF_EACH_KIND = 4;

/** The package redis-parser, which has no types of its own. */
const RedisParser = createRequire(import.meta.url)("redis-parser") as new (handlers: {
  readonly returnReply: (reply: Reply) => void;
  readonly returnError: (error: Error) => void;
}) => { execute(chunk: Buffer): void };

type Reply = string | number | null | Error | Reply[];

/** One key (or pair of keys in one slot) and its only sort of command. */
interface Kind {
  readonly name: string;
  /** The commands of the n-th write, from 1, and how many replies they give. */
  readonly write: (key: string, n: number) => readonly (readonly (string | number)[])[];
  readonly read: (key: string) => readonly (readonly (string | number)[])[];
  /** What `read` answers after n writes. */
  readonly expect: (n: number) => readonly Reply[];
  /** n, from what `read` answered. */
  readonly count: (replies: readonly Reply[]) => number;
}

const KINDS: readonly Kind[] = [
  {
    name: "counter",
    write: (key) => [["INCR", key]],
    read: (key) => [["GET", key]],
    expect: (n) => [n === 0 ? null : String(n)],
    count: ([reply]) => Number(reply ?? 0),
  },
  {
    name: "string",
    write: (key, n) => [["SET", key, `${n}:${"v".repeat(n % 300)}`]],
    read: (key) => [["GET", key]],
    expect: (n) => [n === 0 ? null : `${n}:${"v".repeat(n % 300)}`],
    count: ([reply]) => Number(String(reply ?? "0").split(":")[0]),
  },
  {
    name: "list",
    write: (key, n) => (n % 10 === 0 ? [["DEL", key]] : [["RPUSH", key, n]]),
    read: (key) => [["LRANGE", key, 0, -1]],
    expect: (n) => [Array.from({ length: n % 10 }, (_, i) => String(n - (n % 10) + i + 1))],
    count: ([reply]) => Number((reply as Reply[]).at(-1) ?? -1),
  },
  {
    name: "hash",
    write: (key, n) => [["HSET", key, `f${n % 50}`, n]],
    read: (key) => [["HVALS", key]],
    expect: (n) => [Array.from({ length: Math.min(n, 50) }, (_, i) => n - i).map(String)],
    count: ([reply]) => Math.max(0, ...(reply as string[]).map(Number)),
  },
  {
    name: "pair",
    write: (key) => [["MULTI"], ["INCR", `a{${key}}`], ["INCRBY", `b{${key}}`, 2], ["EXEC"]],
    read: (key) => [
      ["GET", `a{${key}}`],
      ["GET", `b{${key}}`],
    ],
    expect: (n) => (n === 0 ? [null, null] : [String(n), String(2 * n)]),
    count: ([reply]) => Number(reply ?? 0),
  },
];

interface KeyState {
  readonly kind: Kind;
  readonly key: string;
  acknowledged: number;
  sent: number;
}

/** What could not be. */
class ModelViolation extends Error {}

export class ModelWriter {
  readonly #keys: KeyState[];
  readonly #random: Prng;
  #socket: Socket | undefined;
  /** Of each reply to come, whose acknowledgement it is; undefined: of nothing. */
  #awaited: (KeyState | undefined)[] = [];
  #isWriting = false;
  acknowledgedCount = 0;
  #errors: string[] = [];

  constructor(name: string, seed: number) {
    this.#random = new Prng(seed);
    this.#keys = KINDS.flatMap((kind) =>
      Array.from({ length: KEYS_OF_EACH_KIND }, (_, i) => ({
        kind,
        key: `${name}:${kind.name}:${i}`,
        acknowledged: 0,
        sent: 0,
      })),
    );
  }

  /** Connects and writes without end, until the connection breaks. */
  async write(port: number): Promise<void> {
    const socket = await open(port);
    this.#socket = socket;
    this.#isWriting = true;
    this.#awaited = [];
    const parser = new RedisParser({
      returnReply: (reply: Reply) => this.#acknowledge(reply),
      returnError: (error: Error) => this.#acknowledge(error),
    });
    socket.on("data", (chunk: Buffer) => parser.execute(chunk));
    socket.on("error", () => undefined);
    this.#send();
  }

  /** The connection is over: what was sent and not answered may or may not have happened. */
  end(): void {
    this.#isWriting = false;
    this.#socket?.destroy();
  }

  /** Reads all keys and compares; goes on from what it found. @throws ModelViolation. */
  async check(port: number): Promise<void> {
    if (this.#errors.length > 0) throw new ModelViolation(`error replies: ${this.#errors.slice(0, 3).join("; ")}`);
    const replies = await ask(
      port,
      this.#keys.flatMap(({ kind, key }) => kind.read(key)),
    );
    let at = 0;
    for (const state of this.#keys) {
      const { kind, key, acknowledged, sent } = state;
      const size = kind.read(key).length;
      const found = replies.slice(at, at + size);
      at += size;
      state.acknowledged = this.#countOf(state, found);
      state.sent = state.acknowledged;
      if (state.acknowledged < acknowledged || state.acknowledged > sent) {
        throw new ModelViolation(
          `${key}: ${acknowledged} writes were acknowledged, ${sent} sent, ${state.acknowledged} are there`,
        );
      }
    }
  }

  #countOf({ kind, key, acknowledged }: KeyState, found: readonly Reply[]): number {
    let count = kind.count(found);
    // An empty list is what it is after every tenth write.
    if (count < 0) count = Math.ceil(acknowledged / 10) * 10;
    const sorted = (replies: readonly Reply[]) =>
      JSON.stringify(replies.map((one) => (Array.isArray(one) ? one.toSorted() : one)));
    if (sorted(found) !== sorted(kind.expect(count))) {
      throw new ModelViolation(`${key} holds ${JSON.stringify(found)}, which no number of writes makes`);
    }
    return count;
  }

  #send(): void {
    const commands: (readonly (string | number)[])[] = [];
    for (let i = 0; i < PIPELINE; i++) {
      const state = this.#keys[this.#random.nextBelow(this.#keys.length)] as KeyState;
      const group = state.kind.write(state.key, ++state.sent);
      commands.push(...group);
      for (let k = 1; k < group.length; k++) this.#awaited.push(undefined);
      this.#awaited.push(state);
    }
    this.#socket?.write(encode(commands));
  }

  #acknowledge(reply: Reply): void {
    const state = this.#awaited.shift();
    if (reply instanceof Error || reply === null) this.#errors.push(String(reply));
    if (state) {
      state.acknowledged++;
      this.acknowledgedCount++;
    }
    if (this.#isWriting && this.#awaited.length === 0) this.#send();
  }
}

function encode(commands: readonly (readonly (string | number)[])[]): string {
  let out = "";
  for (const parts of commands) {
    out += `*${parts.length}\r\n`;
    for (const part of parts) out += `$${Buffer.byteLength(String(part))}\r\n${part}\r\n`;
  }
  return out;
}

function open(port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(port, "127.0.0.1", () => resolve(socket));
  socket.on("error", reject);
  return promise;
}

/** Sends commands on a connection of their own; answers their replies. */
async function ask(port: number, commands: readonly (readonly (string | number)[])[]): Promise<Reply[]> {
  const socket = await open(port);
  const { promise, resolve, reject } = Promise.withResolvers<Reply[]>();
  const replies: Reply[] = [];
  const take = (reply: Reply) => {
    replies.push(reply);
    if (replies.length === commands.length) resolve(replies);
  };
  const parser = new RedisParser({ returnReply: take, returnError: take });
  socket.on("data", (chunk: Buffer) => parser.execute(chunk));
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the node closed the connection")));
  socket.write(encode(commands));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
