/**
 * CommandRunner: runs data commands over a MapTransaction and gives their replies as plain values.
 *   const runner = new CommandRunner(stringCommands);
 *   runner.call("SET", "a", "b")  →  "OK"
 * Each call runs twice: on a transaction where nothing misses, and on one where everything misses at first; replies
 * and changes must be the same, which shows that the command is restartable. It also holds commands to their flags.
 */

import { isDeepStrictEqual } from "node:util";
import { Argv } from "../../node/base/argv.ts";
import { assert, present } from "../../node/base/assert.ts";
import { BLOCK, type DataCommand } from "../../node/commands/command.ts";
import { type Protocol, ReplyWriter } from "../../node/resp/reply.ts";
import { MapTransaction } from "./map-transaction.ts";
import { type Decoded, decodeReplies } from "./reply-decoder.ts";

export interface CommandRunnerOptions {
  /** Runs each call on a transaction that misses everything too, and compares. On unless set to false. */
  readonly compareMisses?: boolean;
  /** Called after each call with the warm transaction: for invariants of the stored form. */
  readonly check?: (tx: MapTransaction) => void;
}

/** What a call answers: a reply, or BLOCK where a blocking command found nothing. */
export type CallReply = Decoded | typeof BLOCK;

interface Run {
  readonly outcome: typeof BLOCK | void;
  readonly bytes: Buffer;
}

export class CommandRunner {
  /** The clock of the calls to come: milliseconds since 1970. */
  nowMs = 1_700_000_000_000;
  /** The seed of the next call; each call takes the next one. */
  seed = 1;
  protocol: Protocol = 2;
  /** The state, for looking into it. */
  readonly tx = new MapTransaction();
  readonly #missing: MapTransaction | undefined;
  readonly #commands = new Map<string, DataCommand>();
  readonly #reply = new ReplyWriter();
  readonly #check: ((tx: MapTransaction) => void) | undefined;

  constructor(commands: readonly DataCommand[], options: CommandRunnerOptions = {}) {
    for (const command of commands) {
      assert(!this.#commands.has(command.name), `command ${command.name} is there once`);
      this.#commands.set(command.name, command);
    }
    if (options.compareMisses ?? true) this.#missing = new MapTransaction({ missEverything: true });
    this.#check = options.check;
  }

  /** Runs a command; strings are latin1 (one byte a character), as in replies. Wrong arity answers Redis's error. */
  call(name: string, ...args: readonly (string | number | Buffer)[]): CallReply {
    const { outcome, bytes } = this.#callBoth(name, args);
    if (outcome === BLOCK) return BLOCK;
    const replies = decodeReplies(bytes);
    assert(replies.length === 1, `${name} gives one reply`);
    return replies[0] as Decoded;
  }

  /** The same, with the reply as its bytes in latin1: for exact forms. What would block replies as at its time-out. */
  callRaw(name: string, ...args: readonly (string | number | Buffer)[]): string {
    const { outcome, bytes } = this.#callBoth(name, args);
    if (outcome !== BLOCK) return bytes.toString("latin1");
    this.#reply.rewind(0);
    present(this.command(name).replyTimeout, `the time-out's reply of ${name}`)(this.#reply);
    return this.#reply.buf.toString("latin1", 0, this.#reply.length);
  }

  /** The command's record, for its `timeoutMs`, `replyTimeout` and `keys`. */
  command(name: string): DataCommand {
    return present(this.#commands.get(name.toLowerCase()), `command ${name}`);
  }

  #callBoth(name: string, args: readonly (string | number | Buffer)[]): Run {
    const command = this.command(name);
    const parts = [name, ...args].map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(String(part), "latin1")));
    const isArityRight = command.arity > 0 ? parts.length === command.arity : parts.length >= -command.arity;
    if (!isArityRight) {
      const text = `-ERR wrong number of arguments for '${command.name}' command\r\n`;
      return { outcome: undefined, bytes: Buffer.from(text) };
    }
    // The arguments lie somewhere within a larger buffer, as they do in a socket's.
    const argv = Argv.of("\r\n$3\r\n", ...parts, "\r\n");
    argv.offsets.copyWithin(0, 2);
    argv.count = parts.length;
    const warm = this.#runOn(this.tx, command, argv);
    if (this.#missing) {
      const cold = this.#runOn(this.#missing, command, argv);
      assert(warm.outcome === cold.outcome, `${command.name} blocks or not whether or not reads miss`);
      assert(warm.bytes.equals(cold.bytes), `${command.name} replies the same when reads miss: ${cold.bytes}`);
      const isSame = isDeepStrictEqual(this.tx.lastChanges, this.#missing.lastChanges);
      assert(isSame, `${command.name} changes the same when reads miss`);
    }
    this.seed++;
    this.#check?.(this.tx);
    return warm;
  }

  #runOn(tx: MapTransaction, command: DataCommand, argv: Argv): Run {
    const reply = this.#reply;
    tx.nowMs = this.nowMs;
    tx.seed = this.seed;
    reply.protocol = this.protocol;
    const before = Buffer.from(argv.buf);
    const outcome = tx.runToEnd(() => {
      reply.rewind(0);
      const result = command.execute({ argv, reply, tx });
      if (!command.flags.includes("random")) assert(tx.random.drawCount === 0, `${command.name} draws: flag random`);
      if (!command.flags.includes("write")) assert(!tx.hasChanges(), `${command.name} changes data: flag write`);
      if (result === BLOCK) {
        assert(command.flags.includes("blocking"), `${command.name} blocks: flag blocking`);
        assert(!tx.hasChanges() && reply.length === 0, `${command.name} that blocks has done nothing`);
      }
      return result;
    });
    assert(before.equals(argv.buf), `${command.name} leaves its arguments alone`);
    return { outcome, bytes: Buffer.from(reply.buf.subarray(0, reply.length)) };
  }
}
