/** Decodes RESP2 and RESP3 replies into plain values, for tests. Texts are latin1: one character a byte. */

import { assert } from "../../node/base/assert.ts";

/** An error reply. Compared by `toEqual({ error: "…" })`. */
export interface ErrorReply {
  readonly error: string;
}

/** Integers beyond 2^53 are bigints, RESP3 doubles numbers, maps Maps and sets Sets. */
export type Decoded =
  | string
  | number
  | bigint
  | boolean
  | null
  | ErrorReply
  | Decoded[]
  | Map<Decoded, Decoded>
  | Set<Decoded>;

/** All replies that lie in `bytes`, which must end with a whole one. */
export function decodeReplies(bytes: Buffer): Decoded[] {
  const reader = new ReplyReader(bytes);
  const replies: Decoded[] = [];
  while (!reader.isAtEnd()) replies.push(reader.next());
  return replies;
}

class ReplyReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  next(): Decoded {
    const line = this.#line();
    const rest = line.slice(1);
    switch (line[0]) {
      case "+":
        return rest;
      case "-":
        return { error: rest };
      case ":": {
        assert(/^-?\d+$/.test(rest), "an integer reply is digits");
        return Number.isSafeInteger(Number(rest)) ? Number(rest) : BigInt(rest);
      }
      case "$":
        return rest === "-1" ? null : this.#blob(Number(rest));
      case "=":
        return this.#blob(Number(rest)).slice(4);
      case "_":
        return null;
      case "#":
        return rest === "t";
      case ",":
        return Number(rest.replace("inf", "Infinity"));
      case "*":
      case ">":
        return rest === "-1" ? null : this.#list(Number(rest));
      case "~":
        return new Set(this.#list(Number(rest)));
      case "%":
        return this.#map(Number(rest));
      default:
        throw new Error(`not a reply: ${line}`);
    }
  }

  #list(count: number): Decoded[] {
    return Array.from({ length: count }, () => this.next());
  }

  #map(count: number): Map<Decoded, Decoded> {
    const map = new Map<Decoded, Decoded>();
    for (let i = 0; i < count; i++) {
      const key = this.next();
      map.set(key, this.next());
    }
    return map;
  }

  #line(): string {
    const end = this.#bytes.indexOf("\r\n", this.#at);
    assert(end >= 0, "a reply's line ends with CRLF");
    const line = this.#bytes.toString("latin1", this.#at, end);
    this.#at = end + 2;
    return line;
  }

  #blob(sizeBytes: number): string {
    const text = this.#bytes.toString("latin1", this.#at, this.#at + sizeBytes);
    this.#at += sizeBytes;
    assert(this.#bytes.toString("latin1", this.#at, this.#at + 2) === "\r\n", "a blob ends with CRLF");
    this.#at += 2;
    return text;
  }
}
