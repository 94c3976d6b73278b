/** How one message becomes its payload and back. `read` throws PeerProtocolError for what no correct peer sends. */

import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

export interface MessageCodec<T> {
  write(out: ByteWriter, message: T): void;
  /** Reads a whole payload, but leaves the check for left-over bytes to its caller. */
  read(input: ByteReader): T;
}

/** A message without payload. */
export type Empty = Readonly<Record<string, never>>;

const EMPTY: Empty = {};

export const emptyCodec: MessageCodec<Empty> = {
  write: () => {},
  read: () => EMPTY,
};
