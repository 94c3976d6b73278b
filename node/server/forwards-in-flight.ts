/**
 * What one connection has on its way to peers, as far as the order of its commands and the memory of their replies
 * need it.
 *
 * How large a reply is, is known when it comes. So as many commands go out at once as have room for replies like those
 * of the connection before: what is expected is at once as large as the largest reply, and falls slowly from there.
 * A connection that asked for small replies only and then asks for large ones is held back only after the first of
 * them has come; what it may have on its way until then is bounded by number.
 */

/** What replies on their way to one connection may take, as far as it can be foreseen. */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** At most so many commands of one connection are on their way, however small their replies are. */
const MAX_IN_FLIGHT = 1024;
/** What a connection's first replies are taken for: 16 at once until the first of them are there. */
const FIRST_EXPECTED_BYTES = 256 * 1024;
/** What a smaller reply takes off, as a part of the difference: 32 small ones open the whole window. */
const DECAY = 1 / 8;

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
  #expectedBytes = FIRST_EXPECTED_BYTES;
  #refused: RefusedForward[] = [];
  /** Slots of which something was executed since the first refusal. */
  readonly #executedSlots = new Set<number>();

  get hasRefused(): boolean {
    return this.#refused.length > 0;
  }

  /** Whether another command may go out beside `pendingCount` whose replies have not left. */
  hasRoomBeside(pendingCount: number): boolean {
    if (pendingCount === 0) return true;
    return pendingCount < MAX_IN_FLIGHT && (pendingCount + 1) * this.#expectedBytes <= WINDOW_BYTES;
  }

  /** A peer executed a command of a slot and replied so many bytes. */
  noteExecuted(slot: number, replyBytes: number): void {
    const expected = this.#expectedBytes;
    this.#expectedBytes = replyBytes >= expected ? replyBytes : expected - (expected - replyBytes) * DECAY;
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
