import { expect, it } from "vitest";
import { setCommands } from "../../../node/commands/sets.ts";
import { sortedSetCommands } from "../../../node/commands/sorted-sets.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { CommandRunner } from "../../support/run-command.ts";

const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

/** Lines of commands, each with its exact reply. */
function expectReplies(protocol: 2 | 3, lines: readonly [command: string, reply: string][]): void {
  const runner = new CommandRunner([...sortedSetCommands, ...setCommands, ...stringCommands]);
  runner.protocol = protocol;
  for (const [line, reply] of lines) {
    const [name = "", ...args] = line.split(" ");
    expect(`${line} → ${runner.callRaw(name, ...args)}`).toBe(`${line} → ${reply}`);
  }
}

it("adds as Redis 7.0 does", () => {
  expectReplies(2, [
    ["ZADD z 1 a 2 b", ":2\r\n"],
    ["ZADD z 3 a 3 c", ":1\r\n"],
    ["ZADD z CH 4 a 5 d", ":2\r\n"],
    ["ZADD z XX 9 none", ":0\r\n"],
    ["ZADD z NX 9 a", ":0\r\n"],
    ["ZSCORE z a", "$1\r\n4\r\n"],
    ["ZADD z GT CH 3 a", ":0\r\n"],
    ["ZADD z GT CH 6 a", ":1\r\n"],
    ["ZADD z LT CH 7 a", ":0\r\n"],
    ["ZADD z LT CH 0.1 a", ":1\r\n"],
    ["ZADD z INCR 2 b", "$1\r\n4\r\n"],
    ["ZADD z NX INCR 2 b", "$-1\r\n"],
    ["ZADD z XX INCR 2 none", "$-1\r\n"],
    ["ZADD z GT INCR -1 b", "$-1\r\n"],
    ["ZINCRBY z 0.5 b", "$3\r\n4.5\r\n"],
    ["ZINCRBY z 1 new", "$1\r\n1\r\n"],
    ["ZMSCORE z a none b", "*3\r\n$19\r\n0.10000000000000001\r\n$-1\r\n$3\r\n4.5\r\n"],
    ["ZCARD z", ":5\r\n"],
    ["ZRANK z a", ":0\r\n"],
    ["ZREVRANK z a", ":4\r\n"],
    ["ZRANK z none", "$-1\r\n"],
    ["ZREVRANK none a", "$-1\r\n"],
    ["ZREM z a b none", ":2\r\n"],
    ["ZADD z inf i -inf j", ":2\r\n"],
    ["ZADD z INCR -inf i", "-ERR resulting score is not a number (NaN)\r\n"],
    ["ZSCORE z j", "$4\r\n-inf\r\n"],
  ]);
});

it("refuses what Redis 7.0 refuses of ZADD", () => {
  const gtLtNx = "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n";
  expectReplies(2, [
    ["ZADD z 1", "-ERR wrong number of arguments for 'zadd' command\r\n"],
    ["ZADD z ch nx", "-ERR syntax error\r\n"],
    ["ZADD z 1 a 2", "-ERR syntax error\r\n"],
    ["ZADD z x a", "-ERR value is not a valid float\r\n"],
    ["ZADD z 1 a nan b", "-ERR value is not a valid float\r\n"],
    ["ZCARD z", ":0\r\n"],
    ["ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible\r\n"],
    ["ZADD z GT NX 1 a", gtLtNx],
    ["ZADD z GT LT 1 a", gtLtNx],
    ["ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair\r\n"],
    ["ZINCRBY z x a", "-ERR value is not a valid float\r\n"],
  ]);
});

it("reads ranges as Redis 7.0 does", () => {
  const limitOnly = "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX\r\n";
  const noScores = "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n";
  const notFloat = "-ERR min or max is not a float\r\n";
  const notName = "-ERR min or max not valid string range item\r\n";
  expectReplies(2, [
    ["ZADD z 1 a 2 b 3 c", ":3\r\n"],
    ["ZRANGE z 0 -1 WITHSCORES", "*6\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n3\r\n"],
    ["ZRANGE z 0 0 REV", "*1\r\n$1\r\nc\r\n"],
    ["ZRANGE z 5 9", "*0\r\n"],
    ["ZRANGE z -100 0", "*1\r\n$1\r\na\r\n"],
    ["ZRANGE z (1 +inf BYSCORE LIMIT 1 1", "*1\r\n$1\r\nc\r\n"],
    ["ZRANGE z +inf (1 BYSCORE REV LIMIT 0 1", "*1\r\n$1\r\nc\r\n"],
    ["ZRANGE z 0 -1 LIMIT 4 -1", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"],
    ["ZREVRANGE z 0 1", "*2\r\n$1\r\nc\r\n$1\r\nb\r\n"],
    ["ZRANGEBYSCORE z 1 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"],
    ["ZRANGEBYSCORE z 0 9 LIMIT -1 5", "*0\r\n"],
    ["ZRANGEBYSCORE z 0 9 LIMIT 2 -5", "*1\r\n$1\r\nc\r\n"],
    ["ZREVRANGEBYSCORE z 2 1 WITHSCORES", "*4\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\n1\r\n"],
    ["ZCOUNT z (1 3", ":2\r\n"],
    ["ZCOUNT z 3 1", ":0\r\n"],
    ["ZRANGE z 0 -1 LIMIT 0 1", limitOnly],
    ["ZRANGE z - + BYLEX WITHSCORES", noScores],
    ["ZRANGEBYLEX z - + WITHSCORES", noScores],
    ["ZRANGE z 0 -1 BYSCORE BYLEX", "-ERR syntax error\r\n"],
    ["ZRANGEBYSCORE z 0 1 REV", "-ERR syntax error\r\n"],
    ["ZRANGE z a b", "-ERR value is not an integer or out of range\r\n"],
    ["ZRANGE z a b BYSCORE", notFloat],
    ["ZRANGE none a b BYSCORE", notFloat],
    ["ZRANGEBYLEX z a b", notName],
    ["ZLEXCOUNT z -x +", notName],
    ["ZCOUNT z a b", notFloat],
  ]);
});

it("reads and removes ranges by name", () => {
  expectReplies(2, [
    ["ZADD z 0 a 0 b 0 c 0 d", ":4\r\n"],
    ["ZRANGEBYLEX z [b +", "*3\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"],
    ["ZRANGEBYLEX z - (b", "*1\r\n$1\r\na\r\n"],
    ["ZREVRANGEBYLEX z (d [b LIMIT 1 1", "*1\r\n$1\r\nb\r\n"],
    ["ZRANGE z [d (a BYLEX REV", "*3\r\n$1\r\nd\r\n$1\r\nc\r\n$1\r\nb\r\n"],
    ["ZLEXCOUNT z (a (d", ":2\r\n"],
    ["ZLEXCOUNT z + -", ":0\r\n"],
    ["ZREMRANGEBYLEX z [b [c", ":2\r\n"],
    ["ZREMRANGEBYRANK z 0 0", ":1\r\n"],
    ["ZREMRANGEBYSCORE z 1 2", ":0\r\n"],
    ["ZREMRANGEBYSCORE z -inf +inf", ":1\r\n"],
    ["ZCARD z", ":0\r\n"],
    ["ZADD y 1 a 2 b 3 c 4 d", ":4\r\n"],
    ["ZRANGE y [b [c BYLEX", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"],
    ["ZLEXCOUNT y (a +", ":3\r\n"],
    ["ZREMRANGEBYRANK z a b", "-ERR value is not an integer or out of range\r\n"],
  ]);
});

it("stores ranges", () => {
  expectReplies(2, [
    ["ZADD z 1 a 2 b 3 c", ":3\r\n"],
    ["ZRANGESTORE d z 1 2", ":2\r\n"],
    ["ZRANGE d 0 -1 WITHSCORES", "*4\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n3\r\n"],
    ["ZRANGESTORE z z (2 9 BYSCORE", ":1\r\n"],
    ["ZRANGE z 0 -1", "*1\r\n$1\r\nc\r\n"],
    ["ZRANGESTORE z none 0 -1", ":0\r\n"],
    ["ZCARD z", ":0\r\n"],
    ["ZRANGESTORE d z 0 -1 WITHSCORES", "-ERR syntax error\r\n"],
  ]);
});

it("pops as Redis 7.0 does", () => {
  expectReplies(2, [
    ["ZADD z 1 a 2 b 3 c 4 d 5 e 6 f", ":6\r\n"],
    ["ZPOPMIN z", "*2\r\n$1\r\na\r\n$1\r\n1\r\n"],
    ["ZPOPMAX z 2", "*4\r\n$1\r\nf\r\n$1\r\n6\r\n$1\r\ne\r\n$1\r\n5\r\n"],
    ["ZPOPMIN z 0", "*0\r\n"],
    ["ZPOPMIN none", "*0\r\n"],
    ["ZPOPMIN z -1", "-ERR value is out of range, must be positive\r\n"],
    ["ZPOPMIN z 1 2", "-ERR syntax error\r\n"],
    ["ZMPOP 2 none z MAX", "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\nd\r\n$1\r\n4\r\n"],
    ["ZMPOP 1 z min COUNT 9", "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n"],
    ["ZMPOP 1 z MIN", "*-1\r\n"],
    ["ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0\r\n"],
    ["ZMPOP 2 z MIN", "-ERR syntax error\r\n"],
    ["ZMPOP 1 z foo", "-ERR syntax error\r\n"],
    ["ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0\r\n"],
    ["ZMPOP 1 z MIN COUNT", "-ERR syntax error\r\n"],
    ["ZMPOP 1 z MIN COUNT 1 COUNT 1", "-ERR syntax error\r\n"],
  ]);
});

it("combines sorted sets and sets as Redis 7.0 does", () => {
  expectReplies(2, [
    ["ZADD a 1 x 2 y", ":2\r\n"],
    ["ZADD b 10 y 20 z", ":2\r\n"],
    ["SADD s y", ":1\r\n"],
    ["ZUNION 2 a b WITHSCORES", "*6\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\ny\r\n$2\r\n12\r\n$1\r\nz\r\n$2\r\n20\r\n"],
    ["ZUNION 2 a b WEIGHTS 2 -1 AGGREGATE min", "*3\r\n$1\r\nz\r\n$1\r\ny\r\n$1\r\nx\r\n"],
    ["ZINTER 3 a b s WITHSCORES", "*2\r\n$1\r\ny\r\n$2\r\n13\r\n"],
    ["ZINTER 2 a b AGGREGATE MAX WITHSCORES", "*2\r\n$1\r\ny\r\n$2\r\n10\r\n"],
    ["ZDIFF 2 a s WITHSCORES", "*2\r\n$1\r\nx\r\n$1\r\n1\r\n"],
    ["ZINTERCARD 2 a b", ":1\r\n"],
    ["ZINTERCARD 1 a LIMIT 1", ":1\r\n"],
    ["ZUNIONSTORE a 2 a b", ":3\r\n"],
    ["ZSCORE a y", "$2\r\n12\r\n"],
    ["ZINTERSTORE d 2 a s WEIGHTS 1 0.5", ":1\r\n"],
    ["ZSCORE d y", "$4\r\n12.5\r\n"],
    ["ZDIFFSTORE d 2 s a", ":0\r\n"],
    ["ZCARD d", ":0\r\n"],
    ["ZUNION 0 a", "-ERR at least 1 input key is needed for 'zunion' command\r\n"],
    ["ZINTERSTORE d 0 a", "-ERR at least 1 input key is needed for 'zinterstore' command\r\n"],
    ["ZUNION x a", "-ERR value is not an integer or out of range\r\n"],
    ["ZUNION 2 a", "-ERR syntax error\r\n"],
    ["ZUNION 1 a WEIGHTS x", "-ERR weight value is not a float\r\n"],
    ["ZUNION 1 a WEIGHTS", "-ERR syntax error\r\n"],
    ["ZUNION 1 a AGGREGATE foo", "-ERR syntax error\r\n"],
    ["ZDIFF 1 a WEIGHTS 1", "-ERR syntax error\r\n"],
    ["ZUNIONSTORE d 1 a WITHSCORES", "-ERR syntax error\r\n"],
    ["ZINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative\r\n"],
  ]);
});

it("picks and scans as Redis 7.0 does", () => {
  expectReplies(2, [
    ["ZADD z 0.1 a", ":1\r\n"],
    ["ZRANDMEMBER z", "$1\r\na\r\n"],
    ["ZRANDMEMBER none", "$-1\r\n"],
    ["ZRANDMEMBER none 1", "*0\r\n"],
    ["ZRANDMEMBER z 5 WITHSCORES", "*2\r\n$1\r\na\r\n$19\r\n0.10000000000000001\r\n"],
    ["ZRANDMEMBER z -2", "*2\r\n$1\r\na\r\n$1\r\na\r\n"],
    ["ZRANDMEMBER z x", "-ERR value is not an integer or out of range\r\n"],
    ["ZRANDMEMBER z 1 foo", "-ERR syntax error\r\n"],
    ["ZSCAN z 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$19\r\n0.10000000000000001\r\n"],
    ["ZSCAN z 0 MATCH b*", "*2\r\n$1\r\n0\r\n*0\r\n"],
    ["ZSCAN z x", "-ERR invalid cursor\r\n"],
  ]);
});

it("has RESP3's own forms", () => {
  expectReplies(3, [
    ["ZADD z 1 a 2 b", ":2\r\n"],
    ["ZADD z INCR 0.5 a", ",1.5\r\n"],
    ["ZADD z NX INCR 1 a", "_\r\n"],
    ["ZSCORE z a", ",1.5\r\n"],
    ["ZMSCORE z a none", "*2\r\n,1.5\r\n_\r\n"],
    ["ZRANK z none", "_\r\n"],
    ["ZRANGE z 0 -1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"],
    ["ZRANGE z 0 -1 WITHSCORES", "*2\r\n*2\r\n$1\r\na\r\n,1.5\r\n*2\r\n$1\r\nb\r\n,2\r\n"],
    ["ZUNION 1 z WITHSCORES", "*2\r\n*2\r\n$1\r\na\r\n,1.5\r\n*2\r\n$1\r\nb\r\n,2\r\n"],
    ["ZRANDMEMBER z 2 WITHSCORES", "*2\r\n*2\r\n$1\r\na\r\n,1.5\r\n*2\r\n$1\r\nb\r\n,2\r\n"],
    ["ZSCAN z 0", "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$3\r\n1.5\r\n$1\r\nb\r\n$1\r\n2\r\n"],
    ["ZPOPMIN z", "*2\r\n$1\r\na\r\n,1.5\r\n"],
    ["ZPOPMIN z 1", "*1\r\n*2\r\n$1\r\nb\r\n,2\r\n"],
    ["ZPOPMIN z 1", "*0\r\n"],
    ["ZMPOP 1 z MIN", "_\r\n"],
    ["ZADD z 1 a", ":1\r\n"],
    ["BZMPOP 0 1 z MIN", "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\na\r\n,1\r\n"],
  ]);
});

it.each([
  ...["ZADD k 1 a", "ZINCRBY k 1 a", "ZREM k a", "ZCARD k", "ZSCORE k a", "ZMSCORE k a", "ZRANK k a", "ZREVRANK k a"],
  ...["ZCOUNT k 0 1", "ZLEXCOUNT k - +", "ZRANGE k 0 -1", "ZRANGESTORE d k 0 -1", "ZREVRANGE k 0 -1"],
  ...["ZREMRANGEBYRANK k 0 1", "ZPOPMIN k", "ZPOPMAX k 2", "ZMPOP 1 k MIN", "BZPOPMIN k 0", "BZMPOP 0 1 k MAX"],
  ...[
    "ZUNION 1 k",
    "ZINTER 1 k",
    "ZDIFFSTORE d 1 k",
    "ZINTERCARD 1 k",
    "ZRANDMEMBER k",
    "ZRANDMEMBER k 1",
    "ZSCAN k 0",
  ],
])("refuses another type: %s", (line) => {
  expectReplies(2, [
    ["SET k v", "+OK\r\n"],
    [line, WRONG_TYPE],
  ]);
});
