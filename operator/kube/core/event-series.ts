/**
 * Which events are worth a write: the first of its kind at once, repetitions as one series that is told less and less
 * often, and no more than a few new ones for each object.
 * Pure: time is an argument. Remembers a limited number of series and objects, the least recent go.
 */

export type EventVerdict =
  | { readonly kind: "create" }
  /** The same was seen `count` times by now; `name` is what `created` gave. */
  | { readonly kind: "update"; readonly name: string; readonly count: number }
  | { readonly kind: "drop" };

/** The same event after this long is a new one: events live about an hour. */
const SERIES_MS = 30 * 60_000;
/** A series is told after a minute, then after twice as long each time. */
const FIRST_UPDATE_MS = 60_000;
/** A burst for one object; then one in this time. */
export const BURST = 20;
const REFILL_MS = 5 * 60_000;
export const MAX_SERIES = 4096;

interface Series {
  name: string;
  count: number;
  lastSeenMs: number;
  nextUpdateMs: number;
  intervalMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export class EventSeries {
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, Bucket>();

  /** @param objectUid of the object that it is about; @param key all that makes it the same event. */
  judge(objectUid: string, key: string, nowMs: number): EventVerdict {
    const series = this.#series.get(key);
    if (series && nowMs - series.lastSeenMs < SERIES_MS) {
      series.count++;
      series.lastSeenMs = nowMs;
      if (series.name === "" || nowMs < series.nextUpdateMs) return { kind: "drop" };
      series.intervalMs *= 2;
      series.nextUpdateMs = nowMs + series.intervalMs;
      return { kind: "update", name: series.name, count: series.count };
    }
    if (!this.#takeToken(objectUid, nowMs)) return { kind: "drop" };
    remember(this.#series, key, {
      name: "",
      count: 1,
      lastSeenMs: nowMs,
      nextUpdateMs: nowMs + FIRST_UPDATE_MS,
      intervalMs: FIRST_UPDATE_MS,
    });
    return { kind: "create" };
  }

  /** The event was stored under this name. */
  created(key: string, name: string): void {
    const series = this.#series.get(key);
    if (series) series.name = name;
  }

  /** It could not be stored, or is gone: the next one of its kind is a new one. */
  forget(key: string): void {
    this.#series.delete(key);
  }

  #takeToken(objectUid: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(objectUid) ?? { tokens: BURST, atMs: nowMs };
    const tokens = Math.min(BURST, bucket.tokens + (nowMs - bucket.atMs) / REFILL_MS);
    remember(this.#buckets, objectUid, { tokens: tokens < 1 ? tokens : tokens - 1, atMs: nowMs });
    return tokens >= 1;
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > MAX_SERIES && !oldest.done) map.delete(oldest.value);
}
