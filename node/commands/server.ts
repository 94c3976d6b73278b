/**
 * Commands about the node: INFO, CONFIG, TIME, SLOWLOG, SHUTDOWN. COMMAND is in command-table.ts, DEBUG in debug.ts, what
 * clients ask for out of habit in habits.ts.
 * Source: redis.io/docs/latest/commands, group server.
 */

import type { Argv } from "../base/argv.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type { SessionCommand } from "./command.ts";
import { replyHelp } from "./help-reply.ts";
import { define, type Execute, refuse } from "./server-command.ts";
import type { Session } from "./session.ts";

function texts(argv: Argv, from: number): string[] {
  return Array.from({ length: Math.max(0, argv.count - from) }, (_, i) => argv.text(from + i));
}

function info(session: Session, argv: Argv): ReturnType<Execute> {
  const sections = texts(argv, 1).map((name) => name.toLowerCase());
  return session.node.info(sections).then((text) => (reply: ReplyWriter) => reply.verbatim("txt", text));
}

function configGet(session: Session, argv: Argv, reply: ReplyWriter): void {
  const found = session.config.get(texts(argv, 2));
  reply.map(found.size);
  for (const [name, value] of found) {
    reply.bulkText(name);
    reply.bulkText(value);
  }
}

function configSet(session: Session, argv: Argv, reply: ReplyWriter): void {
  if (argv.count % 2 !== 0) {
    reply.error("ERR wrong number of arguments for 'config|set' command");
    return;
  }
  const changes: [string, string][] = [];
  for (let i = 2; i < argv.count; i += 2) {
    changes.push([argv.text(i), argv.buf.toString("utf8", argv.start(i + 1), argv.end(i + 1))]);
  }
  const error = session.config.set(changes);
  if (error === undefined) reply.ok();
  else reply.error(error);
}

function time(session: Session, _argv: Argv, reply: ReplyWriter): void {
  const { ms, micros } = session.node.now();
  reply.array(2);
  reply.bulkText(String(Math.floor(ms / 1000)));
  reply.bulkText(String(1000 * (ms % 1000) + micros));
}

const DEFAULT_SLOW_ENTRIES = 10;

function slowLogGet(session: Session, argv: Argv, reply: ReplyWriter): void {
  const asked = argv.count > 2 ? argv.text(2) : String(DEFAULT_SLOW_ENTRIES);
  if (!/^-?\d{1,9}$/.test(asked)) {
    reply.error(ERRORS.notInteger);
    return;
  }
  if (Number(asked) < -1) {
    reply.error("ERR count should be greater than or equal to -1");
    return;
  }
  const entries = session.slowLog.list(asked === "-1" ? Number.MAX_SAFE_INTEGER : Number(asked));
  reply.array(entries.length);
  for (const entry of entries) {
    reply.array(6);
    reply.integer(entry.id);
    reply.integer(entry.timeSeconds);
    reply.integer(entry.durationMicros);
    reply.array(entry.args.length);
    for (const arg of entry.args) reply.bulk(arg);
    reply.bulkText(entry.address);
    reply.bulkText(entry.clientName);
  }
}

const NO_REWRITE = "ERR The server is running without a config file: settings belong into the cluster's manifest";

const configCommands: readonly SessionCommand<Session>[] = [
  define({
    name: "config|get",
    arity: -3,
    flags: ["loading", "stale"],
    since: "2.0.0",
    summary: "Answers parameters by pattern.",
    execute: configGet,
  }),
  define({
    name: "config|set",
    arity: -4,
    flags: ["admin", "loading", "stale"],
    since: "2.0.0",
    summary: "Sets parameters of this node until it stops.",
    execute: configSet,
  }),
  define({
    name: "config|resetstat",
    arity: 2,
    flags: ["admin", "loading", "stale"],
    since: "2.0.0",
    summary: "Sets all counters back.",
    execute: (session, _argv, reply) => {
      session.node.resetStatistics();
      reply.ok();
    },
  }),
  define({
    name: "config|rewrite",
    arity: 2,
    flags: ["admin", "loading", "stale"],
    since: "2.8.0",
    summary: "Refused: settings belong into the manifest.",
    execute: refuse(NO_REWRITE),
  }),
  define({
    name: "config|help",
    arity: 2,
    since: "5.0.0",
    summary: "Lists the subcommands.",
    execute: (_session, _argv, reply) =>
      replyHelp(reply, "CONFIG", [
        ["GET <pattern>", "Parameters that match the glob-like pattern."],
        ["SET <directive> <value>", "Sets a parameter of this node until it stops."],
        ["RESETSTAT", "Sets all counters back."],
      ]),
  }),
];

const slowLogCommands: readonly SessionCommand<Session>[] = [
  define({
    name: "slowlog|get",
    arity: -2,
    since: "2.2.12",
    summary: "Answers the slowest commands of the table lately.",
    execute: slowLogGet,
  }),
  define({
    name: "slowlog|len",
    arity: 2,
    since: "2.2.12",
    summary: "Counts the entries.",
    execute: (session, _argv, reply) => reply.integer(session.slowLog.length),
  }),
  define({
    name: "slowlog|reset",
    arity: 2,
    since: "2.2.12",
    summary: "Forgets the entries.",
    execute: (session, _argv, reply) => {
      session.slowLog.reset();
      reply.ok();
    },
  }),
  define({
    name: "slowlog|help",
    arity: 2,
    since: "6.2.0",
    summary: "Lists the subcommands.",
    execute: (_session, _argv, reply) =>
      replyHelp(reply, "SLOWLOG", [
        ["GET [<count>]", "The newest entries (10, -1 for all)."],
        ["LEN", "The number of entries."],
        ["RESET", "Forgets all entries."],
      ]),
  }),
];

export const serverCommands: readonly SessionCommand<Session>[] = [
  define({ name: "info", arity: -1, summary: "Describes the node; the keyspace is the table's.", execute: info }),
  define({
    name: "time",
    arity: 1,
    flags: ["fast", "loading", "stale"],
    since: "2.6.0",
    summary: "Answers seconds and microseconds.",
    execute: time,
  }),
  define({
    name: "shutdown",
    arity: -1,
    flags: ["admin", "nomulti", "loading", "stale"],
    summary: "Stops this node in order.",
    execute: (session) => {
      session.node.shutdown();
      session.closeAfterReply();
      session.setReplyMode("off");
    },
  }),
  ...configCommands,
  ...slowLogCommands,
];
