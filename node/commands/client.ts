/**
 * CLIENT and its subcommands. What a connection sees of others is its table's (DESIGN §3).
 * Client-side caching (TRACKING, CACHING) is refused. Source: redis.io/docs/latest/commands/client.
 */

import type { Argv } from "../base/argv.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type { SessionCommand } from "./command.ts";
import { INVALID_NAME, isClientName } from "./connection.ts";
import { replyHelp } from "./help-reply.ts";
import type { ClientFilter, Session } from "./session.ts";

const COMMON = { scope: "session", group: "connection", keys: { kind: "none" }, complexity: "O(1)" } as const;
const FLAGS = ["loading", "stale"] as const;
const CLIENT_TYPES = ["normal", "master", "replica", "slave", "pubsub"];

/** CLIENT LIST [TYPE type] [ID id …], or the error. */
function readListFilter(argv: Argv): ClientFilter | string {
  if (argv.count === 2) return {};
  const word = argv.text(2).toLowerCase();
  if (word === "type" && argv.count === 4) {
    const type = argv.text(3).toLowerCase();
    return CLIENT_TYPES.includes(type) ? { type } : `ERR Unknown client type '${argv.text(3)}'`;
  }
  if (word === "id" && argv.count > 3) {
    const ids: number[] = [];
    for (let i = 3; i < argv.count; i++) {
      if (!/^[1-9]\d{0,14}$/.test(argv.text(i))) return "ERR Invalid client ID";
      ids.push(Number(argv.text(i)));
    }
    return { ids };
  }
  return ERRORS.syntax;
}

function list(session: Session, argv: Argv, reply: ReplyWriter): void {
  const filter = readListFilter(argv);
  if (typeof filter === "string") reply.error(filter);
  else reply.verbatim("txt", session.clients.list(filter));
}

/** The new form of CLIENT KILL: pairs of filter and value, or the error. */
function readKillFilter(session: Session, argv: Argv): ClientFilter | string {
  let filter: ClientFilter = { isSelfSkipped: true };
  for (let i = 2; i + 1 < argv.count; i += 2) {
    const value = argv.text(i + 1);
    switch (argv.text(i).toLowerCase()) {
      case "id":
        if (!/^[1-9]\d{0,14}$/.test(value)) return "ERR client-id should be greater than 0";
        filter = { ...filter, ids: [Number(value)] };
        break;
      case "addr":
        filter = { ...filter, address: value };
        break;
      case "laddr":
        filter = { ...filter, localAddress: value };
        break;
      case "user":
        if (!session.access.knowsUser(value)) return `ERR No such user '${value}'`;
        filter = { ...filter, user: value };
        break;
      case "type":
        if (!CLIENT_TYPES.includes(value.toLowerCase())) return `ERR Unknown client type '${value}'`;
        filter = { ...filter, type: value.toLowerCase() };
        break;
      case "maxage":
        if (!/^\d{1,12}$/.test(value)) return ERRORS.notInteger;
        filter = { ...filter, maxAgeSeconds: Number(value) };
        break;
      case "skipme":
        if (!/^(yes|no)$/i.test(value)) return ERRORS.syntax;
        filter = { ...filter, isSelfSkipped: value.toLowerCase() === "yes" };
        break;
      default:
        return ERRORS.syntax;
    }
  }
  return argv.count % 2 === 0 ? filter : ERRORS.syntax;
}

function kill(session: Session, argv: Argv, reply: ReplyWriter): void {
  if (argv.count === 3) {
    if (session.clients.kill({ address: argv.text(2) }) > 0) reply.ok();
    else reply.error("ERR No such client");
    return;
  }
  const filter = readKillFilter(session, argv);
  if (typeof filter === "string") reply.error(filter);
  else reply.integer(session.clients.kill(filter));
}

function setName(session: Session, argv: Argv, reply: ReplyWriter): void {
  const name = argv.buf.toString("utf8", argv.start(2), argv.end(2));
  if (!isClientName(name)) {
    reply.error(INVALID_NAME);
    return;
  }
  session.identity.name = name;
  reply.ok();
}

function setInfo(session: Session, argv: Argv, reply: ReplyWriter): void {
  const value = argv.text(3);
  const what = argv.text(2).toLowerCase();
  if (!isClientName(value)) reply.error(`ERR ${what} cannot contain spaces, newlines or special characters.`);
  else if (what === "lib-name") {
    session.identity.libraryName = value;
    reply.ok();
  } else if (what === "lib-ver") {
    session.identity.libraryVersion = value;
    reply.ok();
  } else reply.error(`ERR Unrecognized option '${argv.text(2)}'`);
}

function unblock(session: Session, argv: Argv, reply: ReplyWriter): void {
  const how = argv.count > 3 ? argv.text(3).toLowerCase() : "timeout";
  if (argv.count > 4 || (how !== "timeout" && how !== "error")) {
    reply.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    return;
  }
  if (!/^-?\d{1,15}$/.test(argv.text(2))) reply.error(ERRORS.notInteger);
  else reply.integer(session.clients.unblock(Number(argv.text(2)), how) ? 1 : 0);
}

function pause(session: Session, argv: Argv, reply: ReplyWriter): void {
  const what = argv.count > 3 ? argv.text(3).toLowerCase() : "all";
  if (argv.count > 4 || (what !== "all" && what !== "write")) {
    reply.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    return;
  }
  if (!/^-?\d{1,15}$/.test(argv.text(2))) {
    reply.error(ERRORS.timeoutNotInteger);
    return;
  }
  const durationMs = Number(argv.text(2));
  if (durationMs < 0) {
    reply.error(ERRORS.timeoutNegative);
    return;
  }
  session.clients.pause(durationMs, what);
  reply.ok();
}

function replyMode(session: Session, argv: Argv, reply: ReplyWriter): void {
  const mode = argv.text(2).toLowerCase();
  if (mode === "on") {
    session.setReplyMode("on");
    reply.ok();
  } else if (mode === "off" || mode === "skip") session.setReplyMode(mode);
  else reply.error(ERRORS.syntax);
}

function noEvict(session: Session, argv: Argv, reply: ReplyWriter): void {
  const mode = argv.text(2).toLowerCase();
  if (mode !== "on" && mode !== "off") {
    reply.error(ERRORS.syntax);
    return;
  }
  session.setNoEvict(mode === "on");
  reply.ok();
}

function trackingInfo(_session: Session, _argv: Argv, reply: ReplyWriter): void {
  reply.map(3);
  reply.bulkText("flags");
  reply.array(1);
  reply.bulkText("off");
  reply.bulkText("redirect");
  reply.integer(-1);
  reply.bulkText("prefixes");
  reply.array(0);
}

const NO_TRACKING = "ERR client-side caching is not supported: CLIENT TRACKING and CLIENT CACHING are refused";

type Execute = SessionCommand<Session>["execute"];
type About = Pick<SessionCommand<Session>, "arity" | "summary">;

function subcommand(name: string, about: About, execute: Execute): SessionCommand<Session> {
  return { ...COMMON, ...about, name: `client|${name}`, flags: [...FLAGS], since: "6.2.0", execute };
}

export const clientCommands: readonly SessionCommand<Session>[] = [
  subcommand("id", { arity: 2, summary: "Answers the connection's number." }, (session, _argv, reply) =>
    reply.integer(session.id),
  ),
  subcommand("info", { arity: 2, summary: "Describes the connection." }, (session, _argv, reply) =>
    reply.verbatim("txt", session.clients.own()),
  ),
  subcommand("list", { arity: -2, summary: "Lists the connections of the table." }, list),
  subcommand("kill", { arity: -3, summary: "Closes connections of the table." }, kill),
  subcommand("setname", { arity: 3, summary: "Names the connection." }, setName),
  subcommand("getname", { arity: 2, summary: "Answers the connection's name." }, (session, _argv, reply) => {
    if (session.identity.name === "") reply.nil();
    else reply.bulkText(session.identity.name);
  }),
  subcommand("setinfo", { arity: 4, summary: "Takes the name or version of the client's library." }, setInfo),
  subcommand("unblock", { arity: -3, summary: "Lets a client go that waits in a blocking command." }, unblock),
  subcommand("pause", { arity: -3, summary: "Lets commands wait for a time." }, pause),
  subcommand("unpause", { arity: 2, summary: "Ends a pause." }, (session, _argv, reply) => {
    session.clients.unpause();
    reply.ok();
  }),
  subcommand("reply", { arity: 3, summary: "Switches replies on and off, or skips the next one." }, replyMode),
  subcommand("no-evict", { arity: 3, summary: "Kept for clients that set it: connections are not evicted." }, noEvict),
  subcommand("no-touch", { arity: 3, summary: "Kept for clients that set it." }, noEvict),
  subcommand("getredir", { arity: 2, summary: "Always -1: there is no tracking." }, (_session, _argv, reply) =>
    reply.integer(-1),
  ),
  subcommand("trackinginfo", { arity: 2, summary: "Says that tracking is off." }, trackingInfo),
  subcommand(
    "tracking",
    { arity: -3, summary: "Refused: client-side caching is not supported." },
    (_session, argv, reply) => {
      if (argv.text(2).toLowerCase() === "off") reply.ok();
      else reply.error(NO_TRACKING);
    },
  ),
  subcommand(
    "caching",
    { arity: 3, summary: "Refused: client-side caching is not supported." },
    (_session, _argv, reply) => reply.error(NO_TRACKING),
  ),
  subcommand("help", { arity: 2, summary: "Lists the subcommands." }, (_session, _argv, reply) =>
    replyHelp(
      reply,
      "CLIENT",
      clientCommands
        .filter(({ name }) => name !== "client|help")
        .map(({ name, summary }) => [name.slice("client|".length).toUpperCase(), summary] as const),
    ),
  ),
];
