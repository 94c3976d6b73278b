/**
 * Commands of the connection itself: PING, ECHO, AUTH, HELLO, SELECT, QUIT, RESET. CLIENT is in client.ts.
 * Source: redis.io/docs/latest/commands, group connection.
 */

import type { Argv } from "../base/argv.ts";
import { ERRORS, wrongArityText } from "../resp/error-texts.ts";
import type { Protocol, ReplyWriter } from "../resp/reply.ts";
import type { SessionCommand } from "./command.ts";
import type { Session } from "./session.ts";

/** The version that clients are told, by which they choose what to send: that of the Redis whose commands these are. */
export const REDIS_VERSION = "7.0.15";

const COMMON = { scope: "session", group: "connection", keys: { kind: "none" }, complexity: "O(1)" } as const;

function ping(_session: Session, argv: Argv, reply: ReplyWriter): void {
  if (argv.count > 2) reply.error(wrongArityText("ping"));
  else if (argv.count === 2) reply.bulk(argv.buf, argv.start(1), argv.end(1));
  else reply.simple("PONG");
}

function auth(session: Session, argv: Argv, reply: ReplyWriter): void {
  if (argv.count > 3) {
    reply.error(ERRORS.syntax);
    return;
  }
  const user = argv.count === 3 ? argv.buf.toString("utf8", argv.start(1), argv.end(1)) : undefined;
  const error = session.access.authenticate(user, argv.view(argv.count - 1));
  if (error === undefined) reply.ok();
  else reply.error(error);
}

interface HelloOptions {
  protocol: Protocol;
  user: string | undefined;
  password: Buffer | undefined;
  name: string | undefined;
}

/** HELLO's arguments, or the error. */
function readHello(session: Session, argv: Argv): HelloOptions | string {
  const options: HelloOptions = { protocol: session.protocol, user: undefined, password: undefined, name: undefined };
  if (argv.count === 1) return options;
  const version = argv.text(1);
  if (!/^-?\d+$/.test(version)) return "ERR Protocol version is not an integer or out of range";
  if (version !== "2" && version !== "3") return "NOPROTO unsupported protocol version";
  options.protocol = version === "3" ? 3 : 2;
  for (let i = 2; i < argv.count; i++) {
    const word = argv.text(i).toUpperCase();
    if (word === "AUTH" && i + 2 < argv.count) {
      options.user = argv.buf.toString("utf8", argv.start(i + 1), argv.end(i + 1));
      options.password = argv.view(i + 2);
      i += 2;
    } else if (word === "SETNAME" && i + 1 < argv.count) {
      options.name = argv.buf.toString("utf8", argv.start(i + 1), argv.end(i + 1));
      if (!isClientName(options.name)) return INVALID_NAME;
      i++;
    } else {
      return `ERR Syntax error in HELLO option '${argv.text(i).slice(0, 128)}'`;
    }
  }
  return options;
}

function hello(session: Session, argv: Argv, reply: ReplyWriter): void {
  const options = readHello(session, argv);
  if (typeof options === "string") {
    reply.error(options);
    return;
  }
  if (options.password !== undefined) {
    const error = session.access.authenticate(options.user, options.password);
    if (error !== undefined) {
      reply.error(error);
      return;
    }
  }
  if (!session.access.isAuthenticated) {
    reply.error(
      "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
    );
    return;
  }
  if (options.name !== undefined) session.identity.name = options.name;
  session.setProtocol(options.protocol);
  reply.protocol = options.protocol;
  reply.map(7);
  reply.bulkText("server");
  reply.bulkText("redis");
  reply.bulkText("version");
  reply.bulkText(REDIS_VERSION);
  reply.bulkText("proto");
  reply.integer(options.protocol);
  reply.bulkText("id");
  reply.integer(session.id);
  reply.bulkText("mode");
  reply.bulkText("cluster");
  reply.bulkText("role");
  reply.bulkText("master");
  reply.bulkText("modules");
  reply.array(0);
}

export const INVALID_NAME = "ERR Client names cannot contain spaces, newlines or special characters.";

/** Whether a text may name a client: printable ASCII without blanks. */
export function isClientName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

function select(session: Session, argv: Argv, reply: ReplyWriter): void {
  const error = session.access.select(argv.text(1));
  if (error === undefined) reply.ok();
  else reply.error(error);
}

export const connectionCommands: readonly SessionCommand<Session>[] = [
  {
    ...COMMON,
    name: "ping",
    arity: -1,
    flags: ["fast"],
    since: "1.0.0",
    summary: "Answers PONG, or its argument.",
    execute: ping,
  },
  {
    ...COMMON,
    name: "echo",
    arity: 2,
    flags: ["fast"],
    since: "1.0.0",
    summary: "Answers its argument.",
    execute: (_session, argv, reply) => reply.bulk(argv.buf, argv.start(1), argv.end(1)),
  },
  {
    ...COMMON,
    name: "auth",
    arity: -2,
    flags: ["noauth", "fast", "loading", "stale"],
    since: "1.0.0",
    summary:
      "Proves who the connection is: AUTH <password> for the default table, AUTH <table> <password>, AUTH admin <password>.",
    execute: auth,
  },
  {
    ...COMMON,
    name: "hello",
    arity: -1,
    flags: ["noauth", "fast", "loading", "stale"],
    since: "6.0.0",
    summary: "Chooses the protocol, and may authenticate and name the connection.",
    execute: hello,
  },
  {
    ...COMMON,
    name: "select",
    arity: 2,
    flags: ["fast", "loading", "stale"],
    since: "1.0.0",
    summary: "SELECT 0 enters the default table, SELECT <name> a table by name.",
    execute: select,
  },
  {
    ...COMMON,
    name: "quit",
    arity: -1,
    flags: ["noauth", "fast", "loading", "stale"],
    since: "1.0.0",
    summary: "Closes the connection after all replies.",
    execute: (session, _argv, reply) => {
      reply.ok();
      session.closeAfterReply();
    },
  },
  {
    ...COMMON,
    name: "reset",
    arity: 1,
    flags: ["noauth", "fast", "loading", "stale"],
    since: "6.2.0",
    summary: "Puts the connection back as it was after connecting.",
    execute: (session, _argv, reply) => {
      session.reset();
      reply.protocol = 2;
      reply.simple("RESET");
    },
  },
];
