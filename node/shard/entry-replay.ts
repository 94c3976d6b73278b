/**
 * Executes a log entry on a slot's data: the same code for recovery, followers and the undo of a failed turn.
 * What the entry holds was executed before with the same result; its replies go nowhere.
 * Refuses an entry that this program cannot execute (OperatingError LogEntryUnknown): it was made by a newer version.
 */

import { OperatingError } from "../base/errors.ts";
import { ENTRY_HEADER_BYTES, KIND_COMMANDS, readCommand, readHeader } from "../binlog/entry.ts";
import type { EntryBytes } from "../binlog/reader.ts";
import { BLOCK, type DataCommand } from "../commands/command.ts";
import { MISS } from "../engine/transaction.ts";
import type { ShardNode } from "./shard-node.ts";
import type { SlotData, SlotState } from "./slot-data.ts";

/** The highest feature level that this program can execute. */
const KNOWN_LEVEL = 1;

/** The position behind the last entry executed. One object of a slot, changed in place. */
export interface MutableState extends SlotState {
  index: number;
  term: number;
  crc: number;
  nowMs: number;
}

/** Executes `entry` and moves `state` behind it. False: something must be read first (`data.loaded()`), nothing happened. */
export function replayEntry(
  node: ShardNode,
  target: { readonly data: SlotData; readonly state: MutableState; readonly mayMiss: boolean },
  entry: EntryBytes,
): boolean {
  const { header, stamp } = node;
  const { data, state } = target;
  readHeader(entry.view, entry.start, header);
  if (header.level > KNOWN_LEVEL) throw unknownEntry(`feature level ${header.level}`, header);
  const { nowMs, term, index } = header;
  stamp.nowMs = nowMs;
  stamp.seed = header.seed;
  stamp.level = header.level;
  stamp.mayMiss = target.mayMiss;
  data.begin(stamp);
  if (header.kind === KIND_COMMANDS && !executeCommands(node, data, entry)) return false;
  state.index = index;
  state.term = term;
  state.crc = entry.crc;
  state.nowMs = Math.max(state.nowMs, nowMs);
  data.commit(state);
  return true;
}

function executeCommands(node: ShardNode, data: SlotData, entry: EntryBytes): boolean {
  const { context, replayArgv, replayReply, header } = node;
  const { end, crc } = entry;
  let at = entry.start + ENTRY_HEADER_BYTES;
  const { count } = header;
  context.argv = replayArgv;
  context.reply = replayReply;
  context.tx = data.tx;
  try {
    for (let i = 0; i < count; i++) {
      at = readCommand(entry, { at, end }, replayArgv);
      if (at < 0) throw unknownEntry(`a damaged command in an entry with crc ${crc}`, header);
      const command = node.deps.resolve(replayArgv);
      if (typeof command === "string" || command.scope !== "data") {
        throw unknownEntry(`the command '${replayArgv.text(0)}'`, header);
      }
      replayReply.rewind(0);
      data.tx.random.reseed(seedInBatch(header.seed, i));
      executeInBatch(command, context);
    }
    return true;
  } catch (thrown) {
    if (thrown === MISS) {
      data.rollbackMiss();
      return false;
    }
    data.rollback();
    throw thrown;
  }
}

/**
 * The seed of the `position`-th writing command of an entry. Commands that only read are not logged, so what they draw
 * must not move the numbers of those behind them.
 */
export function seedInBatch(seed: number, position: number): number {
  return (seed + Math.imul(position, 0x9e3779b1)) >>> 0;
}

/** Runs one command of several (EXEC, a replay): one that would block replies as at a time-out. */
export function executeInBatch(command: DataCommand, context: ShardNode["context"]): void {
  if (command.execute(context) !== BLOCK) return;
  if (command.replyTimeout) command.replyTimeout(context.reply);
  else context.reply.nilArray();
}

function unknownEntry(
  what: string,
  header: { readonly table: number; readonly slot: number; readonly index: number },
): OperatingError {
  return new OperatingError(
    "LogEntryUnknown",
    `the log's entry ${header.index} of slot ${header.slot}, table ${header.table}, holds ${what}, which this program does not know; start it with the version that wrote it`,
    { data: { table: header.table, slot: header.slot, index: header.index } },
  );
}
