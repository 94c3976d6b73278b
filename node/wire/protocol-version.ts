/**
 * The numbered history of the protocol between nodes (docs/formats/peer-wire.md). Append only.
 */

/** What each version brought. */
const HISTORY = [
  { version: 1, change: "the first; never released" },
  {
    version: 2,
    change:
      "PositionsAsk, PositionsAnswer, and BinlogSyncOpen to fetch from a replica that does not lead; never released",
  },
  { version: 3, change: "ForwardRun, ForwardRunReply; SnapshotBegin has the number of keys with an expiry" },
] as const;

/** The oldest version that this program still speaks. */
export const OLDEST_PROTOCOL_VERSION: number = HISTORY[2].version;
/** The newest version that this program speaks. */
export const NEWEST_PROTOCOL_VERSION: number = HISTORY[HISTORY.length - 1]?.version ?? OLDEST_PROTOCOL_VERSION;

export interface VersionRange {
  readonly oldest: number;
  readonly newest: number;
}

/** The version that two sides speak, or undefined where they have none in common. */
export function chooseVersion(ours: VersionRange, theirs: VersionRange): number | undefined {
  const version = Math.min(ours.newest, theirs.newest);
  return version >= ours.oldest && version >= theirs.oldest ? version : undefined;
}
