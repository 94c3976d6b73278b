/**
 * Decides what becomes of each command of a client: refused, queued in a transaction, run by the connection's own
 * commands, run on a slot of this node, forwarded to the slot's leader, or split over slots.
 *
 * Order (DESIGN §3, §4.7). Replies come in the order of the commands. A command runs while earlier ones are
 * unanswered only if those were all forwarded under the epoch that still holds: each slot then still has the one
 * destination that it had, so no two commands for a slot can overtake each other. All else waits for the queue
 * to be empty. A forwarded command that was refused is tried again once all sent with it are answered, unless a later
 * one for its slot was executed meanwhile.
 */

import type { Argv } from "../base/argv.ts";
import type { SessionCommand } from "../commands/command.ts";
import type { CommandRegistry } from "../commands/registry.ts";
import type { Session } from "../commands/session.ts";
import { redisSlotOf } from "../meta/slot.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { ReplyWriter } from "../resp/reply.ts";
import type { Executors, SlotExecutor } from "../shard/executor.ts";
import type { BlockedClients, BlockedOwner } from "./blocking.ts";
import type { Client, Verdict } from "./client.ts";
import { CommandPlan, keyPositions, LONG_KEY, NO_KEYS, SEVERAL_SLOTS, UNCLEAR_KEYS } from "./command-plan.ts";
import type { ForwardedCommands } from "./forwarded-commands.ts";
import type { ClientPause } from "./pause.ts";
import { errorReply, LEADER_LOST, movedText, noLeaderText, notServedText } from "./refusals.ts";
import type { PendingReply } from "./reply-queue.ts";
import type { Routes } from "./routes.ts";
import { ROUTE_WAIT_MS, type SlotRunnerDeps } from "./slot-runner.ts";
import type { SpreadRunner } from "./spread-runner.ts";
import type { TableView } from "./tables.ts";
import type { Turn } from "./turn.ts";

export interface DispatcherDeps extends SlotRunnerDeps {
  readonly registry: CommandRegistry<Session>;
  readonly spread: SpreadRunner;
  readonly forwarded: ForwardedCommands;
  readonly pause: ClientPause;
  /** By how much the next write is to be put off, ms. */
  readonly writeDelayMs: () => number;
}

/** A client's command. */
interface Planned {
  readonly client: Client;
  readonly plan: CommandPlan;
  readonly argv: Argv;
}

/** The same with its slot, or why it has none. */
interface Placed extends Planned {
  readonly slot: number;
}

export class Dispatcher {
  /** The plan of the command dispatched last; undefined where there was none. */
  plan: CommandPlan | undefined;
  readonly plans: ReadonlyMap<unknown, CommandPlan>;
  readonly #registry: CommandRegistry<Session>;
  readonly #executors: Executors;
  readonly #turn: Turn;
  readonly #routes: Routes;
  readonly #blocking: BlockedClients;
  readonly #pause: ClientPause;
  readonly #deps: DispatcherDeps;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#registry = deps.registry;
    this.#executors = deps.executors;
    this.#turn = deps.turn;
    this.#routes = deps.routes;
    this.#blocking = deps.blocking;
    this.#pause = deps.pause;
    this.plans = new Map(deps.registry.all.map((command) => [command, new CommandPlan(command)]));
  }

  /** Runs one command of a client. `argv` is read before this returns, unless the verdict is to dispatch it again. */
  dispatch(client: Client, argv: Argv): Verdict {
    const { session } = client;
    const { reply } = this.#turn;
    const found = this.#registry.resolve(argv);
    if (typeof found === "string") {
      this.plan = undefined;
      const { transaction } = session;
      if (transaction.isOpen && argv.lengthOf(0) === 4 && argv.text(0).toLowerCase() === "exec") {
        transaction.discard();
        return this.#refuse(client, `EXECABORT Transaction discarded because of: ${found.replace(/^ERR /, "")}`);
      }
      return this.#refuse(client, found);
    }
    const plan = this.plans.get(found) as CommandPlan;
    this.plan = plan;
    client.lastCommand = plan.command.name;
    if (!plan.isNoAuth && !session.access.isAuthenticated) return this.#refuse(client, ERRORS.noAuth);
    if (plan.isAdmin && !session.access.isAdmin) return this.#refuse(client, ERRORS.notAdmin);
    if (session.transaction.isOpen && !plan.isTransactionControl) {
      const error = session.transaction.queue(plan, argv);
      if (error === undefined) reply.simple("QUEUED");
      else reply.error(error);
      return "done";
    }
    if (this.#pause.isActive) {
      const isWrite = plan.isWrite || (plan.isExec && session.transaction.hasWrites);
      if (this.#pause.holds(session.access.table.id, isWrite)) {
        this.#pause.wait(client);
        return "retry";
      }
    }
    return plan.data === undefined ? this.#runSession(client, plan, argv) : this.#runData(client, plan, argv);
  }

  #runData(client: Client, plan: CommandPlan, argv: Argv): Verdict {
    const { table } = client.session.access;
    let slot = plan.slotOfKeys(argv, table.slots);
    if (slot < 0) {
      if (slot === LONG_KEY) return this.#refuse(client, ERRORS.keyTooLong);
      const isAnywhere = slot === UNCLEAR_KEYS || (slot === NO_KEYS && table.slots === 1);
      if (!isAnywhere) return this.#runSpread({ client, plan, argv, slot });
      slot = 0;
    }
    if (!client.queue.isEmpty && !this.#mayOverlap(client, plan)) return "whenEmpty";
    if (plan.isWrite) client.session.written.note(table.id, slot);
    const executor = this.#executors.find(table.id, slot);
    if (executor === undefined || !executor.isServing) return this.#runElsewhere({ client, plan, argv, table, slot });
    if (plan.isWrite && this.#delays(client)) return "retry";
    const data = plan.data as NonNullable<CommandPlan["data"]>;
    const { reply } = this.#turn;
    const mark = reply.length;
    const outcome = executor.execute(data, argv, reply);
    if (outcome === "done") {
      if (this.#blocking.hasTouched) this.#blocking.serve();
      client.waitDeadlineMs = 0;
      return "done";
    }
    reply.rewind(mark);
    if (outcome === "block") return this.#block({ client, plan, argv }, executor);
    if (outcome === "miss") {
      if (!client.queue.isEmpty) return "whenEmpty";
      void executor.loaded().then(() => client.wake());
      return "retry";
    }
    const { refusal } = executor;
    if (refusal?.reason === "limit") return this.#refuse(client, refusal.error);
    return this.#waitForRoute(client, table, slot);
  }

  /** Whether a write is put off because the database is behind: once, then it runs. */
  #delays(client: Client): boolean {
    if (client.isDelayed) {
      client.isDelayed = false;
      return false;
    }
    const delayMs = this.#deps.writeDelayMs();
    if (delayMs <= 0) return false;
    client.isDelayed = true;
    this.#deps.clock.after(delayMs, () => client.wake());
    return true;
  }

  /** The slot is not served here: a peer, or a wait for who will lead it. */
  #runElsewhere(what: Placed & { readonly table: TableView }): Verdict {
    const { client, plan, argv, table, slot } = what;
    if (!table.exists) return this.#refuse(client, `ERR table '${table.name}' does not exist`);
    const route = this.#routes.table?.find(table.id, slot);
    if (route?.kind === "redirect") {
      const position = keyPositions(plan.command, argv)?.[0] ?? 0;
      const redisSlot = redisSlotOf(argv.buf, argv.start(position), argv.end(position));
      return this.#refuse(client, movedText(redisSlot, route.node.announceHost, route.node.announcePort));
    }
    if (route?.kind !== "forward") {
      if (!client.queue.isEmpty) return "whenEmpty";
      return this.#waitForRoute(client, table, slot);
    }
    if (!client.forwards.hasRoomBeside(client.queue.length)) return "whenEmpty";
    client.waitDeadlineMs = 0;
    plan.callCount++;
    return this.#deps.forwarded.send(client, { plan, argv, table, slot, node: route.node });
  }

  /** Tries again with the next topology, for a while. */
  #waitForRoute(client: Client, table: TableView, slot: number): Verdict {
    const nowMs = this.#deps.clock.monotonicMs();
    if (client.waitDeadlineMs === 0) client.waitDeadlineMs = nowMs + ROUTE_WAIT_MS;
    if (nowMs >= client.waitDeadlineMs) {
      client.waitDeadlineMs = 0;
      const isHere = this.#routes.table?.find(table.id, slot).kind === "local";
      return this.#refuse(client, (isHere ? notServedText : noLeaderText)(table.name, slot));
    }
    this.#routes.lookAgain(() => client.wake());
    return "retry";
  }

  /** Keys in several slots, or none: split, or sent to all leaders. */
  #runSpread({ client, plan, argv, slot }: Placed): Verdict {
    const data = plan.data as NonNullable<CommandPlan["data"]>;
    const { access } = client.session;
    if (!access.table.exists) return this.#refuse(client, `ERR table '${access.table.name}' does not exist`);
    const isScan = data.name === "scan";
    if (!isScan && (data.fanOut === undefined || (slot === SEVERAL_SLOTS) !== (data.fanOut.over === "keys"))) {
      return this.#refuse(client, ERRORS.crossSlot);
    }
    if (!client.queue.isEmpty) return "whenEmpty";
    if (plan.isWrite) client.session.written.noteAll(access.table.id);
    const what = { table: access.table, command: data, argv, protocol: client.session.protocol };
    const here = slot === SEVERAL_SLOTS && this.#deps.spread.runSplitHere(what, this.#turn.reply);
    if (this.#blocking.hasTouched) this.#blocking.serve();
    if (here === true) return "done";
    const place = client.queue.add();
    plan.callCount++;
    const answered = here === false ? this.#deps.spread.run({ ...what, argv: argv.own() }) : here;
    void answered.then((bytes) => place.answer(bytes));
    return "stall";
  }

  #runSession(client: Client, plan: CommandPlan, argv: Argv): Verdict {
    if (!client.queue.isEmpty) return "whenEmpty";
    const { reply } = this.#turn;
    const command = plan.command as SessionCommand<Session>;
    const later = command.execute(client.session, argv, reply);
    if (this.#blocking.hasTouched) this.#blocking.serve();
    if (later === undefined) return "done";
    const place = client.queue.add();
    plan.callCount++;
    void later.then((write) => {
      const own = new ReplyWriter();
      own.protocol = client.session.protocol;
      write(own);
      place.answer(Buffer.from(own.buf.subarray(0, own.length)));
    });
    return "stall";
  }

  #block({ client, plan, argv }: Planned, executor: SlotExecutor): Verdict {
    if (!client.queue.isEmpty) return "whenEmpty";
    const command = plan.data as NonNullable<CommandPlan["data"]>;
    const timeoutMs = command.timeoutMs?.(argv) ?? 0;
    if (typeof timeoutMs === "string") return this.#refuse(client, timeoutMs);
    const owned = argv.own();
    const keys = (keyPositions(command, owned) ?? []).map((index) => Buffer.from(owned.view(index)));
    const { protocol } = client.session;
    const place = client.queue.add();
    plan.callCount++;
    client.blocked = this.#blocking.add(
      { executor, command, argv: owned, keys, protocol, timeoutMs },
      new BlockedHere(client, place, this.#turn),
    );
    return "stall";
  }

  /** Whether a command may run while the replies of earlier ones are awaited. */
  #mayOverlap(client: Client, plan: CommandPlan): boolean {
    return !plan.isBlocking && this.#deps.forwarded.isSteady(client, this.#routes.epoch);
  }

  #refuse(client: Client, text: string): Verdict {
    client.session.transaction.spoil();
    if (this.plan !== undefined) this.plan.rejectedCount++;
    this.#turn.reply.error(text);
    return "done";
  }
}

/** A client that waits in a blocking command on this node. */
class BlockedHere implements BlockedOwner {
  readonly #client: Client;
  readonly #place: PendingReply;
  readonly #turn: Turn;

  constructor(client: Client, place: PendingReply, turn: Turn) {
    this.#client = client;
    this.#place = place;
    this.#turn = turn;
  }

  onServed(bytes: Buffer): void {
    this.#client.blocked = undefined;
    void this.#turn.ended().then((error) => {
      this.#place.answer(error === undefined ? bytes : errorReply(error));
    });
  }

  onReleased(bytes: Buffer): void {
    this.#client.blocked = undefined;
    this.#place.answer(bytes);
  }

  onMoved(): void {
    this.#client.blocked = undefined;
    this.#place.answer(errorReply(LEADER_LOST));
  }
}
