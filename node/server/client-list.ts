/**
 * All connected clients of this node: CLIENT LIST, KILL, UNBLOCK, PAUSE, and the sweep that closes idle ones.
 * A connection sees and pauses the clients of its own table; the administrator sees all.
 */

import type { Clock } from "../base/clock.ts";
import type { ClientDirectory, ClientFilter } from "../commands/session.ts";
import type { Client } from "./client.ts";
import type { ClientPause, PauseScope } from "./pause.ts";
import type { ClientSession } from "./session.ts";

export class ClientList {
  readonly #clock: Clock;
  readonly #pause: ClientPause;
  readonly #clients = new Map<number, Client>();
  #lastId = 0;

  constructor(clock: Clock, pause: ClientPause) {
    this.#clock = clock;
    this.#pause = pause;
  }

  get count(): number {
    return this.#clients.size;
  }

  /** Clients that wait: for data, or for the end of a pause. */
  get blockedCount(): number {
    let count = this.#pause.waitingCount;
    for (const client of this.#clients.values()) if (client.blocked !== undefined) count++;
    return count;
  }

  /** A number for the next client, never used again by this process. */
  nextId(): number {
    return ++this.#lastId;
  }

  add(client: Client): void {
    this.#clients.set(client.session.id, client);
  }

  remove(client: Client): void {
    this.#clients.delete(client.session.id);
    this.#pause.forget(client);
  }

  all(): Iterable<Client> {
    return this.#clients.values();
  }

  /** What one connection may see and do. */
  viewOf(session: ClientSession): ClientDirectory {
    return {
      list: (filter) =>
        this.#seen(session, filter)
          .map((client) => this.#line(client))
          .join(""),
      own: () => this.#line(this.#clients.get(session.id)),
      kill: (filter) => this.#kill(session, filter),
      unblock: (id, how) => {
        const client = this.#clients.get(id);
        if (client?.blocked === undefined || !maySee(session, client)) return false;
        client.blocked.unblock(how);
        return true;
      },
      pause: (durationMs, what) => this.#pause.begin(pauseScopeOf(session), durationMs, what),
      unpause: () => this.#pause.end(pauseScopeOf(session)),
    };
  }

  #kill(session: ClientSession, filter: ClientFilter): number {
    const killed = this.#seen(session, filter);
    for (const client of killed) {
      if (client.session === session) session.closeAfterReply();
      else client.close();
    }
    return killed.length;
  }

  #seen(session: ClientSession, filter: ClientFilter): readonly Client[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#clients.values()].filter(
      (client) => maySee(session, client) && matches(client, filter, { session, nowMs }),
    );
  }

  #line(client: Client | undefined): string {
    if (client === undefined) return "";
    const { session } = client;
    const nowMs = this.#clock.monotonicMs();
    const { inputBytes, outputBytes, pendingCount } = client.bufferUse;
    const fields: Record<string, string | number> = {
      id: session.id,
      addr: client.address,
      laddr: client.localAddress,
      fd: -1,
      name: session.identity.name,
      age: Math.floor((nowMs - client.connectedMs) / 1000),
      idle: Math.floor((nowMs - client.lastActiveMs) / 1000),
      flags: flagsOf(client, this.#pause.isWaiting(client)),
      db: 0,
      sub: 0,
      psub: 0,
      ssub: 0,
      multi: session.transaction.isOpen ? session.transaction.queuedCount : -1,
      qbuf: inputBytes,
      "qbuf-free": 0,
      "argv-mem": 0,
      "multi-mem": 0,
      rbs: 0,
      rbp: 0,
      obl: 0,
      oll: pendingCount,
      omem: outputBytes,
      "tot-mem": inputBytes + outputBytes,
      events: "r",
      cmd: client.lastCommand,
      user: session.access.userName,
      redir: -1,
      resp: session.protocol,
      "lib-name": session.identity.libraryName,
      "lib-ver": session.identity.libraryVersion,
      table: session.access.table.name,
    };
    const text = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
    return `${text.join(" ")}\n`;
  }
}

function flagsOf(client: Client, isPaused: boolean): string {
  let flags = "";
  if (client.blocked !== undefined || isPaused) flags += "b";
  if (client.session.transaction.isOpen) flags += "x";
  if (client.session.isNoEvict) flags += "e";
  return flags === "" ? "N" : flags;
}

function pauseScopeOf({ access }: ClientSession): PauseScope {
  return access.isAdmin ? "every" : access.table.id;
}

function maySee(session: ClientSession, client: Client): boolean {
  return session.access.isAdmin || client.session.access.table === session.access.table;
}

function matches(client: Client, filter: ClientFilter, asker: { session: ClientSession; nowMs: number }): boolean {
  if (filter.ids !== undefined && !filter.ids.includes(client.session.id)) return false;
  if (filter.address !== undefined && client.address !== filter.address) return false;
  if (filter.localAddress !== undefined && client.localAddress !== filter.localAddress) return false;
  if (filter.user !== undefined && client.session.access.userName !== filter.user) return false;
  if (filter.type !== undefined && filter.type !== "normal") return false;
  const ageMs = asker.nowMs - client.connectedMs;
  if (filter.maxAgeSeconds !== undefined && ageMs < 1000 * filter.maxAgeSeconds) return false;
  return !(filter.isSelfSkipped === true && client.session === asker.session);
}
