/**
 * Clients that wait in a blocking command for keys of slots that this node leads.
 * Invariants
 * 1. Waiters of a key are served in the order of their arrival, after the command (or EXEC) that touched the key has
 *    ended, never within it.
 * 2. A waiter is served at most once, and is forgotten at once when it is served, times out, is unblocked or leaves.
 * 3. A waiter whose slot is no longer served here is given back (`onMoved`): nothing was executed for it.
 * 4. A key that now holds another type than the command works on wakes nobody.
 */

import { Argv } from "../base/argv.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { DataCommand } from "../commands/command.ts";
import { type Protocol, ReplyWriter } from "../resp/reply.ts";
import type { SlotExecutor } from "../shard/executor.ts";

/** What becomes of a waiter: exactly one of these calls. */
export interface BlockedOwner {
  /** Its reply, executed in the current turn: to be sent after it. The bytes may be kept. */
  onServed(bytes: Buffer): void;
  /** Its reply where nothing was executed: a time-out or CLIENT UNBLOCK. */
  onReleased(bytes: Buffer): void;
  /** The slot's leadership went elsewhere: to be routed anew. */
  onMoved(): void;
}

export interface BlockedCommand {
  readonly executor: SlotExecutor;
  readonly command: DataCommand;
  /** Owns its memory. */
  readonly argv: Argv;
  /** Copies of the keys it waits for. */
  readonly keys: readonly Buffer[];
  readonly protocol: Protocol;
  /** 0 for ever. */
  readonly timeoutMs: number;
}

export interface BlockedHandle {
  /** Forgets the waiter; nothing is called any more. */
  cancel(): void;
  /** CLIENT UNBLOCK. */
  unblock(how: "timeout" | "error"): void;
}

const UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
/** What TYPE says of a key that each family of blocking commands can be served from. */
const WANTED_TYPES: Readonly<Record<string, string>> = { list: "+list\r\n", "sorted-set": "+zset\r\n" };

/** All who wait for one key, in the order of arrival. */
interface WatchedKey {
  readonly name: string;
  readonly key: Buffer;
  readonly executor: SlotExecutor;
  readonly waiters: Set<Waiter>;
  forget: () => void;
}

interface Waiter {
  readonly blocked: BlockedCommand;
  readonly owner: BlockedOwner;
  readonly watched: WatchedKey[];
  timer: Timer | undefined;
}

export class BlockedClients {
  readonly #clock: Clock;
  /** The command TYPE, by which a woken key is looked at. */
  readonly #typeCommand: DataCommand;
  readonly #keys = new Map<string, WatchedKey>();
  readonly #waiters = new Set<Waiter>();
  readonly #reply = new ReplyWriter();
  #touched = new Set<WatchedKey>();

  constructor(clock: Clock, typeCommand: DataCommand) {
    this.#clock = clock;
    this.#typeCommand = typeCommand;
  }

  get count(): number {
    return this.#waiters.size;
  }

  /** Whether `serve` has something to do: to be looked at after each command. */
  get hasTouched(): boolean {
    return this.#touched.size > 0;
  }

  /** Begins to wait. The command has just found nothing. */
  add(blocked: BlockedCommand, owner: BlockedOwner): BlockedHandle {
    const waiter: Waiter = { blocked, owner, watched: [], timer: undefined };
    this.#waiters.add(waiter);
    for (const key of blocked.keys) {
      const watched = this.#watch(key, blocked.executor);
      watched.waiters.add(waiter);
      waiter.watched.push(watched);
    }
    if (blocked.timeoutMs > 0) {
      waiter.timer = this.#clock.after(blocked.timeoutMs, () => this.#release(waiter, "timeout"));
    }
    return {
      cancel: () => this.#forget(waiter),
      unblock: (how) => this.#release(waiter, how),
    };
  }

  /** Serves those whose keys were touched, and those who wait for what this changes in turn. */
  serve(): void {
    while (this.#touched.size > 0) {
      const touched = this.#touched;
      this.#touched = new Set();
      for (const watched of touched) this.#serveKey(watched);
    }
  }

  /** Gives back the waiters of slots that are not served here any more. */
  releaseMoved(): void {
    for (const waiter of [...this.#waiters]) {
      if (waiter.blocked.executor.isServing) continue;
      this.#forget(waiter);
      waiter.owner.onMoved();
    }
  }

  #serveKey(watched: WatchedKey): void {
    if (watched.waiters.size === 0) return;
    this.#listen(watched);
    const emptied = new Set<string>();
    for (const waiter of [...watched.waiters]) {
      const { group } = waiter.blocked.command;
      if (!this.#waiters.has(waiter) || emptied.has(group)) continue;
      if (!this.#holds(watched, group)) {
        emptied.add(group);
        continue;
      }
      if (!this.#serveWaiter(waiter)) emptied.add(group);
    }
  }

  /** Whether the waiter got its reply. */
  #serveWaiter(waiter: Waiter): boolean {
    const { executor, command, argv, protocol } = waiter.blocked;
    const reply = this.#reply;
    reply.clear();
    reply.protocol = protocol;
    const outcome = executor.execute(command, argv, reply);
    if (outcome === "done") {
      this.#forget(waiter);
      waiter.owner.onServed(Buffer.from(reply.buf.subarray(0, reply.length)));
      return true;
    }
    if (outcome === "miss") this.#serveOnceLoaded(waiter);
    if (outcome === "refused") {
      this.#forget(waiter);
      waiter.owner.onMoved();
    }
    return false;
  }

  #serveOnceLoaded(waiter: Waiter): void {
    void waiter.blocked.executor.loaded().then(() => {
      if (!this.#waiters.has(waiter)) return;
      for (const watched of waiter.watched) this.#touched.add(watched);
      this.serve();
    });
  }

  #holds(watched: WatchedKey, group: string): boolean {
    const wanted = WANTED_TYPES[group];
    if (wanted === undefined) return true;
    const reply = this.#reply;
    reply.clear();
    const argv = Argv.of("TYPE", watched.key);
    const outcome = watched.executor.execute(this.#typeCommand, argv, reply);
    if (outcome !== "done") return true;
    return reply.buf.toString("latin1", 0, reply.length) === wanted;
  }

  #release(waiter: Waiter, how: "timeout" | "error"): void {
    if (!this.#waiters.has(waiter)) return;
    this.#forget(waiter);
    waiter.owner.onReleased(releaseReply(waiter.blocked, how));
  }

  #watch(key: Buffer, executor: SlotExecutor): WatchedKey {
    const name = `${executor.table}/${executor.slot}/${key.toString("latin1")}`;
    const known = this.#keys.get(name);
    if (known !== undefined && known.executor === executor) return known;
    const watched: WatchedKey = { name, key, executor, waiters: new Set(), forget: () => {} };
    this.#keys.set(name, watched);
    this.#listen(watched);
    return watched;
  }

  #listen(watched: WatchedKey): void {
    watched.forget();
    watched.forget = watched.executor.onTouched(watched.key, () => this.#touched.add(watched));
  }

  #forget(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.timer?.cancel();
    for (const watched of waiter.watched) {
      watched.waiters.delete(waiter);
      if (watched.waiters.size > 0) continue;
      watched.forget();
      if (this.#keys.get(watched.name) === watched) this.#keys.delete(watched.name);
    }
  }
}

/** The reply of a blocked command that is let go without being served. */
export function releaseReply(
  blocked: { readonly command: DataCommand; readonly protocol: Protocol },
  how: "timeout" | "error",
): Buffer {
  const reply = new ReplyWriter();
  reply.protocol = blocked.protocol;
  if (how === "error") reply.error(UNBLOCKED);
  else if (blocked.command.replyTimeout) blocked.command.replyTimeout(reply);
  else reply.nilArray();
  return Buffer.from(reply.buf.subarray(0, reply.length));
}
