/**
 * DEBUG: the few subcommands that clients' own tests and Redis's suite need. Those that in Redis write the data set
 * out and read it again answer OK: data are on disk before they are answered for. Nothing here touches data.
 */

import type { Argv } from "../base/argv.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type { SessionCommand } from "./command.ts";
import { replyHelp } from "./help-reply.ts";
import { define, type Execute } from "./server-command.ts";
import type { Session } from "./session.ts";

const MAX_SLEEP_SECONDS = 1e6;
const BIG_NUMBER = "1234567999999999999999999999999999999";

function sleep(session: Session, argv: Argv, reply: ReplyWriter): ReturnType<Execute> {
  const seconds = Number(argv.text(2));
  if (!(seconds >= 0 && seconds < MAX_SLEEP_SECONDS)) {
    reply.error(ERRORS.timeoutNotFloat);
    return;
  }
  return session.node.sleep(1000 * seconds).then(() => (later: ReplyWriter) => later.ok());
}

function setActiveExpire(session: Session, argv: Argv, reply: ReplyWriter): void {
  session.node.setActiveExpiry(argv.text(2) !== "0");
  reply.ok();
}

/** What DEBUG PROTOCOL answers for each name of a type: one example of it, as Redis gives it. */
const EXAMPLES: Readonly<Record<string, (reply: ReplyWriter) => void>> = {
  string: (reply) => reply.bulkText("Hello World"),
  integer: (reply) => reply.integer(12345),
  double: (reply) => reply.double(3141 / 1000),
  null: (reply) => reply.nil(),
  array: (reply) => {
    reply.array(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  set: (reply) => {
    reply.set(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  map: (reply) => {
    reply.map(3);
    for (let i = 0; i < 3; i++) {
      reply.integer(i);
      reply.boolean(i === 1);
    }
  },
  attrib: (reply) => {
    if (reply.protocol === 3) {
      reply.raw(Buffer.from("|1\r\n"));
      reply.bulkText("key-popularity");
      reply.array(2);
      reply.bulkText("key:123");
      reply.integer(90);
    }
    reply.bulkText("Some real reply following the attribute");
  },
  push: (reply) => {
    if (reply.protocol === 2) {
      reply.error("ERR RESP2 is not supported by this command");
      return;
    }
    reply.push(2);
    reply.bulkText("server-cpu-usage");
    reply.integer(42);
    reply.bulkText("Some real reply following the push reply");
  },
  verbatim: (reply) => reply.verbatim("txt", "This is a verbatim\nstring"),
  true: (reply) => reply.boolean(true),
  false: (reply) => reply.boolean(false),
  bignum: (reply) => {
    if (reply.protocol === 3) reply.raw(Buffer.from(`(${BIG_NUMBER}\r\n`));
    else reply.bulkText(BIG_NUMBER);
  },
};

function protocol(_session: Session, argv: Argv, reply: ReplyWriter): void {
  const name = argv.text(2).toLowerCase();
  const write = Object.hasOwn(EXAMPLES, name) ? EXAMPLES[name] : undefined;
  if (write) write(reply);
  else {
    const names = Object.keys(EXAMPLES).join("|");
    reply.error(`ERR Wrong protocol type name. Please use one of the following: ${names}`);
  }
}

const ok: Execute = (_session, _argv, reply) => reply.ok();

const SUBCOMMANDS: readonly (readonly [name: string, arity: number, syntax: string, summary: string, Execute])[] = [
  ["sleep", 3, "<seconds>", "Lets this connection (not the node) wait.", sleep],
  ["set-active-expire", 3, "<0|1>", "Switches the active collection of expired keys.", setActiveExpire],
  ["protocol", 3, "<type>", "Answers an example of a type of reply.", protocol],
  ["reload", -2, "[option ...]", "Answers OK: what was acknowledged is on disk already.", ok],
  ["loadaof", 2, "", "Answers OK: what was acknowledged is in the log already.", ok],
  ["quicklist-packed-threshold", 3, "<size>", "Answers OK: it tunes an encoding of Redis.", ok],
];

const FLAGS = ["admin", "loading", "stale"] as const;

export const debugCommands: readonly SessionCommand<Session>[] = [
  ...SUBCOMMANDS.map(([name, arity, , summary, execute]) =>
    define({ name: `debug|${name}`, arity, flags: FLAGS, summary, execute }),
  ),
  define({
    name: "debug|help",
    arity: 2,
    flags: FLAGS,
    summary: "Lists the subcommands.",
    execute: (_session, _argv, reply) =>
      replyHelp(
        reply,
        "DEBUG",
        SUBCOMMANDS.map(([name, , syntax, summary]) => [`${name.toUpperCase()} ${syntax}`.trim(), summary] as const),
      ),
  }),
];
