/**
 * Writers through several nodes, each with lists of its own to which it appends 1, 2, 3 …: what a list holds at the end
 * says which appends took effect, in which order, and whether one did twice.
 * An append is acknowledged (it must be there), refused (it must not) or of unknown outcome (either).
 */

import { Redis } from "ioredis";
import { delay, SystemClock } from "../../node/base/clock.ts";
import { waitFor } from "./wait-for.ts";

const clock = new SystemClock();
/** Appends in one pipeline, each to the next list. */
const PIPELINE = 8;
const LISTS = 24;
/** What a node's error says whose command may have taken effect. */
const UNKNOWN = /may have been executed or not/;
/** What the client says when it did not even send. */
const UNSENT = /Stream isn't writeable/;

export interface ListWriterOptions {
  /** Unique: keys begin with it. */
  readonly name: string;
  readonly port: number;
  /** Hash tags of the keys, used in turn: so that a test chooses the slots. */
  readonly tags?: readonly string[];
  /** Ends each value; large ones fill logs and disks sooner. */
  readonly padding?: string;
  /** Between two pipelines, ms: so that a test leaves room for what it watches. */
  readonly pauseMs?: number;
}

interface ListState {
  readonly key: string;
  readonly acknowledged: number[];
  readonly refused: Set<number>;
}

export class ListWriter {
  readonly #options: ListWriterOptions;
  readonly #lists: ListState[];
  readonly #redis: Redis;
  #next = 0;
  #isStopped = false;
  #running: Promise<void> | undefined;
  #lastAnswerMs = 0;
  acknowledgedCount = 0;
  unknownCount = 0;
  /** Error texts of refused appends, with how often each came. */
  readonly refusals = new Map<string, number>();
  /** Longest time between two acknowledged appends, ms; a figure to report, never to assert. */
  longestPauseMs = 0;

  constructor(options: ListWriterOptions) {
    this.#options = options;
    this.#lists = Array.from({ length: LISTS }, (_, i) => ({
      key: options.tags ? `${options.name}:${i}:{${options.tags[i % options.tags.length]}}` : `${options.name}:${i}`,
      acknowledged: [],
      refused: new Set<number>(),
    }));
    this.#redis = new Redis({
      host: "127.0.0.1",
      port: options.port,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 20,
    });
    this.#redis.on("error", () => undefined);
  }

  start(): void {
    this.#isStopped = false;
    this.#running ??= this.#run();
  }

  /** Sends nothing more; resolves when all is answered. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#running = undefined;
  }

  close(): void {
    this.#isStopped = true;
    this.#redis.disconnect();
  }

  /** Resolves once so many more appends were acknowledged. */
  async advanced(count: number, timeoutMs = 30_000): Promise<void> {
    const wanted = this.acknowledgedCount + count;
    await waitFor(() => this.acknowledgedCount >= wanted, {
      timeoutMs,
      what: `${count} acknowledged appends of ${this.#options.name}; refused: ${JSON.stringify([...this.refusals])}`,
    });
  }

  /** What is wrong with the lists as a node shows them; empty: nothing. */
  async faults(port: number): Promise<string[]> {
    const reader = new Redis({ host: "127.0.0.1", port });
    try {
      const faults: string[] = [];
      for (const list of this.#lists) {
        const values = (await reader.lrange(list.key, 0, -1)).map((value) => Number.parseInt(value, 10));
        faults.push(...compare(list, values));
      }
      return faults;
    } finally {
      reader.disconnect();
    }
  }

  async #run(): Promise<void> {
    this.#lastAnswerMs = performance.now();
    while (!this.#isStopped) {
      await waitFor(() => this.#redis.status === "ready" || this.#isStopped, {
        timeoutMs: 60_000,
        what: "a connection",
      });
      const sent: Promise<void>[] = [];
      for (let i = 0; i < PIPELINE && !this.#isStopped; i++) {
        const n = ++this.#next;
        const list = this.#lists[n % LISTS] as ListState;
        sent.push(this.#append(list, n));
      }
      await Promise.all(sent);
      const { pauseMs } = this.#options;
      if (pauseMs !== undefined) await delay(clock, pauseMs);
    }
  }

  async #append(list: ListState, n: number): Promise<void> {
    try {
      await this.#redis.rpush(list.key, `${n}${this.#options.padding ?? ""}`);
      list.acknowledged.push(n);
      this.acknowledgedCount++;
      const nowMs = performance.now();
      this.longestPauseMs = Math.max(this.longestPauseMs, nowMs - this.#lastAnswerMs);
      this.#lastAnswerMs = nowMs;
    } catch (error) {
      const { message } = error as Error;
      const isReply = (error as Error).name === "ReplyError";
      if (isReply ? UNKNOWN.test(message) : !UNSENT.test(message)) {
        this.unknownCount++;
        return;
      }
      list.refused.add(n);
      this.refusals.set(message, (this.refusals.get(message) ?? 0) + 1);
    }
  }
}

function compare({ key, acknowledged, refused }: ListState, values: readonly number[]): string[] {
  const faults: string[] = [];
  for (let i = 1; i < values.length; i++) {
    const [before, after] = [values[i - 1] as number, values[i] as number];
    if (after <= before) faults.push(`${key}: ${after} comes behind ${before}`);
  }
  const present = new Set(values);
  const lost = acknowledged.filter((n) => !present.has(n));
  if (lost.length > 0) faults.push(`${key}: ${lost.length} acknowledged appends are lost, ${lost[0]} first`);
  const undead = values.filter((n) => refused.has(n));
  if (undead.length > 0) faults.push(`${key}: ${undead.length} refused appends took effect, ${undead[0]} first`);
  return faults;
}
