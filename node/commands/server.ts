/**
 * Commands about the node: INFO, CONFIG, TIME, SLOWLOG, LATENCY, SHUTDOWN, and what clients ask for out of
 * habit. COMMAND is in command-table.ts, DEBUG in debug.ts. What Redis has and this node has not is refused with a reason.
 * Source: redis.io/docs/latest/commands, group server.
 */

import type { Argv } from "../base/argv.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type { CommandFlag, SessionCommand } from "./command.ts";
import { replyHelp } from "./help-reply.ts";
import type { Session } from "./session.ts";

type Execute = SessionCommand<Session>["execute"];

const COMMON = { scope: "session", group: "server", keys: { kind: "none" }, complexity: "O(1)" } as const;

interface Definition {
  readonly name: string;
  readonly arity: number;
  readonly flags?: readonly CommandFlag[];
  readonly since?: string;
  readonly summary: string;
  readonly execute: Execute;
}

function define(definition: Definition): SessionCommand<Session> {
  return { ...COMMON, flags: ["loading", "stale"], since: "1.0.0", ...definition };
}

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

function wait(session: Session, argv: Argv, reply: ReplyWriter): ReturnType<Execute> {
  if (!/^-?\d{1,9}$/.test(argv.text(1)) || !/^-?\d{1,15}$/.test(argv.text(2))) {
    reply.error(ERRORS.notInteger);
    return;
  }
  const timeoutMs = Number(argv.text(2));
  if (timeoutMs < 0) {
    reply.error(ERRORS.timeoutNegative);
    return;
  }
  return session.node
    .waitReplicas(Number(argv.text(1)), timeoutMs)
    .then((count) => (later: ReplyWriter) => later.integer(count));
}

function role(_session: Session, _argv: Argv, reply: ReplyWriter): void {
  reply.array(3);
  reply.bulkText("master");
  reply.integer(0);
  reply.array(0);
}

function refuse(text: string): Execute {
  return (_session, _argv, reply) => reply.error(text);
}

const ok: Execute = (_session, _argv, reply) => reply.ok();
const empty: Execute = (_session, _argv, reply) => reply.array(0);

const NO_REPLICAOF =
  "ERR REPLICAOF is not how replicas are made here: set the table's replicas (spec.replicas of its PikaTable)";
const NO_REWRITE = "ERR The server is running without a config file: settings belong into the cluster's manifest";
const NO_DATABASES = "ERR there are no numbered databases: tables are isolated from each other";

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

const latencyCommands: readonly SessionCommand<Session>[] = [
  define({
    name: "latency|latest",
    arity: 2,
    since: "2.8.13",
    summary: "Always empty: there is no latency monitor.",
    execute: empty,
  }),
  define({
    name: "latency|history",
    arity: 3,
    since: "2.8.13",
    summary: "Always empty: there is no latency monitor.",
    execute: empty,
  }),
  define({
    name: "latency|histogram",
    arity: -2,
    since: "7.0.0",
    summary: "Always empty: see /metrics.",
    execute: (_session, _argv, reply) => reply.map(0),
  }),
  define({
    name: "latency|reset",
    arity: -2,
    since: "2.8.13",
    summary: "Counts the events reset: always 0.",
    execute: (_session, _argv, reply) => reply.integer(0),
  }),
  define({
    name: "latency|doctor",
    arity: 2,
    since: "2.8.13",
    summary: "Says where to look.",
    execute: (_session, _argv, reply) =>
      reply.verbatim("txt", "There is no latency monitor: see /metrics of the node."),
  }),
];

const saveCommands: readonly SessionCommand<Session>[] = [
  define({
    name: "lastsave",
    arity: 1,
    flags: ["fast", "loading", "stale"],
    summary: "When the database last took durable changes, seconds since 1970.",
    execute: (session, _argv, reply) => reply.integer(session.node.lastSaveSeconds()),
  }),
  define({
    name: "save",
    arity: 1,
    flags: ["admin", "nomulti"],
    summary: "Answers OK: all that was acknowledged is in the binlog, there is no dump to write.",
    execute: ok,
  }),
  define({
    name: "bgsave",
    arity: -1,
    flags: ["admin"],
    summary: "Says that there is nothing to do: data are saved continuously.",
    execute: (_session, _argv, reply) =>
      reply.simple("Background saving is continuous: all acknowledged writes are in the binlog"),
  }),
  define({
    name: "bgrewriteaof",
    arity: 1,
    flags: ["admin"],
    summary: "Says that there is nothing to do.",
    execute: (_session, _argv, reply) =>
      reply.simple("There is no append only file: binlog segments are deleted by themselves"),
  }),
];

const habitCommands: readonly SessionCommand<Session>[] = [
  define({
    name: "function|flush",
    arity: -2,
    since: "7.0.0",
    summary: "Answers OK: there are no functions.",
    execute: ok,
  }),
  define({
    name: "script|flush",
    arity: -2,
    since: "2.6.0",
    summary: "Answers OK: there are no scripts.",
    execute: ok,
  }),
  define({
    name: "acl|whoami",
    arity: 2,
    since: "6.0.0",
    summary: "Answers the connection's user.",
    execute: (session, _argv, reply) => reply.bulkText(session.access.userName),
  }),
  define({
    name: "wait",
    arity: 3,
    since: "3.0.0",
    summary: "Waits until followers have the connection's writes.",
    execute: wait,
  }),
  define({
    name: "role",
    arity: 1,
    flags: ["fast", "loading", "stale"],
    since: "2.8.12",
    summary: "Answers master: every node answers for all slots.",
    execute: role,
  }),
  define({
    name: "replicaof",
    arity: 3,
    flags: ["admin", "stale"],
    since: "5.0.0",
    summary: "Refused: replicas are made by the manager.",
    execute: refuse(NO_REPLICAOF),
  }),
  define({
    name: "slaveof",
    arity: 3,
    flags: ["admin", "stale"],
    summary: "Refused: replicas are made by the manager.",
    execute: refuse(NO_REPLICAOF),
  }),
  define({
    name: "swapdb",
    arity: 3,
    flags: ["fast"],
    since: "4.0.0",
    summary: "Refused: there are no numbered databases.",
    execute: refuse(NO_DATABASES),
  }),
  define({
    name: "move",
    arity: 3,
    flags: ["fast"],
    summary: "Refused: there are no numbered databases.",
    execute: refuse(NO_DATABASES),
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
  ...latencyCommands,
  ...saveCommands,
  ...habitCommands,
];
