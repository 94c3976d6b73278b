/** Runs data commands over the real engine: the same calls as CommandRunner's, but each may wait for what it misses. */

import { Argv } from "../../node/base/argv.ts";
import { assert, present } from "../../node/base/assert.ts";
import type { DataCommand } from "../../node/commands/command.ts";
import { ReplyWriter } from "../../node/resp/reply.ts";
import type { EngineHarness } from "./engine-harness.ts";
import { type Decoded, decodeReplies } from "./reply-decoder.ts";

export class EngineCommands {
  harness: EngineHarness;
  readonly #commands: ReadonlyMap<string, DataCommand>;
  readonly #reply = new ReplyWriter();

  constructor(harness: EngineHarness, commands: readonly DataCommand[]) {
    this.harness = harness;
    this.#commands = new Map(commands.map((command) => [command.name, command]));
  }

  /** Runs a command with latin1 arguments and answers its reply. */
  async call(name: string, ...args: readonly (string | number)[]): Promise<Decoded> {
    const command = present(this.#commands.get(name.toLowerCase()), `command ${name}`);
    const argv = Argv.of(...[name, ...args].map((part) => Buffer.from(String(part), "latin1")));
    const reply = this.#reply;
    await this.harness.run((tx) => {
      reply.rewind(0);
      command.execute({ argv, reply, tx });
    });
    const replies = decodeReplies(Buffer.from(reply.buf.subarray(0, reply.length)));
    assert(replies.length === 1, `${name} gives one reply`);
    return replies[0] as Decoded;
  }
}
