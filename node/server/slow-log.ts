/**
 * SLOWLOG: the slowest commands lately, each for the table that its connection saw. Arguments are shortened as
 * Redis does: at most 32, of at most 128 bytes.
 */

import type { Argv } from "../base/argv.ts";
import type { Clock } from "../base/clock.ts";
import type { SlowEntry, SlowLogView } from "../commands/session.ts";
import type { TableId } from "../meta/ids.ts";
import type { Client } from "./client.ts";

const MAX_ARGUMENTS = 32;
const MAX_ARGUMENT_BYTES = 128;

interface TableEntry extends SlowEntry {
  readonly table: TableId;
}

export class SlowLog {
  /** Entries kept, of all tables together. */
  maxLength = 128;
  readonly #clock: Clock;
  #entries: TableEntry[] = [];
  #nextId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(client: Client, argv: Argv, elapsedMs: number): void {
    this.#entries.unshift({
      id: this.#nextId++,
      timeSeconds: Math.floor(this.#clock.wallMs() / 1000),
      durationMicros: Math.round(1000 * elapsedMs),
      args: shorten(argv),
      address: client.address,
      clientName: client.session.identity.name,
      table: client.session.access.table.id,
    });
    if (this.#entries.length > this.maxLength) this.#entries.length = this.maxLength;
  }

  /** What the connections of one table may see. */
  viewOf(tableOf: () => TableId): SlowLogView {
    const own = () => this.#entries.filter((entry) => entry.table === tableOf());
    return {
      list: (limit) => own().slice(0, limit),
      get length() {
        return own().length;
      },
      reset: () => {
        this.#entries = this.#entries.filter((entry) => entry.table !== tableOf());
      },
    };
  }
}

function shorten(argv: Argv): Buffer[] {
  const shown = argv.count > MAX_ARGUMENTS ? MAX_ARGUMENTS - 1 : argv.count;
  const args: Buffer[] = [];
  for (let i = 0; i < shown; i++) {
    const arg = argv.view(i);
    const rest = arg.length - MAX_ARGUMENT_BYTES;
    const head = Buffer.from(arg.subarray(0, MAX_ARGUMENT_BYTES));
    args.push(rest > 0 ? Buffer.concat([head, Buffer.from(`... (${rest} more bytes)`)]) : head);
  }
  if (shown < argv.count) args.push(Buffer.from(`... (${argv.count - shown} more arguments)`));
  return args;
}
