/**
 * How commands of the node are written down, for server.ts and habits.ts: what they have in common is said once.
 */

import type { CommandFlag, SessionCommand } from "./command.ts";
import type { Session } from "./session.ts";

export type Execute = SessionCommand<Session>["execute"];

const COMMON = { scope: "session", group: "server", keys: { kind: "none" }, complexity: "O(1)" } as const;

interface Definition {
  readonly name: string;
  readonly arity: number;
  readonly flags?: readonly CommandFlag[];
  readonly since?: string;
  readonly summary: string;
  readonly execute: Execute;
}

/** A command of the group `server` without keys that is allowed while the node is loading, if not said otherwise. */
export function define(definition: Definition): SessionCommand<Session> {
  return { ...COMMON, flags: ["loading", "stale"], since: "1.0.0", ...definition };
}

/** What refuses a command with a reason. */
export function refuse(text: string): Execute {
  return (_session, _argv, reply) => reply.error(text);
}
