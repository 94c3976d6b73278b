/**
 * Runs EXEC and WATCH at the leader of their slot, here or at a peer.
 * The data commands of a transaction run as one (one overlay, one log entry); commands of the connection among them
 * run in their places, but beside the data. A transaction whose watch was lost answers nil.
 */

import type { Argv } from "../base/argv.ts";
import { assert } from "../base/assert.ts";
import type { DataCommand, LaterReply } from "../commands/command.ts";
import type { Session } from "../commands/session.ts";
import { slotOf } from "../meta/slot.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { type Protocol, ReplyWriter } from "../resp/reply.ts";
import { headerNumber, lineEnd, replyEnd } from "../resp/reply-scan.ts";
import type { ForwardRequest, ForwardResult } from "../router/forwarding.ts";
import type { SlotExecutor } from "../shard/executor.ts";
import { execAbortText, noLeaderText, notServedText, outcomeUnknownText, unreachableText } from "./refusals.ts";
import { ROUTE_WAIT_MS, type SlotRunnerDeps } from "./slot-runner.ts";
import type { TableView } from "./tables.ts";
import type { ClosedTransaction, TransactionRunner } from "./transactions.ts";
import { LocalWatch, type WatchSet } from "./watch.ts";
import type { WrittenSlots } from "./written-slots.ts";

/** What the data commands of a transaction came to. */
type DataResult =
  /** Their replies, one behind the other. */
  | { readonly kind: "replies"; readonly bytes: Buffer }
  | { readonly kind: "broken" }
  | { readonly kind: "error"; readonly text: string };

type DataBatch = readonly { readonly command: DataCommand; readonly argv: Argv }[];

const ERROR_TYPE = 45;
const ARRAY_TYPE = 42;
const NO_BYTES = Buffer.alloc(0);

export class ExecRunner implements TransactionRunner {
  readonly #deps: SlotRunnerDeps;
  readonly #session: Session;
  readonly #tableOf: () => TableView;
  readonly #written: WrittenSlots;

  /** @param own.tableOf the table that the connection sees; own.written is told of the slots it writes to. */
  constructor(
    session: Session,
    deps: SlotRunnerDeps,
    own: { readonly tableOf: () => TableView; readonly written: WrittenSlots },
  ) {
    this.#session = session;
    this.#deps = deps;
    this.#tableOf = own.tableOf;
    this.#written = own.written;
  }

  get table(): TableView {
    return this.#tableOf();
  }

  run(transaction: ClosedTransaction, reply: ReplyWriter): void | Promise<LaterReply> {
    const { table, watches } = transaction;
    const slot = transaction.slot >= 0 ? transaction.slot : watches.slot;
    const batch = dataOf(transaction);
    if (slot >= 0 && batch.length > 0) this.#written.note(table.id, slot);
    const executor = slot < 0 ? undefined : this.#deps.executors.find(table.id, slot);
    if (executor?.isServing && batch.length === transaction.commands.length && watches.remoteId === undefined) {
      if (!isIntact(watches, executor)) {
        reply.nilArray();
        return;
      }
      const mark = reply.mark();
      reply.array(batch.length);
      if (batch.length === 0 || executor.executeAll(batch, reply) === "done") return;
      reply.rewind(mark);
    }
    return this.#runLater(transaction, slot, batch);
  }

  watch(watches: WatchSet, argv: Argv, reply: ReplyWriter): void | Promise<LaterReply> {
    const table = this.#tableOf();
    let slot = watches.slot;
    for (let i = 1; i < argv.count; i++) {
      const own = slotOf(argv.buf, argv.start(i), argv.end(i), table.slots);
      if (slot >= 0 && own !== slot) {
        reply.error(ERRORS.crossSlot);
        return;
      }
      slot = own;
    }
    const keys = Array.from({ length: argv.count - 1 }, (_, i) => Buffer.from(argv.view(i + 1)));
    if (!watches.takeRoom(keys)) {
      watches.isBroken = true;
      reply.error("ERR too many keys are watched: UNWATCH first");
      return;
    }
    const executor = this.#deps.executors.find(table.id, slot);
    if (executor?.isServing && watches.remoteId === undefined) {
      if (watches.local !== undefined && watches.local.executor !== executor) watches.isBroken = true;
      watches.slot = slot;
      watches.local ??= new LocalWatch(executor);
      for (const key of keys) watches.local.add(key);
      reply.ok();
      return;
    }
    return this.#watchRemote(watches, table, { slot, keys });
  }

  unwatch(watches: WatchSet): void {
    watches.clear(this.#deps.forwarder);
  }

  async #watchRemote(
    watches: WatchSet,
    table: TableView,
    what: { slot: number; keys: readonly Buffer[] },
  ): Promise<LaterReply> {
    const route = this.#deps.routes.table?.find(table.id, what.slot);
    if (route?.kind !== "forward") {
      const text = route?.kind === "local" ? notServedText : noLeaderText;
      return (reply) => reply.error(text(table.name, what.slot));
    }
    // A watch of the old keys too is made first, then the old watch is tried: so no change in between is missed.
    const keys = [...watches.remoteKeys, ...what.keys];
    const former = watches.remoteId;
    if (watches.local !== undefined) watches.isBroken = true;
    watches.slot = what.slot;
    watches.remoteKeys = keys;
    watches.remoteId = await new Promise<number | undefined>((resolve) => {
      this.#deps.forwarder.watch(route.node, { table: table.id, slot: what.slot, keys }, resolve);
    });
    if (watches.remoteId === undefined) watches.isBroken = true;
    if (former !== undefined) {
      const request = this.#request({ table, slot: what.slot, batch: [], watchId: former });
      const result = await this.#forward(route.node, request);
      if (result.kind !== "reply") watches.isBroken = true;
    }
    return (reply) => reply.ok();
  }

  async #runLater(transaction: ClosedTransaction, slot: number, batch: DataBatch): Promise<LaterReply> {
    const { commands, watches } = transaction;
    const result =
      slot < 0 ? { kind: "replies" as const, bytes: NO_BYTES } : await this.#runData(transaction, slot, batch);
    watches.clear(this.#deps.forwarder);
    if (result.kind === "broken") return (reply) => reply.nilArray();
    if (result.kind === "error") return (reply) => reply.error(result.text);
    const parts: Buffer[] = [];
    let at = 0;
    for (const { plan, argv } of commands) {
      if (plan.data !== undefined) {
        const end = replyEnd(result.bytes, at);
        parts.push(result.bytes.subarray(at, end));
        at = end;
      } else if (plan.command.scope === "session") {
        const own = new ReplyWriter();
        own.protocol = this.#session.protocol;
        const later = plan.command.execute(this.#session, argv, own);
        if (later !== undefined) (await later)(own);
        parts.push(own.buf.subarray(0, own.length));
      }
    }
    return (reply) => {
      reply.array(parts.length);
      for (const part of parts) reply.raw(part);
    };
  }

  async #runData(transaction: ClosedTransaction, slot: number, batch: DataBatch): Promise<DataResult> {
    const { clock, executors, routes } = this.#deps;
    const { table, watches } = transaction;
    const deadlineMs = clock.monotonicMs() + ROUTE_WAIT_MS;
    for (;;) {
      const executor = executors.find(table.id, slot);
      if (executor?.isServing) {
        if (!isIntact(watches, executor)) return { kind: "broken" };
        const result = await this.#runLocal(executor, batch);
        if (result !== undefined) return result;
      } else {
        if (watches.local !== undefined) return { kind: "broken" };
        const result = await this.#runRemote(transaction, slot, batch);
        if (result !== undefined) return result;
      }
      if (clock.monotonicMs() > deadlineMs) {
        const kind = routes.table?.find(table.id, slot).kind;
        return { kind: "error", text: (kind === "local" ? notServedText : noLeaderText)(table.name, slot) };
      }
      await new Promise<void>((resolve) => routes.lookAgain(resolve));
    }
  }

  /** Undefined to look again: the watches are checked anew then. */
  async #runLocal(executor: SlotExecutor, batch: DataBatch): Promise<DataResult | undefined> {
    const reply = new ReplyWriter();
    reply.protocol = this.#session.protocol;
    if (batch.length === 0) return { kind: "replies", bytes: NO_BYTES };
    const outcome = executor.executeAll(batch, reply);
    if (outcome === "miss") {
      await executor.loaded();
      return undefined;
    }
    if (outcome === "refused") {
      const { refusal } = executor;
      if (refusal?.reason !== "limit") return undefined;
      return { kind: "error", text: execAbortText(refusal.error) };
    }
    if (this.#deps.blocking.hasTouched) this.#deps.blocking.serve();
    const error = await this.#deps.turn.ended();
    if (error !== undefined) return { kind: "error", text: error };
    return { kind: "replies", bytes: reply.buf.subarray(0, reply.length) };
  }

  /** Undefined where nobody takes it now. */
  async #runRemote(transaction: ClosedTransaction, slot: number, batch: DataBatch): Promise<DataResult | undefined> {
    const { table, watches } = transaction;
    const route = this.#deps.routes.table?.find(table.id, slot);
    if (watches.isBroken) return { kind: "broken" };
    if (route?.kind !== "forward") return undefined;
    const watchId = watches.remoteId;
    watches.remoteId = undefined;
    const result = await this.#forward(route.node, this.#request({ table, slot, batch, watchId }));
    switch (result.kind) {
      case "reply":
        return repliesOf(result.buf.subarray(result.start, result.end), batch.length);
      case "watchBroken":
        return { kind: "broken" };
      case "unknown":
        return { kind: "error", text: outcomeUnknownText(result.error) };
      case "unreachable":
        return { kind: "error", text: unreachableText(result.error) };
      case "refused":
        return watchId === undefined ? undefined : { kind: "broken" };
    }
  }

  #request(what: { table: TableView; slot: number; batch: DataBatch; watchId: number | undefined }): ForwardRequest {
    const protocol: Protocol = this.#session.protocol;
    return {
      table: what.table.id,
      scope: { slot: what.slot },
      epoch: this.#deps.routes.epoch,
      protocol,
      commands: what.batch.map(({ argv }) => argv),
      isExec: true,
      watchId: what.watchId,
    };
  }

  #forward(node: Parameters<SlotRunnerDeps["forwarder"]["forward"]>[0], request: ForwardRequest) {
    return new Promise<ForwardResult>((onForwardResult) => {
      this.#deps.forwarder.forward(node, request, { onForwardResult });
    });
  }
}

function dataOf(transaction: ClosedTransaction): DataBatch {
  const batch: { command: DataCommand; argv: Argv }[] = [];
  for (const { plan, argv } of transaction.commands) if (plan.data) batch.push({ command: plan.data, argv });
  return batch;
}

/** Takes what a peer answered to an EXEC apart: the array of its replies, or the error for which nothing was executed. */
function repliesOf(bytes: Buffer, count: number): DataResult {
  const end = lineEnd(bytes, 0);
  if (bytes[0] === ERROR_TYPE) return { kind: "error", text: bytes.toString("latin1", 1, end - 2) };
  assert(bytes[0] === ARRAY_TYPE && headerNumber(bytes, 0) === count, "a forwarded EXEC answers each of its commands");
  return { kind: "replies", bytes: Buffer.from(bytes.subarray(end)) };
}

function isIntact(watches: WatchSet, executor: SlotExecutor): boolean {
  if (watches.isBroken || watches.remoteId !== undefined) return false;
  return watches.local === undefined || (watches.local.executor === executor && watches.local.isIntact());
}
