/**
 * Every key of the metadata, made here and nowhere else (docs/formats/metadata.md, "Keys").
 */

import type { NodeId, TableId } from "../../../node/meta/ids.ts";

/** Digits of a table's id in a key, so that keys sort as numbers. */
const TABLE_ID_DIGITS = 10;

export class MetadataKeys {
  readonly #prefix: string;

  /** @param prefix as `/pika/<namespace>/<name>`; a trailing slash is dropped. */
  constructor(prefix: string) {
    this.#prefix = prefix.replace(/\/+$/, "");
  }

  /** What all keys begin with. */
  get all(): string {
    return `${this.#prefix}/`;
  }
  get cluster(): string {
    return `${this.#prefix}/cluster`;
  }
  get epoch(): string {
    return `${this.#prefix}/epoch`;
  }
  get counters(): string {
    return `${this.#prefix}/counters`;
  }
  get settings(): string {
    return `${this.#prefix}/settings`;
  }
  get nodes(): string {
    return `${this.#prefix}/nodes/`;
  }
  node(id: NodeId): string {
    return `${this.nodes}${id}`;
  }
  get tables(): string {
    return `${this.#prefix}/tables/`;
  }
  table(id: TableId): string {
    return `${this.tables}${padId(id)}`;
  }
  get assignments(): string {
    return `${this.#prefix}/assignments/`;
  }
  assignment(id: TableId): string {
    return `${this.assignments}${padId(id)}`;
  }
  /** Manager addresses, each under its manager's lease. */
  get managers(): string {
    return `${this.#prefix}/managers/`;
  }
  manager(id: string): string {
    return `${this.managers}${id}`;
  }
  /** The leader's key: its creation revision is the fencing token. */
  get leader(): string {
    return `${this.#prefix}/leader`;
  }
}

function padId(id: TableId): string {
  return String(id).padStart(TABLE_ID_DIGITS, "0");
}
