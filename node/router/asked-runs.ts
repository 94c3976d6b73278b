/**
 * Runs of single commands to one peer: the one that is being gathered, and those that wait for answers.
 * A run is sent at the end of the turn, when it is full, and before whatever else is sent after it.
 *
 * Invariants: a command is in one run, and that is sent once; each command gets one result.
 */

import { assert } from "../base/assert.ts";
import { protocolError } from "../wire/byte-reader.ts";
import { ByteWriter } from "../wire/byte-writer.ts";
import { type ForwardRunReply, MAX_RUN_COMMANDS, writeRunCommand } from "../wire/forward-run.ts";
import type { ForwardedOne } from "./forwarding.ts";
import type { PeerLink } from "./peer-link.ts";

/** A longer command goes alone: its bytes are not worth another copy, nor others the wait for it. */
const MAX_COMMAND_BYTES = 16 * 1024;
/** A command of more arguments goes alone. */
const MAX_ARGUMENTS = 1024;
/** A run of more bytes is sent: what the peer executes in one go stays short. */
const FULL_RUN_BYTES = 64 * 1024;

/** The commands of one run; undefined where the answer has come. */
interface Run {
  readonly waiters: (ForwardedOne | undefined)[];
  unansweredCount: number;
}

export class AskedRuns {
  readonly #newId: () => number;
  readonly #sent = new Map<number, Run>();
  readonly #body = new ByteWriter(2 * FULL_RUN_BYTES);
  #link: PeerLink | undefined;
  #gathered: ForwardedOne[] = [];
  #isScheduled = false;
  /** Commands that have no answer yet, sent or not. */
  commandCount = 0;
  readonly #atTurnEnd = (): void => {
    this.#isScheduled = false;
    const link = this.#link;
    this.send();
    link?.flush();
  };

  constructor(newId: () => number) {
    this.#newId = newId;
  }

  has(id: number): boolean {
    return this.#sent.has(id);
  }

  /** Takes a command for the run of this turn; false where it is too long for one. Its arguments are read at once. */
  add(link: PeerLink, one: ForwardedOne): boolean {
    const { argv } = one;
    if (argv.count > MAX_ARGUMENTS || argv.sizeBytes() > MAX_COMMAND_BYTES) return false;
    const first = this.#gathered[0];
    if (first !== undefined && !isAlike(first, one)) this.send();
    this.#link = link;
    writeRunCommand(this.#body, one.slot, argv);
    this.#gathered.push(one);
    this.commandCount++;
    if (this.#gathered.length === MAX_RUN_COMMANDS || this.#body.length >= FULL_RUN_BYTES) this.send();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      link.atTurnEnd(this.#atTurnEnd);
    }
    return true;
  }

  /** Sends what was gathered. */
  send(): void {
    const waiters = this.#gathered;
    const first = waiters[0];
    if (first === undefined) return;
    assert(this.#link !== undefined, "what is gathered has a link");
    const { table, epoch, protocol } = first;
    const id = this.#newId();
    this.#gathered = [];
    this.#sent.set(id, { waiters, unansweredCount: waiters.length });
    const run = { table, epoch, protocol, count: waiters.length, slots: [], commands: [], body: this.#body };
    this.#link.send("forwardRun", id, run);
    this.#body.length = 0;
  }

  /** @throws OperatingError PeerProtocolError for a command that is not awaited; then none of the reply counts. */
  onReply(id: number, reply: ForwardRunReply): void {
    const run = this.#sent.get(id);
    if (run === undefined) throw protocolError(`replies to the run ${id}, which is not awaited`);
    const { first, count, lengths, buf, epoch } = reply;
    for (let i = first; i < first + count; i++) {
      if (run.waiters[i] === undefined) throw protocolError(`a reply to command ${i} of a run, which is not awaited`);
    }
    run.unansweredCount -= count;
    this.commandCount -= count;
    if (run.unansweredCount === 0) this.#sent.delete(id);
    let at = reply.start;
    for (let i = 0; i < count; i++) {
      const one = run.waiters[first + i] as ForwardedOne;
      const end = at + (lengths[i] as number);
      run.waiters[first + i] = undefined;
      if (end > at) one.onForwardReply(buf, at, end);
      else one.onForwardResult({ kind: "refused", epoch });
      at = end;
    }
  }

  /** The link has ended: all commands without an answer, which get none from here any more. */
  takeAll(): { readonly sent: readonly ForwardedOne[]; readonly unsent: readonly ForwardedOne[] } {
    const sent: ForwardedOne[] = [];
    for (const { waiters } of this.#sent.values()) for (const one of waiters) if (one !== undefined) sent.push(one);
    const unsent = this.#gathered;
    this.#sent.clear();
    this.#gathered = [];
    this.#body.length = 0;
    this.#link = undefined;
    this.commandCount = 0;
    return { sent, unsent };
  }
}

function isAlike(a: ForwardedOne, b: ForwardedOne): boolean {
  return a.table === b.table && a.epoch === b.epoch && a.protocol === b.protocol;
}
