/**
 * Versions of the protocol between nodes, managers and administration. A caller and a manager of different versions
 * do not talk: the difference is an error at the first call, never a guess.
 * History: 1 the first.
 */

/** What this program speaks. */
export const MANAGER_PROTOCOL_VERSION = 1;

/** The highest layout level of log entries that this program can execute (DESIGN §4.2). */
export const MAX_FEATURE_LEVEL = 1;
