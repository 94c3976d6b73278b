/**
 * What a leader knows of one follower: how far it was sent, how far it has come, whether it keeps up. Pure.
 *
 * Invariants: appendedIndex ≤ sentIndex; durableIndex ≤ appendedIndex; both only grow while a stream lasts; at most a
 * window of bytes is on its way, and one message more only when nothing is.
 */

export type FollowerMode =
  /** No stream. */
  | "away"
  /** Looking for where the logs part. */
  | "probing"
  | "streaming"
  /** Being copied: no candidate for leadership. */
  | "copying";

interface Sent {
  readonly lastIndex: number;
  readonly sizeBytes: number;
}

export class FollowerTrack {
  mode: FollowerMode = "away";
  /** The highest index sent on the present stream. */
  sentIndex = 0;
  /** The highest index that its log has; kept when the stream ends. */
  appendedIndex = 0;
  durableIndex = 0;
  /** Has had everything at some moment of the present stream. */
  hasCaughtUp = false;
  /** Index of the snapshot that is being sent, or from which it is catching up; 0: none. */
  #copyIndex = 0;
  #onTheWay: Sent[] = [];
  #onTheWayBytes = 0;
  #windowBytes = 0;

  /** In the stream and with the leader's tail: what it has acknowledged may be counted on. */
  get isInSync(): boolean {
    return this.mode === "streaming" && this.hasCaughtUp;
  }

  /** Whether a copy of it was begun and would be in vain without the log behind `appendedIndex`. */
  get needsLogForCopy(): boolean {
    if (this.#copyIndex === 0 || this.hasCaughtUp) return false;
    return this.mode === "copying" || this.mode === "streaming";
  }

  /** Room for entries now, in bytes; 0: wait for an acknowledgement. */
  get roomBytes(): number {
    return Math.max(0, this.#windowBytes - this.#onTheWayBytes);
  }

  /** A new stream begins behind `lastIndex`, which the follower has. */
  begin(lastIndex: number, windowBytes: number): void {
    this.mode = "streaming";
    if (lastIndex < this.#copyIndex) this.#copyIndex = 0;
    this.sentIndex = lastIndex;
    this.appendedIndex = lastIndex;
    this.durableIndex = 0;
    this.hasCaughtUp = false;
    this.#windowBytes = windowBytes;
    this.#onTheWay = [];
    this.#onTheWayBytes = 0;
  }

  /** No stream, or one of another kind. */
  become(mode: "away" | "probing" | "copying"): void {
    this.mode = mode;
    if (mode === "copying" || this.hasCaughtUp) this.#copyIndex = 0;
    this.hasCaughtUp = false;
    this.#onTheWay = [];
    this.#onTheWayBytes = 0;
  }

  /** The copy is the state at `index`. */
  copies(index: number): void {
    this.appendedIndex = index;
    this.#copyIndex = index;
  }

  sent(count: number, sizeBytes: number): void {
    this.sentIndex += count;
    this.#onTheWay.push({ lastIndex: this.sentIndex, sizeBytes });
    this.#onTheWayBytes += sizeBytes;
  }

  /**
   * Takes an acknowledgement; `leaderLastIndex` is where the leader's log ends now.
   * False where it claims what was not sent: the follower is broken.
   */
  acknowledged(appendedIndex: number, durableIndex: number, leaderLastIndex: number): boolean {
    if (appendedIndex > this.sentIndex || durableIndex > appendedIndex) return false;
    this.appendedIndex = Math.max(this.appendedIndex, appendedIndex);
    this.durableIndex = Math.max(this.durableIndex, durableIndex);
    while (this.#onTheWay[0] !== undefined && this.#onTheWay[0].lastIndex <= appendedIndex) {
      this.#onTheWayBytes -= this.#onTheWay[0].sizeBytes;
      this.#onTheWay.shift();
    }
    if (this.appendedIndex >= leaderLastIndex) this.hasCaughtUp = true;
    return true;
  }
}

/** What the data plane must keep for the followers of a slot (ReplicaLog's FollowerProgress). */
export function progressOf(tracks: Iterable<FollowerTrack>): {
  readonly needFrom: number;
  readonly copiesNeedFrom: number;
  readonly acknowledged: number;
} {
  let needFrom = Number.POSITIVE_INFINITY;
  let copiesNeedFrom = Number.POSITIVE_INFINITY;
  let acknowledged = -1;
  for (const track of tracks) {
    needFrom = Math.min(needFrom, track.appendedIndex + 1);
    if (track.needsLogForCopy) copiesNeedFrom = Math.min(copiesNeedFrom, track.appendedIndex + 1);
    if (track.isInSync) acknowledged = Math.max(acknowledged, track.appendedIndex);
  }
  return { needFrom, copiesNeedFrom, acknowledged: acknowledged < 0 ? Number.POSITIVE_INFINITY : acknowledged };
}
