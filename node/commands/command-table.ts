/**
 * COMMAND and its subcommands: the command table as clients read it.
 * Flags, key positions and ACL categories are derived from the declarative records. Source:
 * redis.io/docs/latest/commands/command.
 */

import { Argv } from "../base/argv.ts";
import { type ByteRange, matchesGlob } from "../datatypes/glob.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type { Command, KeySpec, SessionCommand } from "./command.ts";
import { replyHelp } from "./help-reply.ts";
import type { Session } from "./session.ts";

const COMMON = { scope: "session", group: "server", keys: { kind: "none" }, flags: ["loading", "stale"] } as const;
/** Our flags that clients know by another name; those without an entry have the same, undefined is not shown. */
const SHOWN_FLAGS: Readonly<Record<string, string | undefined>> = {
  noauth: "no_auth",
  nomulti: "no_multi",
  random: undefined,
  allowBusy: "allow_busy",
};

/** Whether a command is one of its own, and not a subcommand. */
function isTop(command: Command<Session>): boolean {
  return !command.name.includes("|");
}

/** The names that COMMAND shows: containers in place of their subcommands. */
function topNames(session: Session): string[] {
  return [...new Set(session.commands.list().map(({ name }) => name.split("|")[0] as string))].sort();
}

function subcommandsOf(session: Session, name: string): readonly Command<Session>[] {
  return session.commands.list().filter((command) => command.name.startsWith(`${name}|`));
}

function flagsOf(command: Command<Session>): string[] {
  const flags: string[] = [];
  for (const flag of command.flags) {
    const shown = Object.hasOwn(SHOWN_FLAGS, flag) ? SHOWN_FLAGS[flag] : flag;
    if (shown !== undefined) flags.push(shown);
  }
  if (command.keys.kind === "find" && !flags.includes("movablekeys")) flags.push("movablekeys");
  return flags;
}

function categoriesOf(command: Command<Session>): string[] {
  const categories: string[] = [];
  const has = (flag: string) => command.flags.some((own) => own === flag);
  if (has("write")) categories.push("@write");
  if (has("readonly")) categories.push("@read");
  if (command.group === "generic") categories.push("@keyspace");
  else if (command.group === "sorted-set") categories.push("@sortedset");
  else if (command.group !== "server" && command.group !== "cluster")
    categories.push(`@${command.group.replace(/s$/, "")}`);
  if (has("admin")) categories.push("@admin", "@dangerous");
  if (has("blocking")) categories.push("@blocking");
  categories.push(has("fast") ? "@fast" : "@slow");
  return categories;
}

function range(keys: KeySpec): readonly [number, number, number] {
  if (keys.kind === "range") return [keys.first, keys.last, keys.step];
  return [0, 0, 0];
}

/** The ten fields of one command's COMMAND INFO; nil for an unknown name. */
function replyInfo(session: Session, reply: ReplyWriter, name: string): void {
  const command = session.commands.named(name);
  const subcommands = name.includes("|") ? [] : subcommandsOf(session, name);
  if (command === undefined && subcommands.length === 0) {
    reply.nilArray();
    return;
  }
  reply.array(10);
  reply.bulkText(name);
  reply.integer(command?.arity ?? -2);
  replySimples(reply, command === undefined ? [] : flagsOf(command));
  const [first, last, step] = command === undefined ? [0, 0, 0] : range(command.keys);
  reply.integer(first);
  reply.integer(last);
  reply.integer(step);
  replySimples(reply, command === undefined ? ["@slow"] : categoriesOf(command));
  reply.array(0);
  reply.array(0);
  reply.array(subcommands.length);
  for (const subcommand of subcommands) replyInfo(session, reply, subcommand.name);
}

function replySimples(reply: ReplyWriter, texts: readonly string[]): void {
  reply.set(texts.length);
  for (const text of texts) reply.simple(text);
}

function replyDocs(session: Session, reply: ReplyWriter, names: readonly string[]): void {
  const known = names.filter((name) => session.commands.named(name) ?? subcommandsOf(session, name).length > 0);
  reply.map(known.length);
  for (const name of known) {
    reply.bulkText(name);
    const command = session.commands.named(name) ?? subcommandsOf(session, name)[0];
    const subcommands = subcommandsOf(session, name);
    reply.map(subcommands.length > 0 ? 5 : 4);
    const fields = {
      summary: session.commands.named(name)?.summary ?? `A container for ${name.toUpperCase()} commands.`,
      since: command?.since ?? "",
      group: command?.group ?? "server",
      complexity: command?.complexity ?? "",
    };
    for (const [field, value] of Object.entries(fields)) {
      reply.bulkText(field);
      reply.bulkText(value);
    }
    if (subcommands.length === 0) continue;
    reply.bulkText("subcommands");
    replyDocs(
      session,
      reply,
      subcommands.map((subcommand) => subcommand.name),
    );
  }
}

function namesOf(argv: Argv): string[] {
  return Array.from({ length: argv.count - 2 }, (_, i) => argv.text(i + 2).toLowerCase());
}

function replyAll(session: Session, reply: ReplyWriter, names: readonly string[]): void {
  reply.array(names.length);
  for (const name of names) replyInfo(session, reply, name);
}

function rangeOf(text: string): ByteRange {
  const buf = Buffer.from(text);
  return { buf, start: 0, end: buf.length };
}

/** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN glob]. */
function list(session: Session, argv: Argv, reply: ReplyWriter): void {
  let names = [...new Set([...topNames(session), ...session.commands.list().map(({ name }) => name)])].sort();
  if (argv.count !== 2) {
    const by = argv.count === 5 && argv.text(2).toLowerCase() === "filterby" ? argv.text(3).toLowerCase() : "";
    const value = argv.count === 5 ? argv.text(4).toLowerCase() : "";
    if (by === "module") names = [];
    else if (by === "aclcat") {
      names = names.filter((name) => {
        const command = session.commands.named(name);
        return command !== undefined && categoriesOf(command).includes(`@${value}`);
      });
    } else if (by === "pattern") {
      const pattern = rangeOf(value);
      names = names.filter((name) => matchesGlob(pattern, rangeOf(name)));
    } else {
      reply.error(ERRORS.syntax);
      return;
    }
  }
  reply.array(names.length);
  for (const name of names) reply.bulkText(name);
}

/** The positions of the keys of a whole command line; undefined where it is not a valid one. */
function keysOf(session: Session, argv: Argv): readonly number[] | string {
  const name = argv.text(0).toLowerCase();
  const container = argv.count > 1 ? `${name}|${argv.text(1).toLowerCase()}` : "";
  const command = session.commands.named(container) ?? session.commands.named(name);
  if (command === undefined) return "ERR Invalid command specified";
  const { arity, keys } = command;
  if (arity >= 0 ? argv.count !== arity : argv.count < -arity) {
    return "ERR Invalid number of arguments specified for command";
  }
  if (keys.kind === "none") return "ERR The command has no key arguments";
  if (keys.kind === "find") return keys.find(argv) ?? "ERR Invalid arguments specified for command";
  const last = keys.last < 0 ? argv.count + keys.last : keys.last;
  const positions: number[] = [];
  for (let at = keys.first; at <= last; at += keys.step) positions.push(at);
  return positions;
}

function getKeys(session: Session, argv: Argv, reply: ReplyWriter): void {
  const line = Argv.of(...Array.from({ length: argv.count - 2 }, (_, i) => argv.view(i + 2)));
  const positions = keysOf(session, line);
  if (typeof positions === "string") {
    reply.error(positions);
    return;
  }
  reply.array(positions.length);
  for (const position of positions) reply.bulk(line.view(position));
}

const complexity = "O(N) for N commands";

export const commandTableCommands: readonly SessionCommand<Session>[] = [
  {
    ...COMMON,
    name: "command",
    arity: -1,
    since: "2.8.13",
    summary: "Describes all commands.",
    complexity,
    execute: (session, _argv, reply) => replyAll(session, reply, topNames(session)),
  },
  {
    ...COMMON,
    name: "command|count",
    arity: 2,
    since: "2.8.13",
    summary: "Counts the commands.",
    complexity,
    execute: (session, _argv, reply) => reply.integer(topNames(session).length),
  },
  {
    ...COMMON,
    name: "command|info",
    arity: -2,
    since: "2.8.13",
    summary: "Describes commands by name.",
    complexity,
    execute: (session, argv, reply) => replyAll(session, reply, argv.count > 2 ? namesOf(argv) : topNames(session)),
  },
  {
    ...COMMON,
    name: "command|docs",
    arity: -2,
    since: "7.0.0",
    summary: "Documents commands.",
    complexity,
    execute: (session, argv, reply) => replyDocs(session, reply, argv.count > 2 ? namesOf(argv) : topNames(session)),
  },
  {
    ...COMMON,
    name: "command|list",
    arity: -2,
    since: "7.0.0",
    summary: "Lists names of commands.",
    complexity,
    execute: list,
  },
  {
    ...COMMON,
    name: "command|getkeys",
    arity: -3,
    since: "2.8.13",
    summary: "Finds the keys in a whole command line.",
    complexity,
    execute: getKeys,
  },
  {
    ...COMMON,
    name: "command|help",
    arity: 2,
    since: "5.0.0",
    summary: "Lists the subcommands.",
    complexity,
    execute: (_session, _argv, reply) =>
      replyHelp(
        reply,
        "COMMAND",
        commandTableCommands
          .filter((command) => !isTop(command) && command.name !== "command|help")
          .map(({ name, summary }) => [name.slice("command|".length).toUpperCase(), summary] as const),
      ),
  },
];
