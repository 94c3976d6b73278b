/**
 * Runs a command at the leader of a slot, wherever that is, and waits for what comes: records that have to be read,
 * a leader that is being chosen, a peer's answer. The slow way, by promises: for commands over several slots
 * and for those that could not run at once.
 * Its replies are safe to send: what was executed here is in the log by then.
 */

import type { Argv } from "../base/argv.ts";
import type { Clock } from "../base/clock.ts";
import type { DataCommand } from "../commands/command.ts";
import type { NodeId } from "../meta/ids.ts";
import { type Protocol, ReplyWriter } from "../resp/reply.ts";
import type { Forwarder, ForwardRequest, ForwardResult } from "../router/forwarding.ts";
import type { Executors, SlotExecutor } from "../shard/executor.ts";
import type { BlockedClients } from "./blocking.ts";
import { errorReply, noLeaderText, notServedText, outcomeUnknownText, unreachableText } from "./refusals.ts";
import type { Routes } from "./routes.ts";
import type { TableView } from "./tables.ts";
import type { Turn } from "./turn.ts";

/** How long a command waits for a leader of its slot before it is refused: longer than a failover takes. */
export const ROUTE_WAIT_MS = 5_000;
/** Slots that are visited without letting others run in between. */
const SLOTS_A_SLICE = 128;

export interface TableCommand {
  readonly table: TableView;
  readonly command: DataCommand;
  /** Must stay as it is until the reply is there. */
  readonly argv: Argv;
  readonly protocol: Protocol;
}

export interface SlotRunnerDeps {
  readonly executors: Executors;
  readonly routes: Routes;
  readonly forwarder: Forwarder;
  readonly turn: Turn;
  readonly blocking: BlockedClients;
  readonly clock: Clock;
}

export class SlotRunner {
  readonly #deps: SlotRunnerDeps;

  constructor(deps: SlotRunnerDeps) {
    this.#deps = deps;
  }

  /** The reply of a command that concerns one slot. Never rejects. */
  async run(what: TableCommand, slot: number): Promise<Buffer> {
    const { clock, executors, routes } = this.#deps;
    const deadlineMs = clock.monotonicMs() + ROUTE_WAIT_MS;
    for (;;) {
      const executor = executors.find(what.table.id, slot);
      const bytes = executor?.isServing
        ? await this.#runLocal(what, executor)
        : await this.#runRemote(what, slot, deadlineMs);
      if (bytes !== undefined) return bytes;
      if (clock.monotonicMs() > deadlineMs) return errorReply(this.#explain(what.table, slot));
      await new Promise<void>((resolve) => routes.lookAgain(resolve));
    }
  }

  /** The replies of all slots and leaders of a table, to be joined. Never rejects. */
  async runOnLeaders(what: TableCommand): Promise<readonly Buffer[]> {
    const { routes } = this.#deps;
    const table = routes.table;
    if (table === undefined || table.hasLeaderless(what.table.id)) {
      return [errorReply(`CLUSTERDOWN table '${what.table.name}' has slots without a leader`)];
    }
    const parts = table
      .leaders(what.table.id)
      .map((node) => (node === routes.self ? this.runOnLed(what) : this.#runOnPeer(what, node)));
    return (await Promise.all(parts)).flat();
  }

  /** The replies of all slots of a table that this node leads. */
  async runOnLed(what: TableCommand): Promise<readonly Buffer[]> {
    const replies: Buffer[] = [];
    const led = [...this.#deps.executors.leading(what.table.id)];
    // What lists keys reads whole slots: one at a time, so that only one slot's records are in memory.
    const sliceSize =
      what.command.fanOut?.over === "leaders" && what.command.fanOut.join === "arrays" ? 1 : SLOTS_A_SLICE;
    for (let from = 0; from < led.length; from += sliceSize) {
      const slice = led.slice(from, from + sliceSize);
      replies.push(...(await Promise.all(slice.map((executor) => this.run(what, executor.slot)))));
    }
    return replies;
  }

  async #runOnPeer(what: TableCommand, node: NodeId): Promise<readonly Buffer[]> {
    const result = await this.#forward(node, requestOf(what, { slot: "leading" }, this.#deps.routes.epoch));
    switch (result.kind) {
      case "reply":
        return [Buffer.from(result.buf.subarray(result.start, result.end))];
      case "unknown":
        return [errorReply(outcomeUnknownText(result.error))];
      case "unreachable":
        return [errorReply(unreachableText(result.error))];
      case "refused":
      case "watchBroken":
        return [errorReply("TRYAGAIN the leaders of the table are changing")];
    }
  }

  /** Undefined when the replica does not serve. */
  async #runLocal(what: TableCommand, executor: SlotExecutor): Promise<Buffer | undefined> {
    const reply = new ReplyWriter();
    reply.protocol = what.protocol;
    for (;;) {
      const outcome = executor.execute(what.command, what.argv, reply);
      if (outcome === "miss") {
        await executor.loaded();
        if (!executor.isServing) return undefined;
        continue;
      }
      if (outcome === "refused") {
        const { refusal } = executor;
        return refusal?.reason === "limit" ? errorReply(refusal.error) : undefined;
      }
      if (outcome === "block") what.command.replyTimeout?.(reply);
      if (this.#deps.blocking.hasTouched) this.#deps.blocking.serve();
      const error = await this.#deps.turn.ended();
      return error === undefined ? reply.buf.subarray(0, reply.length) : errorReply(error);
    }
  }

  /** Undefined when nobody takes it now. */
  async #runRemote(what: TableCommand, slot: number, deadlineMs: number): Promise<Buffer | undefined> {
    const { routes, clock } = this.#deps;
    const route = routes.table?.find(what.table.id, slot);
    if (route?.kind !== "forward" && route?.kind !== "redirect") return undefined;
    const node = route.kind === "forward" ? route.node : route.node.id;
    const result = await this.#forward(node, requestOf(what, { slot }, routes.epoch));
    switch (result.kind) {
      case "reply":
        return Buffer.from(result.buf.subarray(result.start, result.end));
      case "unknown":
        return errorReply(outcomeUnknownText(result.error));
      case "unreachable":
        return clock.monotonicMs() > deadlineMs ? errorReply(unreachableText(result.error)) : undefined;
      case "refused":
      case "watchBroken":
        return undefined;
    }
  }

  #forward(node: NodeId, request: ForwardRequest): Promise<ForwardResult> {
    return new Promise((onForwardResult) => {
      this.#deps.forwarder.forward(node, request, { onForwardResult });
    });
  }

  #explain(table: TableView, slot: number): string {
    const kind = this.#deps.routes.table?.find(table.id, slot).kind;
    return kind === "local" ? notServedText(table.name, slot) : noLeaderText(table.name, slot);
  }
}

function requestOf(what: TableCommand, scope: ForwardRequest["scope"], epoch: number): ForwardRequest {
  return {
    table: what.table.id,
    scope,
    epoch,
    protocol: what.protocol,
    commands: [what.argv],
    isExec: false,
    watchId: undefined,
  };
}
