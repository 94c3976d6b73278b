/**
 * What a reflector does next, decided from what it met: list everything, or watch from where it was.
 * Invariants: it lists only where it must (at the start, when its version is gone, and now and then to be sure), and
 * lists that follow each other are spaced further and further; it never gives up; it never goes back to an older
 * version, unless the server keeps saying so.
 * Pure: time and random numbers are arguments.
 */

import { backoffMs } from "../../../node/base/backoff.ts";
import { isOlderVersion } from "./api-object.ts";

export type ReflectorStep =
  /** All objects in the stream, then their events. */
  | { readonly kind: "streamList"; readonly delayMs: number }
  /** Pages of a list, or all at once; the next step watches from its version. */
  | { readonly kind: "list"; readonly isPaged: boolean; readonly delayMs: number }
  | { readonly kind: "watch"; readonly resourceVersion: string; readonly delayMs: number };

export interface ReflectorFailure {
  /** Of the API server's answer, or of an ERROR event; 0 where there was none. */
  readonly status: number;
  readonly retryAfterMs: number | undefined;
}

/** The first failure is often over at once; a server in trouble is asked twice a minute. */
const BACKOFF = { initialMs: 500, maxMs: 30_000 };
/** Lists cost the server most. */
const LIST_BACKOFF = { initialMs: 1_000, maxMs: 60_000 };
/** A watch that lasted this long was a good one: the next list need not wait. */
export const HEALTHY_WATCH_MS = 60_000;
/** A watch that ends sooner is a failure, even if the server ended it politely. */
const MIN_WATCH_MS = 1_000;
/** All is listed again after this, when a watch ends anyway: nothing is wrong for longer, even if an event was lost. */
export const RELIST_MS = 30 * 60_000;
/** So many lists in a row that are older than what was seen, and the server is believed (it was restored). */
export const MAX_STALE_LISTS = 5;
/** So many watches in a row that time out waiting for our version, and the server does not have it. */
const MAX_FUTURE_WATCHES = 3;

export class ReflectorState {
  #resourceVersion = "";
  #isListDue = true;
  #canStream = true;
  #isPaged = true;
  #failures = 0;
  #listsInRow = 0;
  #staleLists = 0;
  #futureWatches = 0;
  #retryAfterMs = 0;
  #listedAtMs = Number.NEGATIVE_INFINITY;
  #watchSinceMs = 0;
  #isPolite = true;

  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** @param random in [0, 1). */
  next(nowMs: number, random: number): ReflectorStep {
    if (!this.#isListDue && this.#isPolite && nowMs - this.#listedAtMs > RELIST_MS * (1 - random / 4)) {
      this.#isListDue = true;
    }
    const failureMs = this.#failures === 0 ? 0 : backoffMs(BACKOFF, this.#failures - 1, random);
    let delayMs = Math.max(failureMs, this.#retryAfterMs);
    this.#retryAfterMs = 0;
    if (!this.#isListDue) return { kind: "watch", resourceVersion: this.#resourceVersion, delayMs };
    if (this.#listsInRow > 0) delayMs = Math.max(delayMs, backoffMs(LIST_BACKOFF, this.#listsInRow - 1, random));
    this.#listsInRow++;
    return this.#canStream ? { kind: "streamList", delayMs } : { kind: "list", isPaged: this.#isPaged, delayMs };
  }

  /**
   * Whether a list of this version is taken. One that is older than what was seen comes from a server that lags; it is
   * refused, some times: then "rollback", since the server will never know what we know.
   */
  judgeList(resourceVersion: string): "take" | "refuse" | "rollback" {
    if (!isOlderVersion(resourceVersion, this.#resourceVersion)) return "take";
    this.#staleLists++;
    return this.#staleLists > MAX_STALE_LISTS ? "rollback" : "refuse";
  }

  /** A list was taken in. */
  listed(resourceVersion: string, nowMs: number): void {
    this.#resourceVersion = resourceVersion;
    this.#isListDue = false;
    this.#isPaged = true;
    this.#failures = 0;
    this.#staleLists = 0;
    this.#futureWatches = 0;
    this.#listedAtMs = nowMs;
  }

  watchOpened(nowMs: number): void {
    this.#watchSinceMs = nowMs;
    this.#futureWatches = 0;
  }

  /** An event or a bookmark came. */
  progressed(resourceVersion: string | undefined, nowMs: number): void {
    if (isOlderVersion(this.#resourceVersion || "0", resourceVersion)) this.#resourceVersion = resourceVersion ?? "";
    this.#healed(nowMs);
  }

  /** The server ended the watch, as it does every few minutes. */
  watchEnded(nowMs: number): void {
    this.#healed(nowMs);
    this.#isPolite = true;
    if (nowMs - this.#watchSinceMs < MIN_WATCH_MS) this.#failures++;
    else this.#failures = 0;
  }

  /** A watch went silent: the link is taken for dead, the version is still good. */
  watchSilent(nowMs: number): void {
    this.#healed(nowMs);
    this.#failures++;
    this.#isPolite = false;
  }

  /** The server does not stream lists, or not in time: it is not asked to again. */
  streamRefused(): void {
    this.#canStream = false;
    this.#listsInRow = Math.max(0, this.#listsInRow - 1);
  }

  /** A step failed. */
  failed(failure: ReflectorFailure, during: ReflectorStep): void {
    this.#isPolite = false;
    this.#retryAfterMs = failure.retryAfterMs ?? 0;
    if (failure.status === 410) {
      if (during.kind === "list") this.#isPaged = false;
      else this.#isListDue = true;
      return;
    }
    if (during.kind === "streamList" && failure.status >= 400 && !isPassing(failure.status)) {
      this.streamRefused();
      return;
    }
    this.#failures++;
    if (during.kind === "watch" && failure.status === 504 && ++this.#futureWatches >= MAX_FUTURE_WATCHES) {
      this.#isListDue = true;
    }
    if (during.kind === "watch" && failure.status === 404) this.#isListDue = true;
  }

  #healed(nowMs: number): void {
    if (nowMs - this.#watchSinceMs < HEALTHY_WATCH_MS) return;
    this.#listsInRow = 0;
    this.#failures = 0;
  }
}

/**
 * Not about the request itself: no rights now, no such resource yet, too much load. A server over an old etcd says 500
 * in the stream ("the required storage feature RequestWatchProgress is disabled"), so that one is about it.
 */
function isPassing(status: number): boolean {
  return [401, 403, 404, 429, 502, 503, 504].includes(status);
}
