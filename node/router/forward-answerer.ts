/**
 * The answering side of forwarding: gives what peers ask to the ForwardHandler and its answers to their link.
 *
 * Invariants
 * 1. A request is handled once and answered at most once, in the order the handler answers.
 * 2. When a link ends, what it left waiting is cancelled and its watches are released; answers after that are dropped.
 * 3. A watch can be used only on the link that made it; EXEC releases its watch when it is answered.
 */

import { tableId } from "../meta/ids.ts";
import { protocolError } from "../wire/byte-reader.ts";
import type { Forward } from "../wire/forward.ts";
import type { ForwardReply } from "../wire/forward-reply.ts";
import type { ForwardRun } from "../wire/forward-run.ts";
import { MAX_MESSAGE_BYTES } from "../wire/frame.ts";
import type { Empty } from "../wire/message-codec.ts";
import type { Unwatch, Watch } from "../wire/watch.ts";
import type {
  ForwardedRun,
  ForwardHandler,
  ForwardRequest,
  ForwardResponder,
  ForwardRunResponder,
  PendingForward,
  RunReplies,
} from "./forwarding.ts";
import type { PeerLink, PeerLinkEvents } from "./peer-link.ts";

/** Twice what an asker keeps in flight: answers to requests that it cancelled may still be due. */
const MAX_UNANSWERED = 131_072;
/** Watches of one link: as many as clients of the asking node. */
const MAX_WATCHES_PER_LINK = 65_536;
/** What the keys of a link's watches may take: 64 clients that each watch as much as one may, or all with a few keys. */
const MAX_WATCHED_BYTES_PER_LINK = 64 * 1024 * 1024;
/** Counted for each watch and for each of its keys, beside the key's bytes. */
const WATCHED_KEY_BYTES = 64;

class Session {
  readonly link: PeerLink;
  readonly handler: ForwardHandler;
  readonly pending = new Map<number, PendingForward>();
  /** What each watch is counted as, bytes. */
  readonly watches = new Map<number, number>();
  watchedBytes = 0;
  unansweredCount = 0;

  constructor(link: PeerLink, handler: ForwardHandler) {
    this.link = link;
    this.handler = handler;
  }

  /** False where the link has no such watch. */
  dropWatch(watchId: number): boolean {
    const sizeBytes = this.watches.get(watchId);
    if (sizeBytes === undefined) return false;
    this.watchedBytes -= sizeBytes;
    return this.watches.delete(watchId);
  }
}

class Answer implements ForwardResponder {
  readonly #session: Session;
  readonly #id: number;
  readonly #watchId: number | undefined;
  isDone = false;

  constructor(session: Session, id: number, watchId: number | undefined) {
    this.#session = session;
    this.#id = id;
    this.#watchId = watchId;
  }

  reply(buf: Buffer, start: number, end: number): void {
    if (end - start < MAX_MESSAGE_BYTES) this.#send({ kind: "reply", buf, start, end });
    else this.#send({ kind: "unknown", error: "the command was executed, but its reply is too large to be forwarded" });
  }

  refuse(epoch: number): void {
    this.#send({ kind: "refused", epoch });
  }

  breakWatch(): void {
    this.#send({ kind: "watchBroken" });
  }

  /** No answer is wanted any more. */
  drop(): void {
    if (this.isDone) return;
    this.isDone = true;
    const session = this.#session;
    session.unansweredCount--;
    session.pending.delete(this.#id);
    if (this.#watchId !== undefined && session.dropWatch(this.#watchId)) this.#session.handler.unwatch(this.#watchId);
  }

  #send(reply: ForwardReply): void {
    if (this.isDone) return;
    this.drop();
    this.#session.link.send("forwardReply", this.#id, reply);
  }
}

/** The answers to one run. What comes after the link's end is dropped by the link. While it waits, nothing is read. */
class RunAnswer implements ForwardRunResponder {
  readonly #session: Session;
  readonly #id: number;

  constructor(session: Session, id: number) {
    this.#session = session;
    this.#id = id;
  }

  answer(replies: RunReplies): void {
    this.#session.unansweredCount -= replies.count;
    this.#session.link.send("forwardRunReply", this.#id, replies);
  }

  get isWanted(): boolean {
    return this.#session.link.isOpen;
  }

  hold(): void {
    this.#session.link.hold();
  }

  release(): void {
    this.#session.link.release();
  }
}

/** How to cancel a request that waits, with what it holds. */
class Cancellable implements PendingForward {
  readonly #answer: Answer;
  readonly #pending: PendingForward;

  constructor(answer: Answer, pending: PendingForward) {
    this.#answer = answer;
    this.#pending = pending;
  }

  cancel(): void {
    this.#pending.cancel();
    this.#answer.drop();
  }
}

export class ForwardAnswerer implements PeerLinkEvents {
  readonly #handler: ForwardHandler;
  readonly #sessions = new Map<PeerLink, Session>();

  constructor(handler: ForwardHandler) {
    this.#handler = handler;
  }

  /** What the links that this node accepted hear about forwards. */
  readonly handlers = {
    forward: (link: PeerLink, id: number, message: Forward): void => this.#forward(this.#session(link), id, message),
    forwardRun: (link: PeerLink, id: number, message: ForwardRun): void => {
      const session = this.#session(link);
      if (session.unansweredCount + message.count > MAX_UNANSWERED) {
        throw protocolError("more forwards than it may have in flight");
      }
      session.unansweredCount += message.count;
      this.#handler.handleRun(message as ForwardRun & ForwardedRun, new RunAnswer(session, id));
    },
    cancel: (link: PeerLink, id: number, _message: Empty): void => this.#session(link).pending.get(id)?.cancel(),
    watch: (link: PeerLink, id: number, message: Watch): void => {
      const session = this.#session(link);
      const sizeBytes = message.keys.reduce((sum, key) => sum + key.length + WATCHED_KEY_BYTES, WATCHED_KEY_BYTES);
      const watchId =
        session.watches.size < MAX_WATCHES_PER_LINK && session.watchedBytes + sizeBytes <= MAX_WATCHED_BYTES_PER_LINK
          ? this.#handler.watch({ table: tableId(message.table), slot: message.slot, keys: message.keys })
          : undefined;
      if (watchId !== undefined) {
        session.watches.set(watchId, sizeBytes);
        session.watchedBytes += sizeBytes;
      }
      link.send("watchReply", id, { watchId });
    },
    unwatch: (link: PeerLink, _id: number, message: Unwatch): void => {
      if (this.#session(link).dropWatch(message.watchId)) this.#handler.unwatch(message.watchId);
    },
  };

  onOpen(link: PeerLink): void {
    this.#sessions.set(link, new Session(link, this.#handler));
  }

  onClose(link: PeerLink): void {
    const session = this.#sessions.get(link);
    if (session === undefined) return;
    this.#sessions.delete(link);
    for (const pending of [...session.pending.values()]) pending.cancel();
    const watches = [...session.watches.keys()];
    session.watches.clear();
    for (const watchId of watches) this.#handler.unwatch(watchId);
  }

  onDrain(): void {}

  #session(link: PeerLink): Session {
    const session = this.#sessions.get(link);
    if (session === undefined) throw protocolError("a message on a link that is not open");
    return session;
  }

  #forward(session: Session, id: number, message: Forward): void {
    if (session.pending.has(id)) throw protocolError(`a second forward under the id ${id}`);
    if (session.unansweredCount >= MAX_UNANSWERED) throw protocolError("more forwards than it may have in flight");
    session.unansweredCount++;
    const answer = new Answer(session, id, message.watchId);
    if (message.watchId !== undefined && !session.watches.has(message.watchId)) {
      answer.breakWatch();
      return;
    }
    // The wire gives plain numbers; that a table id names a table is the handler's to check.
    const pending = this.#handler.handle(message as ForwardRequest, answer);
    if (pending !== undefined && !answer.isDone) session.pending.set(id, new Cancellable(answer, pending));
  }
}
