/**
 * All data commands, and how a command is found by the bytes of its name.
 * The table is open-addressed over a hash of the case-folded name, so that finding makes no string. A container
 * (`object|encoding` makes OBJECT one) is found by its first two arguments.
 */

import type { Argv } from "../base/argv.ts";
import { assert } from "../base/assert.ts";
import { unknownCommandText, unknownSubcommandText, wrongArityText } from "../resp/error-texts.ts";
import type { Command, DataCommand } from "./command.ts";
import { hashCommands } from "./hashes.ts";
import { keyCommands } from "./keys.ts";
import { listCommands } from "./lists.ts";
import { memoryUsageCommand } from "./memory.ts";
import { setCommands } from "./sets.ts";
import { sortedSetCommands } from "./sorted-sets.ts";
import { stringCommands } from "./strings.ts";

/** Every family of commands over data: a family adds its line here. */
export const dataCommands: readonly DataCommand[] = [
  ...stringCommands,
  ...keyCommands,
  ...listCommands,
  ...hashCommands,
  ...setCommands,
  ...sortedSetCommands,
  memoryUsageCommand,
];

const PIPE = 124;
/** Slots of the table for each name: short probes at a few kilobytes. */
const SPREAD = 4;

interface Entry<Session> {
  /** Lower case, `container|sub` for a subcommand. */
  readonly name: Uint8Array;
  readonly command: Command<Session> | undefined;
  readonly isContainer: boolean;
  readonly isSubcommand: boolean;
}

export class CommandRegistry<Session = unknown> {
  /** In the order of their names. */
  readonly all: readonly Command<Session>[];
  readonly #table: (Entry<Session> | undefined)[];
  readonly #mask: number;

  constructor(commands: readonly Command<Session>[]) {
    this.all = commands.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const containers = new Set<string>();
    for (const { name } of commands) if (name.includes("|")) containers.add(name.slice(0, name.indexOf("|")));
    let size = 16;
    while (size < SPREAD * (commands.length + containers.size)) size *= 2;
    this.#table = new Array(size).fill(undefined);
    this.#mask = size - 1;
    for (const command of commands) {
      const { name } = command;
      this.#add({
        name: Buffer.from(name),
        command,
        isContainer: containers.delete(name),
        isSubcommand: name.includes("|"),
      });
    }
    for (const name of containers) {
      this.#add({ name: Buffer.from(name), command: undefined, isContainer: true, isSubcommand: false });
    }
  }

  /**
   * The command of `argv`, its number of arguments checked, or the error text to reply.
   * A container is resolved to its subcommand; one that is a command by itself too may be called without.
   */
  resolve(argv: Argv): Command<Session> | string {
    const entry = this.#find(argv, false);
    if (entry === undefined) return explainUnknown(argv);
    let command = entry.command;
    if (entry.isContainer && argv.count > 1) {
      command = this.#find(argv, true)?.command;
      if (command === undefined) return unknownSubcommandText(argv.text(1), decode(entry.name).toUpperCase());
    }
    if (command === undefined) return wrongArityText(decode(entry.name));
    const { arity } = command;
    if (arity >= 0 ? argv.count !== arity : argv.count < -arity) return wrongArityText(command.name);
    return command;
  }

  /** The command of a full lower-case name (`get`, `object|encoding`), for COMMAND INFO. */
  named(name: string): Command<Session> | undefined {
    return this.all.find((command) => command.name === name);
  }

  #add(entry: Entry<Session>): void {
    let hash = 0;
    for (const byte of entry.name) hash = mix(hash, byte);
    let at = spread(hash) & this.#mask;
    for (; this.#table[at] !== undefined; at = (at + 1) & this.#mask) {
      const other = this.#table[at] as Entry<Session>;
      assert(Buffer.compare(other.name, entry.name) !== 0, "no two commands have the same name");
    }
    this.#table[at] = entry;
  }

  #find(argv: Argv, withSubcommand: boolean): Entry<Session> | undefined {
    const { buf } = argv;
    const start = argv.start(0);
    const end = argv.end(0);
    const subStart = withSubcommand ? argv.start(1) : 0;
    const subEnd = withSubcommand ? argv.end(1) : 0;
    let hash = 0;
    for (let i = start; i < end; i++) hash = mix(hash, foldCase(buf[i] as number));
    if (withSubcommand) hash = mix(hash, PIPE);
    for (let i = subStart; i < subEnd; i++) hash = mix(hash, foldCase(buf[i] as number));
    for (let at = spread(hash) & this.#mask; ; at = (at + 1) & this.#mask) {
      const entry = this.#table[at];
      if (entry === undefined) return undefined;
      const { name } = entry;
      const nameEnd = end - start;
      if (!withSubcommand) {
        if (name.length === nameEnd && !entry.isSubcommand && isFolded(name, 0, buf, start, end)) return entry;
      } else if (
        name.length === nameEnd + 1 + subEnd - subStart &&
        name[nameEnd] === PIPE &&
        isFolded(name, 0, buf, start, end) &&
        isFolded(name, nameEnd + 1, buf, subStart, subEnd)
      ) {
        return entry;
      }
    }
  }
}

function mix(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193) + 1;
}

function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}

function foldCase(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}

/** Whether `buf[start, end)`, case folded, is what `name` holds from `at` on. */
function isFolded(name: Uint8Array, at: number, buf: Uint8Array, start: number, end: number): boolean {
  for (let i = start, j = at; i < end; i++, j++) if (foldCase(buf[i] as number) !== name[j]) return false;
  return true;
}

function explainUnknown(argv: Argv): string {
  const shown: string[] = [];
  for (let i = 1; i < argv.count && shown.length < 128; i++) shown.push(argv.text(i));
  return unknownCommandText(argv.text(0), shown);
}

function decode(name: Uint8Array): string {
  return Buffer.from(name).toString("latin1");
}
