/**
 * From a message's number to its codec and handler: built once for each side of the links, looked up for each frame.
 * The record of handlers is keyed by the protocol's table, so a message without one does not compile.
 */

import { OperatingError } from "../base/errors.ts";
import { ByteReader, protocolError } from "../wire/byte-reader.ts";
import type { FrameReader } from "../wire/frame.ts";
import type { MessageCodec } from "../wire/message-codec.ts";
import { type HandlersOf, type LinkRole, MESSAGES, type MessageName } from "../wire/messages.ts";

interface Entry<Source> {
  readonly codec: MessageCodec<unknown>;
  readonly handle: (source: Source, id: number, message: unknown) => void;
}

export class InboundTable<Source> {
  readonly #sender: LinkRole;
  readonly #entries: (Entry<Source> | undefined)[] = new Array(256).fill(undefined);
  readonly #input = new ByteReader();

  /** @param sender the side whose messages these handlers take. */
  constructor(sender: "dialer", handlers: HandlersOf<"dialer", Source>);
  constructor(sender: "acceptor", handlers: HandlersOf<"acceptor", Source>);
  constructor(sender: LinkRole, handlers: HandlersOf<"dialer", Source> | HandlersOf<"acceptor", Source>) {
    this.#sender = sender;
    for (const [name, handle] of Object.entries(handlers)) {
      const { type, codec } = MESSAGES[name as MessageName];
      this.#entries[type] = { codec: codec as MessageCodec<unknown>, handle: handle as Entry<Source>["handle"] };
    }
  }

  /**
   * Reads the message that `frame` stands at and gives it to its handler.
   * @throws OperatingError PeerProtocolError for what the other side does not send.
   */
  dispatch(source: Source, frame: FrameReader): void {
    const entry = this.#entries[frame.type];
    if (entry === undefined) {
      throw protocolError(`a message of type ${frame.type}, which a ${this.#sender} does not send`);
    }
    const input = this.#input;
    input.reset(frame.buf, frame.start, frame.end);
    const message = entry.codec.read(input);
    input.finish();
    entry.handle(source, frame.id, message);
  }
}

/** Whether an error is the fault of what a peer sent. */
export function isProtocolError(error: unknown): boolean {
  return error instanceof OperatingError && error.code === "PeerProtocolError";
}
