/**
 * The protocol between nodes as one table: number, sender and codec of each message (docs/formats/peer-wire.md).
 * Handlers are records keyed by the table's names, so a message without a handler does not compile.
 * Numbers are never reused. Reserved: 0x30–0x3f planned switches, 0x40–0x4f Raft, 0x50–0x5f migration, 0x60–0x6f topology.
 */

import {
  binlogSyncAckCodec,
  binlogSyncCodec,
  binlogSyncOpenCodec,
  binlogSyncProbeAskCodec,
  binlogSyncProbeCodec,
  binlogSyncRefusedCodec,
} from "./binlog-sync.ts";
import { forwardCodec } from "./forward.ts";
import { forwardReplyCodec } from "./forward-reply.ts";
import { forwardRunCodec, forwardRunReplyCodec } from "./forward-run.ts";
import { challengeCodec, handshakeRefusedCodec, helloCodec, proofCodec } from "./handshake-messages.ts";
import { grantSetCodec, heartbeatCodec, heartbeatReplyCodec } from "./heartbeat.ts";
import { emptyCodec, type MessageCodec } from "./message-codec.ts";
import { positionsAnswerCodec, positionsAskCodec } from "./positions.ts";
import {
  snapshotAbortCodec,
  snapshotAckCodec,
  snapshotBeginCodec,
  snapshotChunkCodec,
  snapshotEndCodec,
} from "./snapshot.ts";
import { unwatchCodec, watchCodec, watchReplyCodec } from "./watch.ts";

/** Messages of the handshake: the only ones before a link is open, and never after. */
export const HANDSHAKE_MESSAGES = {
  hello: { type: 0x01, sentBy: "dialer", codec: helloCodec },
  challenge: { type: 0x02, sentBy: "acceptor", codec: challengeCodec },
  proof: { type: 0x03, sentBy: "dialer", codec: proofCodec },
  welcome: { type: 0x04, sentBy: "acceptor", codec: proofCodec },
  refused: { type: 0x05, sentBy: "acceptor", codec: handshakeRefusedCodec },
} as const;

/** Messages of an open link. */
export const MESSAGES = {
  ping: { type: 0x08, sentBy: "dialer", codec: emptyCodec },
  pong: { type: 0x09, sentBy: "acceptor", codec: emptyCodec },
  heartbeat: { type: 0x0a, sentBy: "dialer", codec: heartbeatCodec },
  heartbeatReply: { type: 0x0b, sentBy: "acceptor", codec: heartbeatReplyCodec },
  grantSet: { type: 0x0c, sentBy: "dialer", codec: grantSetCodec },
  forward: { type: 0x10, sentBy: "dialer", codec: forwardCodec },
  forwardReply: { type: 0x11, sentBy: "acceptor", codec: forwardReplyCodec },
  cancel: { type: 0x12, sentBy: "dialer", codec: emptyCodec },
  watch: { type: 0x13, sentBy: "dialer", codec: watchCodec },
  watchReply: { type: 0x14, sentBy: "acceptor", codec: watchReplyCodec },
  unwatch: { type: 0x15, sentBy: "dialer", codec: unwatchCodec },
  forwardRun: { type: 0x16, sentBy: "dialer", codec: forwardRunCodec },
  forwardRunReply: { type: 0x17, sentBy: "acceptor", codec: forwardRunReplyCodec },
  binlogSyncOpen: { type: 0x20, sentBy: "dialer", codec: binlogSyncOpenCodec },
  binlogSync: { type: 0x21, sentBy: "acceptor", codec: binlogSyncCodec },
  binlogSyncAck: { type: 0x22, sentBy: "dialer", codec: binlogSyncAckCodec },
  binlogSyncRefused: { type: 0x23, sentBy: "acceptor", codec: binlogSyncRefusedCodec },
  binlogSyncClose: { type: 0x24, sentBy: "dialer", codec: emptyCodec },
  binlogSyncProbe: { type: 0x25, sentBy: "acceptor", codec: binlogSyncProbeCodec },
  binlogSyncProbeAsk: { type: 0x26, sentBy: "dialer", codec: binlogSyncProbeAskCodec },
  snapshotBegin: { type: 0x28, sentBy: "acceptor", codec: snapshotBeginCodec },
  snapshotChunk: { type: 0x29, sentBy: "acceptor", codec: snapshotChunkCodec },
  snapshotEnd: { type: 0x2a, sentBy: "acceptor", codec: snapshotEndCodec },
  snapshotAbort: { type: 0x2b, sentBy: "both", codec: snapshotAbortCodec },
  snapshotAck: { type: 0x2c, sentBy: "dialer", codec: snapshotAckCodec },
  positionsAsk: { type: 0x2d, sentBy: "dialer", codec: positionsAskCodec },
  positionsAnswer: { type: 0x2e, sentBy: "acceptor", codec: positionsAnswerCodec },
} as const;

type Table = typeof MESSAGES;
export type MessageName = keyof Table;
export type MessageOf<N extends MessageName> = Table[N]["codec"] extends MessageCodec<infer M> ? M : never;

/** The side of a link: who dialled, or who listens. */
export type LinkRole = "dialer" | "acceptor";

type SentBy<R extends LinkRole> = {
  [N in MessageName]: Table[N]["sentBy"] extends R | "both" ? N : never;
}[MessageName];

/** One handler for each message that the side `R` sends; `source` is the link that it came on. */
export type HandlersOf<R extends LinkRole, Source> = {
  readonly [N in SentBy<R>]: (source: Source, id: number, message: MessageOf<N>) => void;
};
