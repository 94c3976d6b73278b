/**
 * The error replies of Redis 7 that our command families give, in one place, so that no two commands say the same
 * thing in two ways. Each starts with its code word. Source: the replies of redis-server 7.0 and the command pages
 * at redis.io; clients and test suites match on them, so they are part of the interface.
 */

/** Fixed texts, by what went wrong. */
export const ERRORS = {
  wrongType: "WRONGTYPE Operation against a key holding the wrong kind of value",
  syntax: "ERR syntax error",
  notInteger: "ERR value is not an integer or out of range",
  notPositive: "ERR value is out of range, must be positive",
  outOfRange: "ERR value is out of range",
  notFloat: "ERR value is not a valid float",
  noSuchKey: "ERR no such key",
  sameObject: "ERR source and destination objects are the same",
  indexOutOfRange: "ERR index out of range",
  offsetOutOfRange: "ERR offset is out of range",
  incrementOverflow: "ERR increment or decrement would overflow",
  decrementOverflow: "ERR decrement would overflow",
  floatNotFinite: "ERR value is NaN or Infinity",
  incrementNotFinite: "ERR increment would produce NaN or Infinity",
  stringTooLong: "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
  keyTooLong: "ERR key is too long: at most 65535 bytes",
  invalidCursor: "ERR invalid cursor",
  invalidDatabase: "ERR DB index is out of range",
  busyKey: "BUSYKEY Target key name already exists.",
  badDump: "ERR DUMP payload version or checksum are wrong",
  badDumpData: "ERR Bad data format",
  invalidTtl: "ERR Invalid TTL value, must be >= 0",
  invalidIdleTime: "ERR Invalid IDLETIME value, must be >= 0",
  invalidFrequency: "ERR Invalid FREQ value, must be >= 0 and <= 255",
  noFrequency:
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
  expireNxWithOthers: "ERR NX and XX, GT or LT options at the same time are not compatible",
  expireGtWithLt: "ERR GT and LT options at the same time are not compatible",
  timeoutNotFloat: "ERR timeout is not a float or out of range",
  timeoutNotInteger: "ERR timeout is not an integer or out of range",
  timeoutNegative: "ERR timeout is negative",
  timeoutOutOfRange: "ERR timeout is out of range",
  numkeysNotPositive: "ERR numkeys should be greater than 0",
  numkeysTooMany: "ERR Number of keys can't be greater than number of args",
  countNotPositive: "ERR count should be greater than 0",
  countNegative: "ERR COUNT can't be negative",
  limitNegative: "ERR LIMIT can't be negative",
  noAuth: "NOAUTH Authentication required.",
  wrongPassword: "WRONGPASS invalid username-password pair or user is disabled.",
  notAdmin: "NOPERM this connection has no administrator's rights: AUTH admin <password>",
  execAbort: "EXECABORT Transaction discarded because of previous errors.",
  crossSlot: "CROSSSLOT Keys in request don't hash to the same slot",
  hashNotInteger: "ERR hash value is not an integer",
  hashNotFloat: "ERR hash value is not a float",
  listRankZero:
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
  listMaxlenNegative: "ERR MAXLEN can't be negative",
  scoreNotNumber: "ERR resulting score is not a number (NaN)",
  scoreRangeNotFloat: "ERR min or max is not a float",
  lexRangeInvalid: "ERR min or max not valid string range item",
  weightNotFloat: "ERR weight value is not a float",
  zaddXxWithNx: "ERR XX and NX options at the same time are not compatible",
  zaddGtLtNx: "ERR GT, LT, and/or NX options at the same time are not compatible",
  zaddIncrPairs: "ERR INCR option supports a single increment-element pair",
  zrangeLimitOnly: "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
  zrangeScoresByLex: "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
} as const;

/** For a command of lower-case `name` (`get`, `config|get`) with too few or too many arguments. */
export function wrongArityText(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

/** For an expiry that is not positive or does not fit 64 bits in milliseconds. */
export function invalidExpireText(name: string): string {
  return `ERR invalid expire time in '${name}' command`;
}

/** For a number that must lie in [min, max]. */
export function outsideRangeText(min: number | bigint, max: number | bigint): string {
  return `ERR value is out of range, value must between ${min} and ${max}`;
}

/** For an option that a command does not know, where Redis names it. */
export function unsupportedOptionText(option: string): string {
  return `ERR Unsupported option ${option}`;
}

/** For a container command's unknown or ill-formed subcommand; `container` in upper case. */
export function unknownSubcommandText(subcommand: string, container: string): string {
  return `ERR unknown subcommand '${subcommand.slice(0, 128)}'. Try ${container} HELP.`;
}

/** For ZUNIONSTORE and its kin without keys. */
export function noInputKeyText(name: string): string {
  return `ERR at least 1 input key is needed for '${name}' command`;
}

/** For a command that does not exist: its name and the beginning of its arguments, as Redis shortens them. */
export function unknownCommandText(name: string, args: Iterable<string>): string {
  let shown = "";
  for (const arg of args) {
    if (shown.length >= 128) break;
    shown += `'${arg.slice(0, 128 - shown.length)}' `;
  }
  return `ERR unknown command '${name.slice(0, 128)}', with args beginning with: ${shown}`;
}
