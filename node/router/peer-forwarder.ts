/**
 * The asking side of forwarding: one queue of requests in flight for each peer, over the link that this node dialled.
 *
 * Invariants
 * 1. A request is put on one link at most once; where that link breaks before the answer, its outcome is `unknown`.
 * 2. Requests to a peer are put on the link in the order of `forward`; those that wait for a link go first.
 * 3. Each request gets one result, never from within `forward`, and none after `cancel`.
 * 4. Single commands of a turn go out as one run, before whatever else is sent to the peer after them.
 * 5. A watch lives on one link; EXEC with a watch of a link that is gone is `watchBroken` and not sent.
 */

import { assert } from "../base/assert.ts";
import { BoundedQueue } from "../base/bounded-queue.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { NodeId } from "../meta/ids.ts";
import { type Forward, forwardSizeBytes } from "../wire/forward.ts";
import type { ForwardReply } from "../wire/forward-reply.ts";
import type { ForwardRunReply } from "../wire/forward-run.ts";
import { MAX_MESSAGE_BYTES } from "../wire/frame.ts";
import type { WatchReply } from "../wire/watch.ts";
import { AskedRuns } from "./asked-runs.ts";
import type {
  ForwardedOne,
  Forwarder,
  ForwardRequest,
  ForwardResult,
  ForwardWaiter,
  PendingForward,
  WatchRequest,
} from "./forwarding.ts";
import type { PeerLink, PeerLinkEvents } from "./peer-link.ts";

export interface PeerForwarderOptions {
  /** How long a request may wait for a link, ms. */
  readonly linkWaitMs: number;
  /** Requests in flight to one peer: every client of a full node may be blocked there, and pipelines go on top. */
  readonly maxInFlight: number;
  /** Requests that wait for a link to one peer. */
  readonly maxWaiting: number;
  /** Bytes of requests that wait for a link to one peer. */
  readonly maxWaitingBytes: number;
}

/** A second bridges a restart's reconnect without holding clients long; 16 MiB hold what comes in it at a usual rate. */
export const DEFAULT_FORWARDER_OPTIONS: PeerForwarderOptions = {
  linkWaitMs: 1000,
  maxInFlight: 65_536,
  maxWaiting: 16_384,
  maxWaitingBytes: 16 * 1024 * 1024,
};

/** Watches waiting for their answer and made ones are clients of this node: as many as may connect, and room. */
const MAX_WATCHES = 65_536;
const MAX_ID = 0xffffffff;

/** One request on its way. */
class InFlight implements PendingForward {
  readonly peer: Peer;
  readonly waiter: ForwardWaiter;
  /** 0 while it waits for a link. */
  id = 0;
  isDone = false;

  constructor(peer: Peer, waiter: ForwardWaiter) {
    this.peer = peer;
    this.waiter = waiter;
  }

  cancel(): void {
    if (this.isDone) return;
    this.isDone = true;
    if (this.id === 0) return;
    this.peer.inFlight.delete(this.id);
    this.peer.link?.send("cancel", this.id, {});
  }

  finish(result: ForwardResult): void {
    if (this.isDone) return;
    this.isDone = true;
    this.waiter.onForwardResult(result);
  }
}

interface Waiting {
  readonly request: Forward;
  readonly entry: InFlight;
}

interface Watching {
  readonly link: PeerLink;
  readonly remoteId: number;
}

class Peer {
  readonly node: NodeId;
  link: PeerLink | undefined;
  readonly inFlight = new Map<number, InFlight>();
  readonly watchReplies = new Map<number, (watchId: number | undefined) => void>();
  readonly waiting: BoundedQueue<Waiting>;
  readonly runs = new AskedRuns(() => this.newId());
  timer: Timer | undefined;
  #lastId = 0;

  constructor(node: NodeId, waiting: BoundedQueue<Waiting>) {
    this.node = node;
    this.waiting = waiting;
  }

  newId(): number {
    do this.#lastId = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    while (this.inFlight.has(this.#lastId) || this.watchReplies.has(this.#lastId) || this.runs.has(this.#lastId));
    return this.#lastId;
  }

  get inFlightCount(): number {
    return this.inFlight.size + this.runs.commandCount;
  }
}

export class PeerForwarder implements Forwarder, PeerLinkEvents {
  readonly #options: PeerForwarderOptions;
  readonly #clock: Clock;
  readonly #peers = new Map<NodeId, Peer>();
  readonly #watches = new Map<number, Watching>();
  #lastWatchId = 0;

  constructor(options: PeerForwarderOptions, deps: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = deps.clock;
  }

  /** What the links that this node dials hear about forwards. */
  readonly handlers = {
    forwardReply: (link: PeerLink, id: number, reply: ForwardReply): void => {
      const peer = this.#peerOf(link);
      const entry = peer?.inFlight.get(id);
      if (peer === undefined || entry === undefined) return;
      peer.inFlight.delete(id);
      entry.finish(reply);
    },
    forwardRunReply: (link: PeerLink, id: number, reply: ForwardRunReply): void => {
      this.#peerOf(link)?.runs.onReply(id, reply);
    },
    watchReply: (link: PeerLink, id: number, reply: WatchReply): void => {
      const peer = this.#peerOf(link);
      const onResult = peer?.watchReplies.get(id);
      if (peer === undefined || onResult === undefined) return;
      peer.watchReplies.delete(id);
      onResult(reply.watchId === undefined ? undefined : this.#addWatch(link, reply.watchId));
    },
  };

  /** Requests sent and not answered, and those that wait for a link; for metrics. */
  get inFlightCount(): number {
    let count = 0;
    for (const peer of this.#peers.values()) count += peer.inFlightCount + peer.waiting.count;
    return count;
  }

  forward(node: NodeId, request: ForwardRequest, waiter: ForwardWaiter): PendingForward {
    const peer = this.#peer(node);
    const entry = new InFlight(peer, waiter);
    const link = peer.link;
    let wire: Forward = request;
    if (request.watchId !== undefined) {
      const watch = this.#takeWatch(request.watchId);
      if (watch === undefined || watch.link !== link) {
        this.#finishLater(entry, { kind: "watchBroken" });
        return entry;
      }
      wire = { ...request, watchId: watch.remoteId };
    }
    if (isTooLarge(wire)) {
      this.#finishLater(entry, unreachable(`a command above ${MAX_MESSAGE_BYTES} bytes cannot be forwarded`));
    } else if (link === undefined) this.#wait(peer, wire, entry);
    else if (peer.inFlightCount >= this.#options.maxInFlight) {
      this.#finishLater(entry, unreachable(`the limit of ${this.#options.maxInFlight} forwards in flight is reached`));
    } else if (!link.hasRoom) {
      this.#finishLater(entry, unreachable("the queue to the node that leads the slot is full"));
    } else sendForward(link, wire, entry);
    return entry;
  }

  forwardOne(node: NodeId, one: ForwardedOne): void {
    const peer = this.#peer(node);
    const { link } = peer;
    const isFree = link?.hasRoom === true && peer.inFlightCount < this.#options.maxInFlight;
    if (link === undefined || !isFree || !peer.runs.add(link, one)) this.forward(node, requestOf(one), one);
  }

  watch(node: NodeId, request: WatchRequest, onResult: (watchId: number | undefined) => void): void {
    const peer = this.#peer(node);
    const hasRoom = this.#watches.size + peer.watchReplies.size < MAX_WATCHES;
    if (peer.link === undefined || !peer.link.hasRoom || !hasRoom) {
      queueMicrotask(() => onResult(undefined));
      return;
    }
    peer.runs.send();
    const id = peer.newId();
    peer.watchReplies.set(id, onResult);
    peer.link.send("watch", id, request);
  }

  unwatch(watchId: number): void {
    const watch = this.#takeWatch(watchId);
    watch?.link.send("unwatch", 0, { watchId: watch.remoteId });
  }

  onOpen(link: PeerLink): void {
    const peer = this.#peer(link.peer as NodeId);
    assert(peer.link === undefined, "a peer's link is told as closed before the next opens");
    peer.link = link;
    peer.timer?.cancel();
    peer.timer = undefined;
    for (let next = peer.waiting.shift(); next !== undefined; next = peer.waiting.shift()) {
      if (!next.entry.isDone) sendForward(link, next.request, next.entry);
    }
  }

  onClose(link: PeerLink, reason: string): void {
    const peer = this.#peerOf(link);
    if (peer === undefined) return;
    peer.link = undefined;
    for (const [id, watch] of this.#watches) if (watch.link === link) this.#watches.delete(id);
    const watchReplies = [...peer.watchReplies.values()];
    peer.watchReplies.clear();
    const inFlight = [...peer.inFlight.values()];
    peer.inFlight.clear();
    const runs = peer.runs.takeAll();
    const error = `the link to the node that leads the slot broke (${reason}); the command may have been executed or not`;
    for (const entry of inFlight) entry.finish({ kind: "unknown", error });
    for (const one of runs.sent) one.onForwardResult({ kind: "unknown", error });
    for (const one of runs.unsent) one.onForwardResult(unreachable("no link to the node that leads the slot"));
    for (const onResult of watchReplies) onResult(undefined);
  }

  onDrain(): void {}

  #peer(node: NodeId): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      const { maxWaiting, maxWaitingBytes } = this.#options;
      peer = new Peer(node, new BoundedQueue({ maxCount: maxWaiting, maxWeight: maxWaitingBytes }));
      this.#peers.set(node, peer);
    }
    return peer;
  }

  /** The peer whose current link this is. */
  #peerOf(link: PeerLink): Peer | undefined {
    const peer = link.peer === undefined ? undefined : this.#peers.get(link.peer);
    return peer?.link === link ? peer : undefined;
  }

  #wait(peer: Peer, request: Forward, entry: InFlight): void {
    const owned = { ...request, commands: request.commands.map((argv) => argv.own()) };
    if (!peer.waiting.push({ request: owned, entry }, forwardSizeBytes(owned.commands))) {
      this.#finishLater(
        entry,
        unreachable("no link to the node that leads the slot, and too many commands wait for one"),
      );
      return;
    }
    peer.timer ??= this.#clock.after(this.#options.linkWaitMs, () => this.#giveUp(peer));
  }

  /** All that wait for a link fail together: the first has waited for the whole time, and order is kept. */
  #giveUp(peer: Peer): void {
    peer.timer = undefined;
    const result = unreachable("no link to the node that leads the slot");
    for (let next = peer.waiting.shift(); next !== undefined; next = peer.waiting.shift()) next.entry.finish(result);
  }

  #finishLater(entry: InFlight, result: ForwardResult): void {
    queueMicrotask(() => entry.finish(result));
  }

  #addWatch(link: PeerLink, remoteId: number): number {
    do this.#lastWatchId = this.#lastWatchId === MAX_ID ? 1 : this.#lastWatchId + 1;
    while (this.#watches.has(this.#lastWatchId));
    this.#watches.set(this.#lastWatchId, { link, remoteId });
    return this.#lastWatchId;
  }

  #takeWatch(watchId: number): Watching | undefined {
    const watch = this.#watches.get(watchId);
    this.#watches.delete(watchId);
    return watch;
  }
}

function requestOf(one: ForwardedOne): ForwardRequest {
  const { table, slot, epoch, protocol, argv } = one;
  return { table, scope: { slot }, epoch, protocol, commands: [argv], isExec: false, watchId: undefined };
}

function sendForward(link: PeerLink, request: Forward, entry: InFlight): void {
  entry.peer.runs.send();
  entry.id = entry.peer.newId();
  entry.peer.inFlight.set(entry.id, entry);
  link.send("forward", entry.id, request);
}

function isTooLarge(request: Forward): boolean {
  let sharedBytes = 0;
  for (const argv of request.commands) sharedBytes += argv.buf.length;
  return sharedBytes > MAX_MESSAGE_BYTES / 2 && forwardSizeBytes(request.commands) > MAX_MESSAGE_BYTES;
}

function unreachable(error: string): ForwardResult {
  return { kind: "unreachable", error };
}
