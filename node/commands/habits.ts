/**
 * What clients ask any Redis for out of habit: saving, latency, replication, scripts and users. It is answered truly,
 * or refused with a reason. Source: redis.io/docs/latest/commands, group server.
 */

import type { Argv } from "../base/argv.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type { SessionCommand } from "./command.ts";
import { define, type Execute, refuse } from "./server-command.ts";
import type { Session } from "./session.ts";

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
  const count = session.transaction.isExecuting ? 0 : Number(argv.text(1));
  return session.node.waitReplicas(count, timeoutMs).then((found) => (later: ReplyWriter) => later.integer(found));
}

function role(_session: Session, _argv: Argv, reply: ReplyWriter): void {
  reply.array(3);
  reply.bulkText("master");
  reply.integer(0);
  reply.array(0);
}

const ok: Execute = (_session, _argv, reply) => reply.ok();
const empty: Execute = (_session, _argv, reply) => reply.array(0);

const NO_REPLICAOF =
  "ERR REPLICAOF is not how replicas are made here: set the table's replicas (spec.replicas of its PikaTable)";
const NO_DATABASES = "ERR there are no numbered databases: tables are isolated from each other";

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

export const habitCommands: readonly SessionCommand<Session>[] = [
  ...latencyCommands,
  ...saveCommands,
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
