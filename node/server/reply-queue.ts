/**
 * The order of replies of one connection while some are not known yet. A command whose reply comes later takes a
 * place; what is replied after it waits behind it. While nothing is waited for, the queue is empty and replies
 * go straight to the turn's buffer.
 */

/** Told when the reply at the head is there. */
export interface ReplyQueueOwner {
  onHeadReady(): void;
  /** Takes the head's reply `buf[start, end)` in this call; false, with nothing done, where it cannot now. */
  takeHead(buf: Buffer, start: number, end: number): boolean;
}

/** The place of one reply. */
export class PendingReply {
  /** The reply's RESP bytes once they are known and safe to send. */
  bytes: Buffer | undefined;
  /** Whether the client asked not to be answered (CLIENT REPLY). */
  isMuted = false;
  readonly #queue: ReplyQueue;

  constructor(queue: ReplyQueue) {
    this.#queue = queue;
  }

  /** Gives the reply. Only once; the bytes are kept. */
  answer(bytes: Buffer): void {
    this.bytes = bytes;
    this.#queue.onAnswered(this);
  }

  /** As `answer`, with a reply that lies in memory of others: copied only where it has to wait. */
  answerRange(buf: Buffer, start: number, end: number): void {
    if (!this.#queue.handOver(this, buf, start, end)) this.answer(Buffer.from(buf.subarray(start, end)));
  }
}

export class ReplyQueue {
  readonly #owner: ReplyQueueOwner;
  #places: PendingReply[] = [];
  #first = 0;
  #heldBytes = 0;

  constructor(owner: ReplyQueueOwner) {
    this.#owner = owner;
  }

  get isEmpty(): boolean {
    return this.#first === this.#places.length;
  }

  get length(): number {
    return this.#places.length - this.#first;
  }

  /** Bytes of replies that wait for one before them. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether no reply comes before this one. */
  isHead(place: PendingReply): boolean {
    return this.#places[this.#first] === place;
  }

  /** The place that was added last. */
  get last(): PendingReply | undefined {
    return this.#places.at(-1);
  }

  /** Takes the next place. */
  add(): PendingReply {
    const place = new PendingReply(this);
    this.#places.push(place);
    return place;
  }

  /** Gives the reply of `place` to the owner at once, if nothing is before it and the owner can take it. */
  handOver(place: PendingReply, buf: Buffer, start: number, end: number): boolean {
    if (!this.isHead(place) || place.isMuted || !this.#owner.takeHead(buf, start, end)) return false;
    this.#dropHead();
    if (this.isEmpty || this.#places[this.#first]?.bytes !== undefined) this.#owner.onHeadReady();
    return true;
  }

  onAnswered(place: PendingReply): void {
    this.#heldBytes += place.bytes?.length ?? 0;
    if (this.isHead(place)) this.#owner.onHeadReady();
  }

  /** Takes the head if its bytes are known. */
  takeReady(): PendingReply | undefined {
    const head = this.#places[this.#first];
    if (head?.bytes === undefined) return undefined;
    this.#heldBytes -= head.bytes.length;
    this.#dropHead();
    return head;
  }

  #dropHead(): void {
    this.#first++;
    if (this.isEmpty) {
      this.#places = [];
      this.#first = 0;
    }
  }
}
