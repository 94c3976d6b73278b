/**
 * The tables of the newest topology as connections see them: one object a table that lives as long as the process
 * and is brought up to date in place, so that a connection finds its table's facts without a look-up.
 * Passwords are compared as SHA-256 in constant time.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { TableId } from "../meta/ids.ts";
import type { Topology } from "../meta/topology.ts";

/** The table that connections see before they say otherwise. */
export const DEFAULT_TABLE = "default";
/** The name that AUTH takes for the administrator; no table may have it. */
export const ADMIN_USER = "admin";

export class TableView {
  readonly id: TableId;
  readonly name: string;
  readonly slots: number;
  passwordHashes: readonly string[] = [];
  /** False once the table was deleted. */
  exists = true;

  constructor(id: TableId, name: string, slots: number) {
    this.id = id;
    this.name = name;
    this.slots = slots;
  }

  /** Whether no password is wanted. */
  get isOpen(): boolean {
    return this.passwordHashes.length === 0;
  }
}

/** What a connection sees before any topology is known, or where there is no table `default`. */
const NO_TABLE = new TableView(0 as TableId, DEFAULT_TABLE, 1);
NO_TABLE.exists = false;

export class Tables {
  readonly #byId = new Map<TableId, TableView>();
  readonly #byName = new Map<string, TableView>();
  #adminHashes: readonly string[] = [];

  /** Whether an administrator's password is set. */
  get hasAdmin(): boolean {
    return this.#adminHashes.length > 0;
  }

  update(topology: Topology): void {
    this.#adminHashes = topology.adminPasswordHashes;
    this.#byName.clear();
    for (const view of this.#byId.values()) view.exists = topology.tables.has(view.id);
    for (const table of topology.tables.values()) {
      const view = this.#byId.get(table.id) ?? new TableView(table.id, table.name, table.slots);
      view.passwordHashes = table.passwordHashes;
      this.#byId.set(table.id, view);
      this.#byName.set(table.name, view);
    }
  }

  get(id: TableId): TableView | undefined {
    return this.#byId.get(id);
  }

  named(name: string): TableView | undefined {
    return this.#byName.get(name);
  }

  /** The table `default`; where there is none, one that does not exist. */
  get default(): TableView {
    return this.#byName.get(DEFAULT_TABLE) ?? NO_TABLE;
  }

  isAdminPassword(password: Buffer): boolean {
    return matchesAny(this.#adminHashes, password);
  }
}

/** Whether a password has one of the hashes (SHA-256, hex). */
export function matchesAny(hashes: readonly string[], password: Buffer): boolean {
  const given = createHash("sha256").update(password).digest();
  let matches = false;
  for (const hash of hashes) {
    const wanted = Buffer.from(hash, "hex");
    if (wanted.length === given.length && timingSafeEqual(wanted, given)) matches = true;
  }
  return matches;
}
