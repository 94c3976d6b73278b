/**
 * Counters of the server: plain numbers that hot paths add to; INFO and the metrics read them.
 */

import type { Argv } from "../base/argv.ts";
import type { Client } from "./client.ts";
import type { CommandPlan } from "./command-plan.ts";
import type { SlowLog } from "./slow-log.ts";

/** Weight of the newest second in the shown rates. */
const RATE_WEIGHT = 0.25;

export class Statistics {
  inputBytes = 0;
  outputBytes = 0;
  commandCount = 0;
  errorCount = 0;
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
    if (isError) {
      this.errorCount++;
      plan.failedCount++;
    }
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
    this.connectionCount = 0;
    this.rejectedConnections = 0;
    this.protocolErrors = 0;
    this.#lastCommandCount = 0;
  }
}
