/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH. What they do is behind the port SessionTransaction.
 * Source: redis.io/docs/latest/develop/interact/transactions.
 */

import type { SessionCommand } from "./command.ts";
import type { Session } from "./session.ts";

const COMMON = { scope: "session", group: "transactions", keys: { kind: "none" } } as const;

export const transactionCommands: readonly SessionCommand<Session>[] = [
  {
    ...COMMON,
    name: "multi",
    arity: 1,
    flags: ["fast", "loading", "stale"],
    since: "1.2.0",
    summary: "Begins a transaction: commands are queued.",
    complexity: "O(1)",
    execute: (session, _argv, reply) => {
      if (session.transaction.isOpen) {
        reply.error("ERR MULTI calls can not be nested");
        return;
      }
      session.transaction.begin();
      reply.ok();
    },
  },
  {
    ...COMMON,
    name: "exec",
    arity: 1,
    flags: ["loading", "stale"],
    since: "1.2.0",
    summary: "Runs the queued commands as one; all keys must hash to one slot.",
    complexity: "Depends on the commands in the transaction",
    execute: (session, _argv, reply) => {
      if (session.transaction.isOpen) return session.transaction.execute(reply);
      reply.error("ERR EXEC without MULTI");
    },
  },
  {
    ...COMMON,
    name: "discard",
    arity: 1,
    flags: ["fast", "loading", "stale"],
    since: "2.0.0",
    summary: "Forgets the queued commands and all watches.",
    complexity: "O(N) for N queued commands",
    execute: (session, _argv, reply) => {
      if (!session.transaction.isOpen) {
        reply.error("ERR DISCARD without MULTI");
        return;
      }
      session.transaction.discard();
      reply.ok();
    },
  },
  {
    ...COMMON,
    name: "watch",
    arity: -2,
    flags: ["fast", "loading", "stale"],
    keys: { kind: "range", first: 1, last: -1, step: 1 },
    since: "2.2.0",
    summary: "Makes the next EXEC depend on keys that stay as they are.",
    complexity: "O(1) for each key",
    execute: (session, argv, reply) => {
      if (!session.transaction.isOpen) return session.transaction.watch(argv, reply);
      reply.error("ERR WATCH inside MULTI is not allowed");
    },
  },
  {
    ...COMMON,
    name: "unwatch",
    arity: 1,
    flags: ["fast", "loading", "stale"],
    since: "2.2.0",
    summary: "Forgets all watches.",
    complexity: "O(1)",
    execute: (session, _argv, reply) => {
      session.transaction.unwatch();
      reply.ok();
    },
  },
];
