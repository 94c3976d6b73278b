/**
 * The order of the requests of one slot while some of them wait for records to be read.
 * Invariants
 * 1. A write is not executed before any request that came earlier, and nothing that came later before it.
 * 2. Reads may overtake reads, so that many can wait for the disk at once.
 * It is made when a request has missed, and may be forgotten when it is idle.
 */

export interface OrderedRequest {
  readonly isWrite: boolean;
}

export class SlotOrder<R extends OrderedRequest> {
  readonly #held: R[] = [];
  /** Requests whose records are being read. */
  #loadingCount = 0;
  #isWriteLoading = false;

  get isIdle(): boolean {
    return this.#loadingCount === 0 && this.#held.length === 0;
  }

  /** Whether a request that comes now has to wait for others. */
  mustHold(isWrite: boolean): boolean {
    return this.#held.length > 0 || !this.#mayRun(isWrite);
  }

  /** Puts a request behind those that came before it. */
  hold(request: R): void {
    this.#held.push(request);
  }

  /** The request that may run now, or undefined. If it misses, `begin` keeps its place. */
  next(): R | undefined {
    const head = this.#held[0];
    return head !== undefined && this.#mayRun(head.isWrite) ? this.#held.shift() : undefined;
  }

  /** The request has missed and waits for its records. */
  begin(request: R): void {
    this.#loadingCount++;
    if (request.isWrite) this.#isWriteLoading = true;
  }

  /** The request has been executed, or nobody wants it any more. */
  end(request: R): void {
    this.#loadingCount--;
    if (request.isWrite) this.#isWriteLoading = false;
  }

  #mayRun(isWrite: boolean): boolean {
    return this.#loadingCount === 0 || !(isWrite || this.#isWriteLoading);
  }
}
