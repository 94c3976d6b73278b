/**
 * Counters of the server: plain numbers that hot paths add to; INFO and the metrics read them.
 */

import type { Argv } from "../base/argv.ts";
import type { Client } from "./client.ts";
import type { CommandPlan } from "./command-plan.ts";
import type { SlowLog } from "./slow-log.ts";

/** Weight of the newest second in the shown rates. */
const RATE_WEIGHT = 0.25;

/** Of an error's first word; Redis's are shorter. */
const ERROR_NAME_BYTES = 32;
/** Errors have some twenty names: more would be a mistake, and must not fill the memory. */
const MAX_ERROR_NAMES = 128;

export class Statistics {
  inputBytes = 0;
  outputBytes = 0;
  commandCount = 0;
  errorCount = 0;
  /** Error replies by their first word. */
  readonly errors = new Map<string, number>();
  connectionCount = 0;
  rejectedConnections = 0;
  protocolErrors = 0;
  /** Commands a second, smoothed. */
  commandsPerSecond = 0;
  /** Commands that take at least so long are noted; negative notes none. */
  slowMs = 10;
  readonly #slowLog: SlowLog;
  #lastCommandCount = 0;

  constructor(slowLog: SlowLog) {
    this.#slowLog = slowLog;
  }

  /** Counts a command that has its reply. */
  count(plan: CommandPlan, elapsedMs: number, isError: boolean): void {
    this.commandCount++;
    plan.callCount++;
    plan.totalMs += elapsedMs;
    if (isError) plan.failedCount++;
  }

  /** Counts an error reply, `buf[start, end)`, by its first word. */
  countError(buf: Buffer, start: number, end: number): void {
    this.errorCount++;
    const text = buf.toString("latin1", start + 1, Math.min(end, start + 1 + ERROR_NAME_BYTES));
    const name = /^[A-Z0-9_-]+/i.exec(text)?.[0] ?? "ERR";
    const count = this.errors.get(name);
    if (count !== undefined || this.errors.size < MAX_ERROR_NAMES) this.errors.set(name, (count ?? 0) + 1);
  }

  noteSlow(client: Client, argv: Argv, elapsedMs: number): void {
    this.#slowLog.add(client, argv, elapsedMs);
  }

  /** To be called once a second. */
  tick(): void {
    const rate = this.commandCount - this.#lastCommandCount;
    this.#lastCommandCount = this.commandCount;
    this.commandsPerSecond += RATE_WEIGHT * (rate - this.commandsPerSecond);
  }

  reset(): void {
    this.inputBytes = 0;
    this.outputBytes = 0;
    this.commandCount = 0;
    this.errorCount = 0;
    this.errors.clear();
    this.connectionCount = 0;
    this.rejectedConnections = 0;
    this.protocolErrors = 0;
    this.#lastCommandCount = 0;
  }
}
