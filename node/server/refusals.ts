/**
 * The texts for commands that this node could not bring to where their data is, and how an error becomes RESP bytes.
 */

/** A blocked client's slot went to another leader; nothing was executed. */
export const LEADER_LOST = "UNBLOCKED force unblock from blocking operation, the slot's leader changed";

/** The RESP bytes of an error reply. */
export function errorReply(text: string): Buffer {
  return Buffer.from(`-${text.replaceAll(/[\r\n]/g, " ")}\r\n`);
}

/** A transaction that was refused as a whole: nothing of it was executed. */
export function execAbortText(reason: string): string {
  return `EXECABORT Transaction discarded because of: ${reason}`;
}

/** No replica of the slot leads. */
export function noLeaderText(table: string, slot: number): string {
  return `CLUSTERDOWN table '${table}' slot ${slot} has no leader`;
}

/** This node leads the slot, but does not serve it yet, or not now. */
export function notServedText(table: string, slot: number): string {
  return `CLUSTERDOWN table '${table}' slot ${slot} is not served yet: its leader is recovering or fenced`;
}

/** The command was sent to the leader and the link broke: a write may have happened. */
export function outcomeUnknownText(detail: string): string {
  return `ERR outcome unknown: the command was sent to the slot's leader, and may have been executed: ${detail}`;
}

/** The command was not sent: it was not executed. */
export function unreachableText(detail: string): string {
  return `CLUSTERDOWN the slot's leader cannot be reached; the command was not executed: ${detail}`;
}

/** The client is to go to the leader itself. */
export function movedText(redisSlot: number, host: string, port: number): string {
  return `MOVED ${redisSlot} ${host}:${port}`;
}
