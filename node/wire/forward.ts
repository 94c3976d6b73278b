/**
 * Forward: commands of a client, sent to the node that leads their slot (docs/formats/peer-wire.md).
 * Invariant: reading copies no argument; the commands point into the frame.
 *
 * Example: `GET k` for slot 3 of table 1 at epoch 9, RESP2:
 * `00 00 00 01  00 03  00 00 00 00 00 00 00 09  00  01  02  03 47 45 54  01 6b`.
 */

import { Argv } from "../base/argv.ts";
import { type ByteReader, protocolError } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { MessageCodec } from "./message-codec.ts";

const EVERY_LED_SLOT = 0xffff;
const FLAG_RESP3 = 1;
const FLAG_EXEC = 2;
const FLAG_WATCH = 4;
const KNOWN_FLAGS = FLAG_RESP3 | FLAG_EXEC | FLAG_WATCH;

export interface Forward {
  readonly table: number;
  /** One slot, or every slot that the acceptor leads. */
  readonly scope: { readonly slot: number | "leading" };
  readonly epoch: number;
  readonly protocol: 2 | 3;
  /** One, or those of an EXEC, which may be none. */
  readonly commands: readonly Argv[];
  readonly isExec: boolean;
  readonly watchId: number | undefined;
}

/** An upper bound of the payload's bytes. */
export function forwardSizeBytes(commands: readonly Argv[]): number {
  let size = 32;
  for (const argv of commands) size += 8 + 8 * argv.count + argv.sizeBytes();
  return size;
}

export const forwardCodec: MessageCodec<Forward> = {
  write(out, m) {
    out.u32(m.table);
    out.u16(m.scope.slot === "leading" ? EVERY_LED_SLOT : m.scope.slot);
    out.u64(m.epoch);
    out.u8(
      (m.protocol === 3 ? FLAG_RESP3 : 0) | (m.isExec ? FLAG_EXEC : 0) | (m.watchId === undefined ? 0 : FLAG_WATCH),
    );
    if (m.watchId !== undefined) out.u32(m.watchId);
    out.varint(m.commands.length);
    for (const argv of m.commands) writeCommand(out, argv);
  },
  read(input) {
    const table = input.u32();
    const slot = input.u16();
    const epoch = input.u64();
    const flags = input.u8();
    if (flags > KNOWN_FLAGS) throw protocolError("a forward with unknown flags");
    const watchId = flags & FLAG_WATCH ? input.u32() : undefined;
    const commands = readCommands(input);
    const isExec = (flags & FLAG_EXEC) !== 0;
    if (!isExec && commands.length !== 1) throw protocolError(`${commands.length} commands that are no EXEC`);
    return {
      table,
      scope: { slot: slot === EVERY_LED_SLOT ? "leading" : slot },
      epoch,
      protocol: flags & FLAG_RESP3 ? 3 : 2,
      commands,
      isExec,
      watchId,
    };
  },
};

function writeCommand(out: ByteWriter, argv: Argv): void {
  out.varint(argv.count);
  for (let i = 0; i < argv.count; i++) out.bytes(argv.buf, argv.start(i), argv.end(i));
}

function readCommands(input: ByteReader): Argv[] {
  const count = input.count(2);
  const commands: Argv[] = [];
  for (let i = 0; i < count; i++) commands.push(readCommand(input));
  return commands;
}

function readCommand(input: ByteReader): Argv {
  const count = input.count(1);
  if (count === 0) throw protocolError("a forward of a command without a name");
  const argv = new Argv(input.buf, count);
  for (let i = 0; i < count; i++) {
    const size = input.byteLength();
    argv.push(input.at, input.at + size);
    input.at += size;
  }
  return argv;
}
