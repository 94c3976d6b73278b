/**
 * The reply of a container's HELP: a list of lines, framed as Redis does.
 */

import type { ReplyWriter } from "../resp/reply.ts";

/** Writes the help of `container` (upper case): pairs of syntax and what it does. */
export function replyHelp(reply: ReplyWriter, container: string, lines: readonly (readonly [string, string])[]): void {
  reply.array(2 * lines.length + 3);
  reply.simple(`${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
  for (const [syntax, what] of lines) {
    reply.simple(syntax);
    reply.simple(`    ${what}`);
  }
  reply.simple("HELP");
  reply.simple("    Print this help.");
}
