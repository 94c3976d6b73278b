/**
 * Who a connection is and which table it sees (DESIGN §3).
 * A connection begins as a user of the table `default`, authenticated where that table wants no password.
 * The rights of the administrator have connections that gave the admin password; where none is set, also those
 * of the table `default`, as in a Redis without a password.
 */

import type { SessionAccess } from "../commands/session.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { ADMIN_USER, DEFAULT_TABLE, matchesAny, type Tables, type TableView } from "./tables.ts";

const NO_PASSWORD_SET =
  "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";

export class Access implements SessionAccess {
  table: TableView;
  userName = DEFAULT_TABLE;
  readonly #tables: Tables;
  /** Whether a password was given and right; without one, tables without a password are open. */
  #isProven = false;

  constructor(tables: Tables) {
    this.#tables = tables;
    this.table = tables.default;
  }

  get isAuthenticated(): boolean {
    return this.#isProven || this.table.isOpen;
  }

  get isAdmin(): boolean {
    if (this.userName === ADMIN_USER) return true;
    return !this.#tables.hasAdmin && this.userName === DEFAULT_TABLE && this.isAuthenticated;
  }

  /** Looks the table up again: it may have come, or gone and come, since. */
  refresh(): void {
    const known = this.#tables.named(this.table.name);
    if (known !== undefined) this.table = known;
  }

  authenticate(user: string | undefined, password: Buffer): string | undefined {
    if (user === ADMIN_USER) {
      if (!this.#tables.isAdminPassword(password)) return ERRORS.wrongPassword;
      this.#enter(this.table, ADMIN_USER);
      return undefined;
    }
    const table = this.#tables.named(user ?? DEFAULT_TABLE);
    if (table === undefined) return ERRORS.wrongPassword;
    if (table.isOpen) {
      if (user === undefined) return NO_PASSWORD_SET;
    } else if (!matchesAny(table.passwordHashes, password)) {
      return ERRORS.wrongPassword;
    }
    this.#enter(table, table.name);
    return undefined;
  }

  select(database: string): string | undefined {
    if (/^-?\d+$/.test(database)) {
      if (Number(database) !== 0) return ERRORS.invalidDatabase;
      return this.#selectTable(DEFAULT_TABLE);
    }
    return this.#selectTable(database);
  }

  knowsUser(name: string): boolean {
    if (name === ADMIN_USER || name === this.userName || name === this.table.name) return true;
    return this.isAdmin && this.#tables.named(name) !== undefined;
  }

  /** As after connecting. */
  reset(): void {
    this.#isProven = false;
    this.userName = DEFAULT_TABLE;
    this.table = this.#tables.default;
  }

  #selectTable(name: string): string | undefined {
    const table = this.#tables.named(name);
    if (table === undefined) return `ERR no such table '${name.slice(0, 64)}'`;
    const isAllowed = this.isAdmin || table.isOpen || table.name === this.userName;
    if (!isAllowed) return `NOPERM this connection may not enter table '${table.name}': AUTH ${table.name} <password>`;
    this.table = table;
    this.#isProven = true;
    return undefined;
  }

  #enter(table: TableView, userName: string): void {
    this.#isProven = true;
    this.userName = userName;
    this.table = table;
  }
}
