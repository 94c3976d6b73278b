/**
 * What one connection has on its way to peers, as far as the order of its commands needs it.
 */

/** A command that a peer refused: it was not executed. */
export interface RefusedForward {
  readonly slot: number;
  /** Tries it again, or answers that it was overtaken. Resolves when it has its reply. */
  retry(isOvertaken: boolean): Promise<void>;
}

export class ForwardsInFlight {
  /** The epoch that all of them were sent under. */
  epoch = 0;
  count = 0;
  #refused: RefusedForward[] = [];
  /** Slots of which something was executed since the first refusal. */
  readonly #executedSlots = new Set<number>();

  get hasRefused(): boolean {
    return this.#refused.length > 0;
  }

  /** Something was executed by a peer. */
  noteExecuted(slot: number): void {
    if (this.hasRefused) this.#executedSlots.add(slot);
  }

  addRefused(refused: RefusedForward): void {
    this.#refused.push(refused);
  }

  /** Nothing is on its way any more: tries the refused ones again, one after the other in their order. */
  async retryRefused(): Promise<void> {
    for (const refused of this.#refused) await refused.retry(this.#executedSlots.has(refused.slot));
    this.#refused = [];
    this.#executedSlots.clear();
  }
}
