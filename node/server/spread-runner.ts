/**
 * Runs commands that concern several slots: split by key and joined, sent to all leaders and joined, and SCAN, which
 * goes from slot to slot by its cursor (slot · 2^32 + hash, no state is kept).
 */

import type { Prng } from "../base/prng.ts";
import { ScanJoin } from "../commands/scan-join.ts";
import { slotOf } from "../meta/slot.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { type Protocol, ReplyWriter } from "../resp/reply.ts";
import { type AnsweredPart, joinLeaders, joinParts, type SlotPart, splitByKeys } from "../router/fan-out.ts";
import type { Executors } from "../shard/executor.ts";
import { keyPositions } from "./command-plan.ts";
import { errorReply } from "./refusals.ts";
import type { SlotRunner, TableCommand } from "./slot-runner.ts";
import type { Turn } from "./turn.ts";

export interface SpreadRunnerDeps {
  readonly slots: SlotRunner;
  readonly executors: Executors;
  readonly turn: Turn;
  readonly random: Prng;
}

export class SpreadRunner {
  readonly #deps: SpreadRunnerDeps;
  readonly #scratch = new ReplyWriter();

  constructor(deps: SpreadRunnerDeps) {
    this.#deps = deps;
  }

  /**
   * Runs a command that is split by keys if this node serves all its slots: false where it does not, and nothing was
   * done. Where a record has to be read first, a promise of the reply.
   */
  runSplitHere(what: TableCommand, reply: ReplyWriter): boolean | Promise<Buffer> {
    const parts = split(what);
    const executors = parts.map((part) => this.#deps.executors.find(what.table.id, part.slot));
    if (!executors.every((executor) => executor?.isServing)) return false;
    const replies: Buffer[] = [];
    const scratch = this.#scratch;
    for (let i = 0; i < parts.length; i++) {
      scratch.clear();
      scratch.protocol = what.protocol;
      const outcome = executors[i]?.execute(what.command, (parts[i] as SlotPart).argv, scratch);
      if (outcome !== "done") return this.#finishSplit(what, parts, replies);
      replies.push(Buffer.from(scratch.buf.subarray(0, scratch.length)));
    }
    joinSplit(what, answered(parts, replies), reply);
    return true;
  }

  /** The reply of a command over several slots. Never rejects. */
  run(what: TableCommand): Promise<Buffer> {
    if (what.command.name === "scan") return this.#scan(what);
    if (what.command.fanOut?.over === "keys") return this.#finishSplit(what, split(what), []);
    return this.#runOnLeaders(what, (all) => this.#deps.slots.runOnLeaders(all));
  }

  /** The same for the slots that this node leads: what a peer asks for. */
  runOnLed(what: TableCommand): Promise<Buffer> {
    return this.#runOnLeaders(what, (led) => this.#deps.slots.runOnLed(led));
  }

  async #runOnLeaders(what: TableCommand, visit: (what: TableCommand) => Promise<readonly Buffer[]>): Promise<Buffer> {
    const { fanOut } = what.command;
    if (fanOut?.over !== "leaders") return errorReply(ERRORS.crossSlot);
    const replies = await visit(what);
    const pick = this.#deps.random.nextFloat();
    return written(what.protocol, (reply) => joinLeaders({ join: fanOut.join, pick }, replies, reply));
  }

  /** Runs the parts that have no reply yet. */
  async #finishSplit(what: TableCommand, parts: readonly SlotPart[], done: readonly Buffer[]): Promise<Buffer> {
    const owned = parts.map((part) => ({ ...part, argv: part.argv.own() }));
    const error = done.length > 0 ? await this.#deps.turn.ended() : undefined;
    if (error !== undefined) return errorReply(error);
    const rest = owned.slice(done.length).map((part) => this.#deps.slots.run({ ...what, argv: part.argv }, part.slot));
    const replies = [...done, ...(await Promise.all(rest))];
    return written(what.protocol, (reply) => joinSplit(what, answered(parts, replies), reply));
  }

  async #scan(what: TableCommand): Promise<Buffer> {
    const join = new ScanJoin(what.argv, what.table.slots);
    while (!join.isDone) join.add(await this.#deps.slots.run({ ...what, argv: join.question() }, join.slot));
    return written(what.protocol, (reply) => join.write(reply));
  }
}

function split(what: TableCommand): readonly SlotPart[] {
  const { table, command, argv } = what;
  const step = command.keys.kind === "range" ? command.keys.step : 1;
  return splitByKeys(argv, {
    positions: keyPositions(command, argv) ?? [],
    step,
    slotOf: (buf, start, end) => slotOf(buf, start, end, table.slots),
  });
}

function answered(parts: readonly SlotPart[], replies: readonly Buffer[]): AnsweredPart[] {
  return parts.map((part, i) => ({ places: part.places, reply: replies[i] as Buffer }));
}

function joinSplit(what: TableCommand, parts: readonly AnsweredPart[], into: ReplyWriter): void {
  const { fanOut } = what.command;
  if (fanOut?.over !== "keys") return;
  joinParts(fanOut.join, parts, into);
}

function written(protocol: Protocol, write: (reply: ReplyWriter) => void): Buffer {
  const reply = new ReplyWriter();
  reply.protocol = protocol;
  write(reply);
  return reply.buf.subarray(0, reply.length);
}
