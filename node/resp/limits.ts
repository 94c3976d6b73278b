/**
 * How much a client may send before it is refused: Redis's own limits, so that what Redis takes is taken here.
 * Before authentication they are small, so that strangers cannot make a node hold memory.
 */

/** Limits of one connection's input. */
export interface DecoderLimits {
  /** Longest inline command, and longest header line of an array or a bulk string, in bytes. */
  readonly inlineBytes: number;
  /** Longest bulk string in bytes. */
  readonly bulkBytes: number;
  /** Highest number of arguments of a command. */
  readonly argumentCount: number;
  /** Whether these are the limits of a connection that has not proved itself: the error texts differ. */
  readonly isUnauthenticated: boolean;
}

const INLINE_BYTES = 64 * 1024;

/** Redis's PROTO_INLINE_MAX_SIZE, proto-max-bulk-len and multibulk limit. */
export const FULL_LIMITS: DecoderLimits = {
  inlineBytes: INLINE_BYTES,
  bulkBytes: 512 * 1024 * 1024,
  argumentCount: 1024 * 1024,
  isUnauthenticated: false,
};

/** What Redis takes from a connection that still has to authenticate. */
export const UNAUTHENTICATED_LIMITS: DecoderLimits = {
  inlineBytes: INLINE_BYTES,
  bulkBytes: 16 * 1024,
  argumentCount: 10,
  isUnauthenticated: true,
};
