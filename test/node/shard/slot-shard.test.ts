import fc from "fast-check";
import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { BLOCK, type DataCommand } from "../../../node/commands/command.ts";
import { MISS } from "../../../node/engine/transaction.ts";
import { ReplyWriter } from "../../../node/resp/reply.ts";
import { TestShards } from "../../support/test-shards.ts";

test("a write makes an entry, a read or a write without effect makes none", async () => {
  const node = await new TestShards().leadAll();
  expect(node.run(0, "SET", "a", "1").reply).toBe("+OK\r\n");
  expect(node.run(0, "GET", "a").reply).toBe("$1\r\n1\r\n");
  expect(node.run(0, "DEL", "none").reply).toBe(":0\r\n");
  expect(node.run(0, "SETNX", "a", "2").reply).toBe(":0\r\n");
  expect(await node.endTurn()).toBeUndefined();
  expect(node.shard(0).log.index).toBe(1);
  expect(node.shard(0).state).toMatchObject({ index: 1, term: 1, crc: node.shard(0).log.crc });
});

test("a command that throws what it must not is refused with a text, and has changed nothing", async () => {
  const node = await new TestShards().leadAll();
  node.run(0, "SET", "a", "1");
  const fault = new Error("a broken invariant");
  const set = node.command(Argv.of("SET", "a", "2"));
  const command: DataCommand = {
    ...set,
    execute: (context) => {
      set.execute(context);
      throw fault;
    },
  };
  const argv = Argv.of("SET", "a", "2");
  const reply = new ReplyWriter();
  const shard = node.shard(0);
  for (const run of [() => shard.execute(command, argv, reply), () => shard.executeAll([{ command, argv }], reply)]) {
    expect(run()).toBe("refused");
    expect(shard.refusal).toEqual({ reason: "limit", error: "ERR internal error: a broken invariant" });
    expect(reply.length).toBe(0);
  }
  expect(node.failures).toEqual([fault, fault]);
  expect(node.run(0, "GET", "a").reply).toBe("$1\r\n1\r\n");
  expect(shard.log.index).toBe(1);
});

test("only a leader that has applied its log serves", async () => {
  const node = await new TestShards().leadAll();
  node.run(0, "SET", "a", "1");
  node.shards.endTurn();
  const again = node.restart();
  expect(again.run(0, "GET", "a").outcome).toBe("refused");
  expect(again.shard(0).refusal).toEqual({ reason: "recovering" });
  await again.leadAll();
  expect(again.run(0, "GET", "a").reply).toBe("$1\r\n1\r\n");
  again.shard(0).setFenced(true);
  expect(again.run(0, "GET", "a").outcome).toBe("refused");
  expect(again.shard(0).refusal).toEqual({ reason: "fenced" });
  again.shard(0).setFenced(false);
  expect(again.run(0, "GET", "a").outcome).toBe("done");
  again.shard(0).setRole("follower");
  expect(again.run(0, "GET", "a").outcome).toBe("refused");
  expect(again.shard(0).refusal).toEqual({ reason: "notLeader" });
});

test("a leader serves while its lease lasts", async () => {
  const node = await new TestShards().leadAll();
  node.shard(0).setLease(node.machine.clock.monotonicMs() + 100);
  expect(node.run(0, "GET", "a").outcome).toBe("done");
  node.machine.clock.advance(100);
  node.shards.endTurn();
  expect(node.run(0, "GET", "a").outcome).toBe("refused");
  expect(node.shard(0).refusal).toEqual({ reason: "fenced" });
});

test("replies of a turn do not go out when the lease ran out before its end", async () => {
  const node = await new TestShards().leadAll();
  node.shard(0).setLease(node.machine.clock.monotonicMs() + 100);
  node.run(0, "SET", "a", 1);
  node.machine.clock.advance(99);
  expect(await node.endTurn()).toBeUndefined();
  node.run(0, "SET", "a", 2);
  node.machine.clock.advance(1);
  expect(await node.endTurn()).toMatch(/^ERR outcome unknown/);
  expect(await node.endTurn()).toBeUndefined();
});

test("time does not stand still when nobody ends the turn", async () => {
  const node = await new TestShards().leadAll();
  node.shard(0).setLease(node.machine.clock.monotonicMs() + 100);
  expect(node.shard(0).isServing).toBe(true);
  await new Promise((resolve) => setImmediate(resolve));
  node.machine.clock.advance(100);
  expect(node.shard(0).isServing).toBe(false);
});

test("time never goes back within a slot, though the clock does", async () => {
  const node = await new TestShards().leadAll();
  node.run(0, "SET", "a", "1", "PX", 1000);
  node.machine.clock.advance(5000);
  node.shards.endTurn();
  node.run(0, "SET", "b", "1");
  node.shards.endTurn();
  node.machine.clock.jumpWall(-60_000);
  expect(node.run(0, "GET", "a").reply).toBe("$-1\r\n");
  const before = node.shard(0).state.nowMs;
  const again = await node.restart().leadAll();
  expect(again.run(0, "GET", "a").reply).toBe("$-1\r\n");
  again.run(0, "SET", "c", "1");
  expect(again.shard(0).state.nowMs).toBe(before);
});

test.each(["goes on", "starts anew"])(
  "what expires still expires while the clock is set back, in a node that %s",
  async (how) => {
    const hourMs = 3_600_000;
    let node = await new TestShards().leadAll();
    const { clock } = node.machine;
    const pass = (byMs: number) => {
      clock.advance(byMs);
      node.shards.endTurn();
    };
    clock.jumpWall(hourMs);
    node.run(0, "SET", "a", "1", "PX", 1000);
    node.shards.endTurn();
    clock.jumpWall(-hourMs);
    if (how === "starts anew") node = await node.restart().leadAll();
    expect(node.run(0, "GET", "a").reply).toBe("$1\r\n1\r\n");
    node.run(0, "SET", "b", "1", "PX", 3000);
    pass(1000);
    expect(node.run(0, "PTTL", "a").reply).toBe(":500\r\n");
    pass(1000);
    expect(node.run(0, "GET", "a").reply).toBe("$-1\r\n");
    pass(5000);
    expect(node.run(0, "GET", "b").reply).toBe("$-1\r\n");
    // Two hours later the clock has caught up, and times are right again.
    pass(3 * hourMs);
    node.run(0, "SET", "c", "1");
    expect(node.shard(0).state.nowMs).toBe(clock.wallMs());
  },
);

test("EXEC is one entry of its writing commands, whose replies come one after the other", async () => {
  const node = await new TestShards().leadAll();
  const { reply } = node.runAll(0, ["SET", "a", "1"], ["GET", "a"], ["INCR", "a"], ["GET", "a"]);
  expect(reply).toBe("+OK\r\n$1\r\n1\r\n:2\r\n$1\r\n2\r\n");
  node.shards.endTurn();
  expect(node.shard(0).log.index).toBe(1);
  expect((await node.restart().leadAll()).run(0, "GET", "a").reply).toBe("$1\r\n2\r\n");
});

test("a failed turn vanishes from every slot that it touched", async () => {
  const node = await new TestShards().leadAll();
  node.run(0, "SET", "a", "1");
  node.run(1, "SET", "b", "1");
  node.shards.endTurn();
  node.data[0]?.flush();
  node.machine.files.failWriteWith = "ENOSPC";
  node.run(0, "SET", "a", "2");
  node.run(1, "DEL", "b");
  node.run(2, "SET", "c", "1");
  expect(await node.endTurn()).toMatch(/^MISCONF Errors writing to the log: ENOSPC/);
  node.machine.files.failWriteWith = undefined;
  expect(node.run(0, "GET", "a").reply).toBe("$1\r\n1\r\n");
  expect(node.run(1, "GET", "b").reply).toBe("$1\r\n1\r\n");
  expect(node.run(2, "GET", "c").reply).toBe("$-1\r\n");
  node.run(0, "SET", "a", "3");
  expect(await node.endTurn()).toBeUndefined();
  expect((await node.restart().leadAll()).run(0, "GET", "a").reply).toBe("$1\r\n3\r\n");
});

test("commands that need room are refused while there is none, others go on", async () => {
  const node = await new TestShards().leadAll();
  node.run(0, "SET", "a", "1");
  node.roomError = "OOM the disk is full";
  expect(node.run(0, "SET", "a", "2").outcome).toBe("refused");
  expect(node.shard(0).refusal).toEqual({ reason: "limit", error: "OOM the disk is full" });
  expect(node.runAll(0, ["GET", "a"], ["SET", "a", "2"]).outcome).toBe("refused");
  expect(node.run(0, "DEL", "a").reply).toBe(":1\r\n");
});

test("WATCH sees changes, expiry, FLUSHDB and undone turns, and nothing else", async () => {
  const node = await new TestShards().leadAll();
  const version = () => node.shard(0).watchVersion(Buffer.from("k"));
  const changes = (change: () => void) => {
    const before = version();
    expect(version()).toBe(before);
    change();
    return version() !== before;
  };
  expect(changes(() => node.run(0, "SET", "k", "1"))).toBe(true);
  expect(changes(() => node.run(0, "SET", "other", "1"))).toBe(false);
  expect(changes(() => node.run(0, "GET", "k"))).toBe(false);
  expect(changes(() => node.run(0, "PEXPIRE", "k", 1000))).toBe(true);
  const expires = () => {
    node.machine.clock.advance(2000);
    node.shards.endTurn();
  };
  expect(changes(expires)).toBe(true);
  expect(changes(expires)).toBe(false);
  node.run(0, "SET", "k", "1");
  node.shards.endTurn();
  const fails = () => {
    node.machine.files.failWriteWith = "EIO";
    node.run(0, "SET", "other", "2");
    node.shards.endTurn();
    node.machine.files.failWriteWith = undefined;
  };
  expect(changes(fails)).toBe(true);
  await node.shard(0).undone();
  expect(changes(() => node.run(0, "FLUSHDB"))).toBe(true);
  node.run(0, "SET", "other", "1");
  expect(changes(() => node.run(0, "FLUSHDB"))).toBe(false);
});

test("hooks are called once, after the commit, and can be forgotten", async () => {
  const node = await new TestShards().leadAll();
  const seen: string[] = [];
  const hook = (name: string) => () => seen.push(`${name}:${node.shard(0).state.index}`);
  node.shard(0).onTouched(Buffer.from("k"), hook("a"));
  const forget = node.shard(0).onTouched(Buffer.from("k"), hook("b"));
  forget();
  node.run(0, "SET", "other", "1");
  node.run(0, "SET", "k", "1");
  node.run(0, "SET", "k", "2");
  expect(seen).toEqual(["a:2"]);
});

function commandOf(execute: DataCommand["execute"], flags: DataCommand["flags"] = ["write"]): DataCommand {
  const keys = { kind: "none" } as const;
  return {
    name: "x",
    scope: "data",
    arity: -1,
    flags,
    keys,
    group: "string",
    since: "",
    summary: "",
    complexity: "",
    execute,
  };
}

test("a command that misses, blocks or throws leaves no trace", async () => {
  const node = await new TestShards().leadAll();
  const reply = new ReplyWriter();
  reply.ok();
  const before = reply.length;
  const write: DataCommand["execute"] = ({ tx, reply }) => {
    tx.writeRecord({ buf: Buffer.from("k"), start: 0, end: 1 }, Buffer.from([1]), Buffer.from("v"), 0, 1);
    reply.ok();
  };
  const shard = node.shard(0);
  const missing = commandOf((context) => {
    write(context);
    throw MISS;
  });
  expect(shard.execute(missing, Argv.of("x"), reply)).toBe("miss");
  await shard.loaded();
  expect(
    shard.execute(
      commandOf(() => BLOCK),
      Argv.of("x"),
      reply,
    ),
  ).toBe("block");
  const failing = commandOf((context) => {
    write(context);
    throw new TypeError("broken");
  });
  expect(shard.execute(failing, Argv.of("x"), reply)).toBe("refused");
  expect(shard.refusal).toEqual({ reason: "limit", error: "ERR internal error: broken" });
  expect(node.failures).toEqual([new TypeError("broken")]);
  expect(reply.length).toBe(before);
  expect(node.contents(0).size).toBe(0);
  expect(shard.log.index).toBe(0);
  expect(() => shard.execute(commandOf(write, ["readonly"]), Argv.of("x"), reply)).toThrow("flag write");
});

test("after any crash the state is that of a prefix with all that was acknowledged", async () => {
  const key = fc.constantFrom("a", "b", "c");
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("set" as const), slot: fc.nat(2), key, value: fc.nat(9) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("incr" as const), slot: fc.nat(2), key }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("del" as const), slot: fc.nat(2), key }) },
    { weight: 4, arbitrary: fc.constant({ kind: "turn" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "failingTurn" as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("flush" as const), slot: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.constant({ kind: "kill" as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("power" as const), seed: fc.nat() }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
      let node = await new TestShards(undefined, undefined, { fsync: "always", segmentBytes: 2000 }).leadAll();
      let acknowledged = [0, 1, 2].map((slot) => node.contents(slot));
      for (const at of steps) {
        if (at.kind === "set") node.run(at.slot, "SET", at.key, at.value);
        else if (at.kind === "incr") node.run(at.slot, "INCR", at.key);
        else if (at.kind === "del") node.run(at.slot, "DEL", at.key);
        else if (at.kind === "flush") {
          // The flusher's rule: the log is synced up to the index that is flushed.
          if (node.shard(at.slot).state.index === node.log.writer.writtenIndex(node.shard(at.slot).log)) {
            node.data[at.slot]?.flush();
          }
        } else if (at.kind === "turn") {
          expect(await node.endTurn()).toBeUndefined();
          acknowledged = [0, 1, 2].map((slot) => node.contents(slot));
        } else if (at.kind === "failingTurn") {
          node.machine.files.failWriteWith = "ENOSPC";
          await node.endTurn();
          node.machine.files.failWriteWith = undefined;
          expect([0, 1, 2].map((slot) => node.contents(slot))).toEqual(acknowledged);
        } else {
          if (at.kind === "power") node.machine.files.losePower(at.seed);
          node = await node.restart({ fsync: "always", segmentBytes: 2000 }).leadAll();
          expect([0, 1, 2].map((slot) => node.contents(slot))).toEqual(acknowledged);
        }
      }
    }),
    { numRuns: 200 },
  );
});
