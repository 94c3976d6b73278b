/**
 * Who waits for changes of keys of one slot: version numbers for WATCH, hooks for blocked clients.
 * Costs nothing while nobody watches: `isActive` is false then, and a commit does not look for the keys it touched.
 *
 * Invariants
 * 1. A key's version is never given twice: whatever happens to the key between two questions, their answers differ.
 *    The other way round an answer may differ without a change (when versions were forgotten): EXEC then answers nil.
 * 2. A hook is called at most once.
 */

/** Versions that are remembered; when there are more, all are forgotten. */
const MAX_VERSIONS = 65_536;
/** A version that was not asked for this long is forgotten, so that a WATCH without an end costs nothing for ever. */
const FORGET_AFTER_MS = 10 * 60 * 1000;
const SWEEP_EVERY_MS = 60 * 1000;

interface Version {
  version: number;
  /** When the record expires, 0 never; what is expired already when it is first asked for counts as absent. */
  readonly expireAtMs: number;
  hasExpired: boolean;
  /** There was no record, or an expired one. */
  readonly wasAbsent: boolean;
  askedMs: number;
}

export class KeyWatchers {
  #counter = 0;
  readonly #versions = new Map<string, Version>();
  readonly #hooks = new Map<string, Set<() => void>>();
  #due: (() => void)[] = [];
  #sweptMs = 0;

  get isActive(): boolean {
    return this.#versions.size > 0 || this.#hooks.size > 0;
  }

  /**
   * The key's version. `expireAtMs` reads when its record expires (0 never, undefined where there is none); called
   * when that is not known yet.
   */
  versionOf(key: Buffer, nowMs: number, expireAtMs: () => number | undefined): number {
    const name = key.toString("latin1");
    let known = this.#versions.get(name);
    if (known === undefined) {
      if (this.#versions.size >= MAX_VERSIONS) this.#versions.clear();
      const at = expireAtMs();
      const hasExpired = at !== undefined && at !== 0 && at <= nowMs;
      known = {
        version: ++this.#counter,
        expireAtMs: at ?? 0,
        hasExpired,
        wasAbsent: at === undefined || hasExpired,
        askedMs: nowMs,
      };
      this.#versions.set(name, known);
    } else if (known.expireAtMs !== 0 && known.expireAtMs <= nowMs && !known.hasExpired) {
      known.hasExpired = true;
      known.version = ++this.#counter;
    }
    known.askedMs = nowMs;
    return known.version;
  }

  /** Calls `changed` once, after the next change of the key. */
  onTouched(key: Buffer, changed: () => void): () => void {
    const name = key.toString("latin1");
    let hooks = this.#hooks.get(name);
    if (hooks === undefined) {
      hooks = new Set();
      this.#hooks.set(name, hooks);
    }
    // A hook of its own for each call, so that forgetting one leaves another of the same function.
    const hook = () => changed();
    hooks.add(hook);
    return () => {
      const current = this.#hooks.get(name);
      if (current?.delete(hook) && current.size === 0) this.#hooks.delete(name);
    };
  }

  /** A key is being changed: its hooks fall due. */
  touch(name: string): void {
    this.#versions.delete(name);
    const hooks = this.#hooks.get(name);
    if (hooks === undefined) return;
    this.#hooks.delete(name);
    this.#due.push(...hooks);
  }

  /** All keys may have changed. */
  touchAll(): void {
    this.#versions.clear();
    this.#touchHooks();
  }

  /** All records are removed: what was absent has not changed. */
  flush(): void {
    for (const [name, { wasAbsent }] of this.#versions) if (!wasAbsent) this.#versions.delete(name);
    this.#touchHooks();
  }

  #touchHooks(): void {
    for (const hooks of this.#hooks.values()) this.#due.push(...hooks);
    this.#hooks.clear();
  }

  /** Calls the hooks that fell due, once the change is committed. */
  notify(): void {
    if (this.#due.length === 0) return;
    const due = this.#due;
    this.#due = [];
    for (const hook of due) hook();
  }

  /** Forgets versions that nobody has asked for in a long time. */
  sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < SWEEP_EVERY_MS) return;
    this.#sweptMs = nowMs;
    for (const [name, { askedMs }] of this.#versions) {
      if (nowMs - askedMs > FORGET_AFTER_MS) this.#versions.delete(name);
    }
  }
}
