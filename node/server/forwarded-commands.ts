/**
 * Commands of clients that are on their way to the leaders of their slots.
 * Invariants: a command that was sent is never sent again unless the peer refused it; commands of one connection for
 * one slot are executed in their order: refused ones are tried again one after the other when nothing of the
 * connection is on its way any more, and not at all where a later one for the same slot was executed meanwhile.
 */

import type { Argv } from "../base/argv.ts";
import type { NodeId, TableId } from "../meta/ids.ts";
import type { Protocol } from "../resp/reply.ts";
import type { ForwardedOne, Forwarder, ForwardResult } from "../router/forwarding.ts";
import { releaseReply } from "./blocking.ts";
import type { Client, Verdict } from "./client.ts";
import type { CommandPlan } from "./command-plan.ts";
import type { RefusedForward } from "./forwards-in-flight.ts";
import { errorReply, LEADER_LOST, outcomeUnknownText } from "./refusals.ts";
import type { PendingReply } from "./reply-queue.ts";
import type { Routes } from "./routes.ts";
import type { SlotRunner, TableCommand } from "./slot-runner.ts";
import type { TableView } from "./tables.ts";

const OVERTAKEN =
  "TRYAGAIN not executed: the slot's leader changed while commands of this connection were on their way";

export interface ForwardTarget {
  readonly plan: CommandPlan;
  /** Read before `send` returns: it puts its own copy here. */
  argv: Argv;
  readonly table: TableView;
  readonly slot: number;
  readonly node: NodeId;
}

export interface ForwardedCommandsDeps {
  readonly forwarder: Forwarder;
  readonly routes: Routes;
  readonly slots: SlotRunner;
}

export class ForwardedCommands {
  readonly deps: ForwardedCommandsDeps;

  constructor(deps: ForwardedCommandsDeps) {
    this.deps = deps;
  }

  /** Sends a command and takes its place in the client's replies. */
  send(client: Client, target: ForwardTarget): Verdict {
    const { forwards } = client;
    if (forwards.count === 0) forwards.epoch = this.deps.routes.epoch;
    forwards.count++;
    target.argv = target.plan.isBlocking ? target.argv.own() : target.argv.shared();
    const sent = new ForwardedCommand(this, client, target);
    const { forwarder } = this.deps;
    if (!target.plan.isBlocking) {
      forwarder.forwardOne(target.node, sent);
      return "later";
    }
    const { table, slot, epoch, protocol, argv } = sent;
    const request = { table, scope: { slot }, epoch, protocol, commands: [argv], isExec: false, watchId: undefined };
    const pending = forwarder.forward(target.node, request, sent);
    client.blocked = {
      cancel: () => pending.cancel(),
      unblock: (how) => {
        pending.cancel();
        sent.release(how);
      },
    };
    return "stall";
  }

  /** Whether another command may go out, or run here, beside those on their way. */
  isSteady(client: Client, epoch: number): boolean {
    const { forwards } = client;
    return !forwards.hasRefused && (forwards.count === 0 || forwards.epoch === epoch);
  }
}

class ForwardedCommand implements ForwardedOne, RefusedForward {
  readonly place: PendingReply;
  readonly target: ForwardTarget;
  readonly #owner: ForwardedCommands;
  readonly #client: Client;

  constructor(owner: ForwardedCommands, client: Client, target: ForwardTarget) {
    this.#owner = owner;
    this.#client = client;
    this.target = target;
    this.place = client.queue.add();
  }

  get table(): TableId {
    return this.target.table.id;
  }

  get slot(): number {
    return this.target.slot;
  }

  get epoch(): number {
    return this.#client.forwards.epoch;
  }

  get protocol(): Protocol {
    return this.#client.session.protocol;
  }

  get argv(): Argv {
    return this.target.argv;
  }

  async retry(isOvertaken: boolean): Promise<void> {
    if (isOvertaken) this.place.answer(errorReply(OVERTAKEN));
    else if (this.target.plan.isBlocking) this.place.answer(errorReply(LEADER_LOST));
    else this.place.answer(await this.#owner.deps.slots.run(this.tableCommand, this.target.slot));
  }

  get tableCommand(): TableCommand {
    const { plan, argv, table } = this.target;
    const { protocol } = this.#client.session;
    return { table, command: plan.data as NonNullable<CommandPlan["data"]>, argv, protocol };
  }

  /** CLIENT UNBLOCK, or a time-out that came from here. */
  release(how: "timeout" | "error"): void {
    const { forwards } = this.#client;
    forwards.count--;
    this.#client.blocked = undefined;
    this.place.answer(releaseReply(this.tableCommand, how));
    if (forwards.count === 0 && forwards.hasRefused) void forwards.retryRefused();
  }

  onForwardReply(buf: Buffer, start: number, end: number): void {
    const { forwards } = this.#client;
    forwards.count--;
    forwards.noteExecuted(this.target.slot, end - start);
    this.place.answerRange(buf, start, end);
    if (forwards.count === 0 && forwards.hasRefused) void forwards.retryRefused();
  }

  onForwardResult(result: ForwardResult): void {
    const { forwards } = this.#client;
    forwards.count--;
    if (this.target.plan.isBlocking) this.#client.blocked = undefined;
    switch (result.kind) {
      case "reply":
        forwards.noteExecuted(this.target.slot, result.end - result.start);
        this.place.answerRange(result.buf, result.start, result.end);
        break;
      case "unknown":
        this.place.answer(errorReply(outcomeUnknownText(result.error)));
        break;
      case "refused":
      case "unreachable":
      case "watchBroken":
        forwards.addRefused(this);
        break;
    }
    if (forwards.count === 0 && forwards.hasRefused) void forwards.retryRefused();
  }
}
