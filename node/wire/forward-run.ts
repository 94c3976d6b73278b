/**
 * ForwardRun: commands of many clients in one frame, each for one slot, and ForwardRunReply: the replies to some of
 * them that follow each other (docs/formats/peer-wire.md). A command costs no frame, no CRC and no id of its own.
 * Invariant: what is read is valid until the next run is read: its objects are used again; nothing is copied.
 *
 * Example: `GET k` for slot 3, as the only command for table 1 at epoch 9, RESP2:
 * `00 00 00 01  00 00 00 00 00 00 00 09  00  01  00 03 02 03 47 45 54 01 6b`; its reply `+OK` by a node of epoch 9:
 * `00  01  00 00 00 00 00 00 00 09  05  2b 4f 4b 0d 0a`.
 */

import { Argv } from "../base/argv.ts";
import { type ByteReader, protocolError } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { MessageCodec } from "./message-codec.ts";

const FLAG_RESP3 = 1;
/** Most commands of a run. */
export const MAX_RUN_COMMANDS = 1024;

export interface ForwardRunHeader {
  readonly table: number;
  readonly epoch: number;
  readonly protocol: 2 | 3;
}

/** A run as it is made: its commands are written one by one, by `writeRunCommand`. */
export interface ForwardRun extends ForwardRunHeader {
  readonly count: number;
  /** Command i is `commands[i]`, for slot `slots[i]`. Given when it was read. */
  readonly slots: readonly number[];
  readonly commands: readonly Argv[];
  /** The commands' bytes. Given when it is written. */
  readonly body: ByteWriter | undefined;
}

/** Writes the next command of a run into its body. */
export function writeRunCommand(body: ByteWriter, slot: number, argv: Argv): void {
  body.u16(slot);
  body.varint(argv.count);
  for (let i = 0; i < argv.count; i++) body.bytes(argv.buf, argv.start(i), argv.end(i));
}

const readSlots: number[] = [];
const readArgvs: Argv[] = [];

export const forwardRunCodec: MessageCodec<ForwardRun> = {
  write(out, m) {
    out.u32(m.table);
    out.u64(m.epoch);
    out.u8(m.protocol === 3 ? FLAG_RESP3 : 0);
    out.varint(m.count);
    if (m.body !== undefined) out.raw(m.body.buf, 0, m.body.length);
  },
  read(input) {
    const table = input.u32();
    const epoch = input.u64();
    const flags = input.u8();
    if (flags > FLAG_RESP3) throw protocolError("a run of forwards with unknown flags");
    const count = input.count(4);
    if (count === 0 || count > MAX_RUN_COMMANDS) throw protocolError(`a run of ${count} forwards`);
    for (let i = 0; i < count; i++) readCommand(input, i);
    const protocol = flags === FLAG_RESP3 ? 3 : 2;
    return { table, epoch, protocol, count, slots: readSlots, commands: readArgvs, body: undefined };
  },
};

function readCommand(input: ByteReader, index: number): void {
  readSlots[index] = input.u16();
  const count = input.count(1);
  if (count === 0) throw protocolError("a forward of a command without a name");
  let argv = readArgvs[index];
  if (argv === undefined || argv.offsets.length > 64) {
    argv = new Argv(input.buf, 4);
    readArgvs[index] = argv;
  }
  argv.reset(input.buf);
  for (let i = 0; i < count; i++) {
    const size = input.byteLength();
    argv.push(input.at, input.at + size);
    input.at += size;
  }
}

/** The replies to the commands `first` and on of a run: one behind the other from `buf[start]` on. */
export interface ForwardRunReply {
  readonly first: number;
  /** The answerer's epoch, for those that it refused. */
  readonly epoch: number;
  readonly count: number;
  /** Bytes of each reply; 0: refused, not executed. */
  readonly lengths: readonly number[];
  readonly buf: Buffer;
  readonly start: number;
}

const readLengths: number[] = [];

export const forwardRunReplyCodec: MessageCodec<ForwardRunReply> = {
  write(out, m) {
    out.varint(m.first);
    out.varint(m.count);
    out.u64(m.epoch);
    let sizeBytes = 0;
    for (let i = 0; i < m.count; i++) {
      const length = m.lengths[i] as number;
      out.varint(length);
      sizeBytes += length;
    }
    out.raw(m.buf, m.start, m.start + sizeBytes);
  },
  read(input) {
    const first = input.varint();
    const count = input.count(1);
    if (count === 0 || first + count > MAX_RUN_COMMANDS) throw protocolError("replies that no run has asked for");
    const epoch = input.u64();
    let sizeBytes = 0;
    for (let i = 0; i < count; i++) {
      const length = input.varint();
      readLengths[i] = length;
      sizeBytes += length;
    }
    const start = input.at;
    if (sizeBytes > input.remaining) throw protocolError("a payload that ends too early");
    input.at += sizeBytes;
    return { first, epoch, count, lengths: readLengths, buf: input.buf, start };
  },
};
