/**
 * Answers commands that peers forward, on the slots that this node leads, through the same executors as its own
 * clients' commands. Replies leave after the turn's append, as those of clients do.
 * They are executed in the order in which they came, but reads may overtake reads: one that waits for records holds up
 * the writes of its slot, and a write that waits holds up all (slot-order.ts).
 * What this node does not lead is refused with the epoch of its topology: nothing was executed then.
 * A command whose keys are not of the slot that the peer names gets an error and is not executed: it would write them
 * where nobody finds them.
 */

import type { Argv } from "../base/argv.ts";
import type { DataCommand } from "../commands/command.ts";
import type { CommandRegistry } from "../commands/registry.ts";
import type { Session } from "../commands/session.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import type {
  ForwardedRun,
  ForwardHandler,
  ForwardRequest,
  ForwardResponder,
  ForwardRunResponder,
  PendingForward,
  WatchRequest,
} from "../router/forwarding.ts";
import type { SlotExecutor } from "../shard/executor.ts";
import type { BlockedOwner } from "./blocking.ts";
import { CommandPlan, keyPositions, NO_KEYS, UNCLEAR_KEYS } from "./command-plan.ts";
import { errorReply, execAbortText } from "./refusals.ts";
import type { ReplicaWaits } from "./replica-waits.ts";
import { RunReplies } from "./run-replies.ts";
import { type OrderedRequest, SlotOrder } from "./slot-order.ts";
import type { SlotRunnerDeps } from "./slot-runner.ts";
import type { SpreadRunner } from "./spread-runner.ts";
import type { Tables } from "./tables.ts";
import type { TurnParticipant } from "./turn.ts";
import { LocalWatch } from "./watch.ts";

/** Watches that peers may hold at once; beyond it WATCH of a forwarded slot fails. */
const MAX_WATCHES = 100_000;
/** Replies to one run in one turn, after which the rest of it waits for the next: as a connection of a client. */
const RUN_TURN_BYTES = 1024 * 1024;
const MISPLACED = "ERR the keys of a forwarded command are not of the slot that its node named: nothing was executed";

export interface PeerRequestsDeps extends SlotRunnerDeps {
  readonly registry: CommandRegistry<Session>;
  readonly spread: SpreadRunner;
  readonly tables: Tables;
  readonly waits: ReplicaWaits;
}

/** A request of one slot whose commands are known and that this node leads. */
interface SlotRequest {
  readonly request: ForwardRequest;
  readonly responder: ForwardResponder;
  readonly executor: SlotExecutor;
  readonly commands: readonly DataCommand[];
}

export class PeerRequests implements ForwardHandler {
  readonly #deps: PeerRequestsDeps;
  readonly #watches = new Map<number, LocalWatch>();
  /** Of slots for which requests wait for records. */
  readonly #orders = new Map<SlotExecutor, SlotOrder<WaitingRequest>>();
  readonly #plans = new Map<DataCommand, CommandPlan>();
  #lastWatchId = 0;

  constructor(deps: PeerRequestsDeps) {
    this.#deps = deps;
  }

  handle(request: ForwardRequest, responder: ForwardResponder): PendingForward | undefined {
    const { registry, executors, routes } = this.#deps;
    const commands: DataCommand[] = [];
    for (const argv of request.commands) {
      const command = registry.resolve(argv);
      if (typeof command !== "string" && command.name === "wait") return this.#wait(request, responder, argv);
      if (typeof command === "string" || command.scope !== "data") {
        respond(responder, typeof command === "string" ? command : "ERR not a command over data");
        return undefined;
      }
      commands.push(command);
    }
    const { slot } = request.scope;
    if (slot === "leading") {
      this.#runOnLed(request, responder, commands[0]);
      return undefined;
    }
    const executor = executors.find(request.table, slot);
    if (!executor?.isServing) {
      responder.refuse(routes.epoch);
      return undefined;
    }
    if (!commands.every((command, i) => this.#isPlaced(command, request.commands[i] as Argv, executor))) {
      respond(responder, MISPLACED);
      return undefined;
    }
    return this.#admit({ request, responder, executor, commands });
  }

  handleRun(run: ForwardedRun, responder: ForwardRunResponder): void {
    const stop = this.#runFrom(run, responder, 0);
    if (stop < run.count) this.#runRest(ownedRun(run, stop), responder, stop);
  }

  /** Runs what a turn has room for, but one command in any case; answers the index of the first that was not run. */
  #runFrom(run: ForwardedRun, responder: ForwardRunResponder, from: number): number {
    const { turn, blocking, routes } = this.#deps;
    const replies = new RunReplies(responder, routes.epoch);
    const { reply } = turn;
    reply.protocol = run.protocol;
    const fullLength = reply.length + RUN_TURN_BYTES;
    let i = from;
    do {
      const start = reply.length;
      if (this.#runMember(run, i, replies)) replies.add(i, start, reply.length);
      if (blocking.hasTouched) blocking.serve();
      i++;
    } while (i < run.count && reply.length < fullLength && !turn.isFull);
    if (!replies.isEmpty) turn.join(replies);
    return i;
  }

  /** Runs the commands from `from` on in the turns to come, before all else that the peer has sent. */
  #runRest(run: ForwardedRun, responder: ForwardRunResponder, from: number): void {
    responder.hold();
    this.#deps.turn.join({
      onTurnEnd: () => {
        if (!responder.isWanted) return;
        const stop = this.#runFrom(run, responder, from);
        if (stop < run.count) this.#runRest(run, responder, stop);
        else responder.release();
      },
    });
  }

  /** Runs one command of a run: false where it is answered by itself; without a reply where it is refused. */
  #runMember(run: ForwardedRun, index: number, replies: RunReplies): boolean {
    const { registry, executors, turn } = this.#deps;
    const { reply } = turn;
    const argv = run.commands[index] as Argv;
    const command = registry.resolve(argv);
    if (typeof command === "string" || command.scope !== "data" || command.flags.includes("blocking")) {
      reply.error(typeof command === "string" ? command : "ERR not a command that is forwarded in a run");
      return true;
    }
    const executor = executors.find(run.table, run.slots[index] as number);
    if (!executor?.isServing) return true;
    if (!this.#isPlaced(command, argv, executor)) {
      reply.error(MISPLACED);
      return true;
    }
    const isOrdered = this.#orders.size > 0 && this.#orders.has(executor);
    const mark = reply.length;
    const outcome = isOrdered ? "miss" : executor.execute(command, argv, reply);
    if (outcome === "done") return true;
    reply.rewind(mark);
    if (outcome === "refused") {
      if (executor.refusal?.reason === "limit") reply.error(executor.refusal.error);
      return true;
    }
    const scope = { slot: executor.slot };
    const { table, epoch, protocol } = run;
    const request = { table, scope, epoch, protocol, commands: [argv], isExec: false, watchId: undefined };
    const what = { request, responder: replies.responderOf(index), executor, commands: [command] };
    if (isOrdered) this.#admit(what);
    else this.#load(new WaitingRequest(owned(what)));
    return false;
  }

  /** Whether the slot may execute the command: its keys are of it, or it has none that are clear. */
  #isPlaced(command: DataCommand, argv: Argv, executor: SlotExecutor): boolean {
    const table = this.#deps.tables.get(executor.table);
    if (table === undefined) return false;
    let plan = this.#plans.get(command);
    if (plan === undefined) {
      plan = new CommandPlan(command);
      this.#plans.set(command, plan);
    }
    const slot = plan.slotOfKeys(argv, table.slots);
    return slot === executor.slot || slot === NO_KEYS || slot === UNCLEAR_KEYS;
  }

  /** WAIT for slots that this node leads. */
  #wait(request: ForwardRequest, responder: ForwardResponder, argv: Argv): PendingForward | undefined {
    const leaving = new AbortController();
    const { slot } = request.scope;
    const slots = slot === "leading" ? undefined : new Set([slot]);
    const [count, timeoutMs] = [Number(argv.text(1)), Number(argv.text(2))];
    if (!(count >= 0 && timeoutMs >= 0)) {
      respond(responder, "ERR value is not an integer or out of range");
      return undefined;
    }
    void this.#deps.waits
      .here({ table: request.table, slots, count, timeoutMs, signal: leaving.signal })
      .then((found) => {
        const bytes = Buffer.from(`:${found}\r\n`);
        responder.reply(bytes, 0, bytes.length);
      });
    return { cancel: () => leaving.abort() };
  }

  watch(request: WatchRequest): number | undefined {
    const executor = this.#deps.executors.find(request.table, request.slot);
    if (!executor?.isServing || this.#watches.size >= MAX_WATCHES) return undefined;
    const watch = new LocalWatch(executor);
    for (const key of request.keys) watch.add(Buffer.from(key));
    const id = ++this.#lastWatchId;
    this.#watches.set(id, watch);
    return id;
  }

  unwatch(watchId: number): void {
    this.#watches.delete(watchId);
  }

  /** Runs a request, or lets it wait behind those of its slot that it may not overtake. */
  #admit(what: SlotRequest): PendingForward | undefined {
    const order = this.#orders.get(what.executor);
    if (order?.mustHold(isWrite(what))) {
      const waiting = new WaitingRequest(owned(what));
      order.hold(waiting);
      return waiting;
    }
    const result = this.#run(what);
    if (result !== "miss") return result;
    const waiting = new WaitingRequest(owned(what));
    this.#load(waiting);
    return waiting;
  }

  #run(what: SlotRequest): PendingForward | "miss" | undefined {
    if (what.executor.isServing) return what.request.isExec ? this.#runExec(what) : this.#runOne(what);
    this.#refuse(what.executor, what.responder);
    return undefined;
  }

  /** The request has just missed: it runs again when its records are read. */
  #load(waiting: WaitingRequest): void {
    const { executor } = waiting.what;
    let order = this.#orders.get(executor);
    if (order === undefined) {
      order = new SlotOrder();
      this.#orders.set(executor, order);
    }
    order.begin(waiting);
    this.#runLoaded(waiting, order);
  }

  #runLoaded(waiting: WaitingRequest, order: SlotOrder<WaitingRequest>): void {
    const { executor } = waiting.what;
    void executor.loaded().then(() => {
      if (this.#runWaiting(waiting) === "miss") {
        this.#runLoaded(waiting, order);
        return;
      }
      order.end(waiting);
      for (let next = order.next(); next !== undefined; next = order.next()) {
        if (this.#runWaiting(next) === "miss") this.#load(next);
      }
      if (order.isIdle) this.#orders.delete(executor);
    });
  }

  #runWaiting(waiting: WaitingRequest): "miss" | undefined {
    if (waiting.isCancelled) return undefined;
    const result = this.#run(waiting.what);
    if (result === "miss") return "miss";
    waiting.pending = result;
    return undefined;
  }

  #runOne(what: SlotRequest): PendingForward | "miss" | undefined {
    const { turn, blocking } = this.#deps;
    const { request, responder, executor } = what;
    const command = what.commands[0] as DataCommand;
    const argv = request.commands[0] as Argv;
    const { reply } = turn;
    const start = reply.length;
    reply.protocol = request.protocol;
    const outcome = executor.execute(command, argv, reply);
    if (outcome === "done") {
      turn.join(new TurnAnswer(responder, start, reply.length));
      if (blocking.hasTouched) blocking.serve();
      return undefined;
    }
    reply.rewind(start);
    if (outcome === "miss") return "miss";
    if (outcome === "block") return this.#block(what, command, argv);
    this.#refuse(executor, responder);
    return undefined;
  }

  #block(what: SlotRequest, command: DataCommand, argv: Argv): PendingForward | undefined {
    const { responder, request, executor } = what;
    const timeoutMs = command.timeoutMs?.(argv) ?? 0;
    if (typeof timeoutMs === "string") {
      respond(responder, timeoutMs);
      return undefined;
    }
    const owned = argv.own();
    const keys = (keyPositions(command, owned) ?? []).map((index) => Buffer.from(owned.view(index)));
    const { protocol } = request;
    const { turn, routes, blocking } = this.#deps;
    const owner: BlockedOwner = {
      onServed: (bytes) => {
        void turn.ended().then((error) => {
          const safe = error === undefined ? bytes : errorReply(error);
          responder.reply(safe, 0, safe.length);
        });
      },
      onReleased: (bytes) => responder.reply(bytes, 0, bytes.length),
      onMoved: () => responder.refuse(routes.epoch),
    };
    return blocking.add({ executor, command, argv: owned, keys, protocol, timeoutMs }, owner);
  }

  #runExec(what: SlotRequest): "miss" | undefined {
    const { request, responder, executor, commands } = what;
    const { turn, blocking } = this.#deps;
    if (request.watchId !== undefined && this.#watches.get(request.watchId)?.isIntact() !== true) {
      responder.breakWatch();
      return undefined;
    }
    const { reply } = turn;
    const start = reply.length;
    reply.protocol = request.protocol;
    const batch = commands.map((command, i) => ({ command, argv: request.commands[i] as Argv }));
    reply.array(batch.length);
    const outcome = batch.length === 0 ? "done" : executor.executeAll(batch, reply);
    if (outcome === "done") {
      turn.join(new TurnAnswer(responder, start, reply.length));
      if (blocking.hasTouched) blocking.serve();
      return undefined;
    }
    reply.rewind(start);
    if (outcome === "miss") return "miss";
    const { refusal } = executor;
    if (refusal?.reason === "limit") respond(responder, execAbortText(refusal.error));
    else responder.refuse(this.#deps.routes.epoch);
    return undefined;
  }

  #runOnLed(request: ForwardRequest, responder: ForwardResponder, command: DataCommand | undefined): void {
    const table = this.#deps.tables.get(request.table);
    const argv = request.commands[0];
    if (table === undefined || command === undefined || argv === undefined) {
      responder.refuse(this.#deps.routes.epoch);
      return;
    }
    const what = { table, command, argv: argv.own(), protocol: request.protocol };
    void this.#deps.spread.runOnLed(what).then((bytes) => responder.reply(bytes, 0, bytes.length));
  }

  #refuse(executor: SlotExecutor, responder: ForwardResponder): void {
    const { refusal } = executor;
    if (refusal?.reason === "limit") respond(responder, refusal.error);
    else responder.refuse(this.#deps.routes.epoch);
  }
}

/** A request that waits for records, or for others of its slot. */
class WaitingRequest implements PendingForward, OrderedRequest {
  readonly what: SlotRequest;
  readonly isWrite: boolean;
  isCancelled = false;
  /** How to cancel it once it has run and blocks. */
  pending: PendingForward | undefined;

  constructor(what: SlotRequest) {
    this.what = what;
    this.isWrite = isWrite(what);
  }

  cancel(): void {
    this.isCancelled = true;
    this.pending?.cancel();
  }
}

function isWrite({ commands }: SlotRequest): boolean {
  return commands.some(({ flags }) => flags.includes("write"));
}

/** The same with arguments of its own memory. */
function owned(what: SlotRequest): SlotRequest {
  return { ...what, request: { ...what.request, commands: what.request.commands.map((argv) => argv.own()) } };
}

/** The same from a command on, with arguments of its own memory; what is before is not to be asked for. */
function ownedRun(run: ForwardedRun, from: number): ForwardedRun {
  const commands = Array.from({ length: run.count }, (_, i) => {
    const argv = run.commands[i] as Argv;
    return i < from ? argv : argv.own();
  });
  return { ...run, slots: run.slots.slice(0, run.count), commands };
}

function respond(responder: ForwardResponder, error: string): void {
  const bytes = errorReply(error);
  responder.reply(bytes, 0, bytes.length);
}

/** The reply to one forwarded command in the turn's buffer. */
class TurnAnswer implements TurnParticipant {
  readonly #responder: ForwardResponder;
  readonly #start: number;
  readonly #end: number;

  constructor(responder: ForwardResponder, start: number, end: number) {
    this.#responder = responder;
    this.#start = start;
    this.#end = end;
  }

  onTurnEnd(reply: ReplyWriter, error: string | undefined): void {
    if (error === undefined) this.#responder.reply(reply.buf, this.#start, this.#end);
    else respond(this.#responder, error);
  }
}
