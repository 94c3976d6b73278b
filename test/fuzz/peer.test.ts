/**
 * What no peer should send, over TCP to the peer port of a node with its data plane, replication and forwards: before
 * a handshake and behind a right one. Faults close the connection with a reason in the log, nothing fails, memory
 * stays bounded, and another peer's link goes on working through it all. `FUZZ_RUNS=1000` for a long run.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Argv } from "../../node/base/argv.ts";
import { SystemClock } from "../../node/base/clock.ts";
import { crc32 } from "../../node/base/crc32.ts";
import { type NodeId, tableId } from "../../node/meta/ids.ts";
import { Peering } from "../../node/replication/peering.ts";
import { DialerHandshake } from "../../node/router/core/handshake.ts";
import type { ForwardResult } from "../../node/router/forwarding.ts";
import { DEFAULT_LINK_LIMITS } from "../../node/router/peer-link.ts";
import { createPeerSecret } from "../../node/router/peer-secret.ts";
import { StandaloneTopology } from "../../node/standalone.ts";
import { ByteWriter } from "../../node/wire/byte-writer.ts";
import { writeRunCommand } from "../../node/wire/forward-run.ts";
import { FRAME_HEADER_BYTES, FrameReader, FrameWriter, MAX_FRAME_PAYLOAD_BYTES } from "../../node/wire/frame.ts";
import type { MessageCodec } from "../../node/wire/message-codec.ts";
import { HANDSHAKE_MESSAGES, MESSAGES, type MessageName, type MessageOf } from "../../node/wire/messages.ts";
import { LiveNode } from "../support/live-node.ts";
import { PeerNode } from "../support/peer-node.ts";
import { RandomSource } from "../support/random-commands/family.ts";
import { hostileCommand } from "../support/random-commands/hostile.ts";
import { LOG_IDENTITY } from "../support/test-log.ts";
import { nodeIdOf, topologyNode } from "../support/topology-arbitrary.ts";
import { waitFor } from "../support/wait-for.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 150);
const MIB = 1024 * 1024;
const SLOTS = 4;
const SECRET = "secret";
const TABLE = tableId(1);
const LIMITS = { ...DEFAULT_LINK_LIMITS, maxQueuedBytes: 2 * MIB, pingIntervalMs: 250, handshakeMs: 1000 };
/** Where what ends well may end too: the attacker hangs up. */
const HUNG_UP = /closed the connection|ECONNRESET|EPIPE/;

interface Ending {
  readonly from: string;
  readonly reason: string;
}

let live: LiveNode;
let peering: Peering;
let good: PeerNode;
let goodCount = 0;
let attackerCount = 0;
let endings: Ending[] = [];
const failures: unknown[] = [];
const onFailure = (error: unknown) => void failures.push(error);

beforeAll(async () => {
  process.on("uncaughtException", onFailure);
  process.on("unhandledRejection", onFailure);
  live = await LiveNode.start({ slots: SLOTS });
  const self = topologyNode(1, { id: LOG_IDENTITY.node });
  const logger = {
    debug() {},
    info() {},
    warn: (fields: unknown) => void endings.push(fields as Ending),
    error: (fields: unknown) => void failures.push(fields),
    child: () => logger,
  };
  peering = new Peering(
    {
      identity: LOG_IDENTITY,
      host: "127.0.0.1",
      port: 0,
      secret: SECRET,
      isLeaseEnforced: false,
      limits: LIMITS,
    },
    {
      clock: new SystemClock(),
      logger,
      random: () => 0.5,
      source: new StandaloneTopology(LOG_IDENTITY.cluster, self, SLOTS),
      host: live.plane.replicas,
      handler: live.server.peerRequests,
      onLostWrites: (lost) => void failures.push(lost),
    },
  );
  await peering.start();
  good = new PeerNode({ number: 2, secret: SECRET, limits: LIMITS });
  await good.start();
  const target = topologyNode(1, { id: LOG_IDENTITY.node, peerPort: peering.port });
  good.pool.apply({
    ...new StandaloneTopology(LOG_IDENTITY.cluster, target, SLOTS).current(),
    nodes: new Map([[target.id, target]]),
  });
  await waitFor(() => good.pool.link(LOG_IDENTITY.node), { what: "the good link" });
});
afterAll(async () => {
  await good.stop();
  await peering.stop();
  await live.stop();
  process.off("uncaughtException", onFailure);
  process.off("unhandledRejection", onFailure);
});

/** The good link answers, it is the same as ever, and nothing was logged that should not be. */
async function expectUnharmed(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<ForwardResult>();
  const commands = [Argv.of("SET", "good", ++goodCount)];
  const request = { table: TABLE, scope: { slot: 0 }, epoch: 1, protocol: 2 as const, commands };
  good.forwarder.forward(
    LOG_IDENTITY.node,
    { ...request, isExec: false, watchId: undefined },
    {
      onForwardResult: (result) =>
        resolve(result.kind === "reply" ? { ...result, buf: Buffer.from(result.buf) } : result),
    },
  );
  const result = await promise;
  expect(result.kind === "reply" ? result.buf.toString("latin1", result.start, result.end) : result).toBe("+OK\r\n");
  expect(good.closed).toEqual([]);
  expect(failures).toEqual([]);
  expect(live.complaints).toEqual([]);
}

/** A connection to the peer port, with what is needed to prove itself. */
class Attacker {
  readonly socket: Socket;
  readonly node: NodeId = nodeIdOf(1000 + ++attackerCount);
  readonly closed: Promise<unknown>;
  isProven = false;
  /** What it said in the handshake. */
  readonly said: Buffer[] = [];
  #from = "";
  #onWelcome: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
  }

  static async connect(): Promise<Attacker> {
    const socket = connect({ host: "127.0.0.1", port: peering.port });
    const attacker = new Attacker(socket);
    await once(socket, "connect");
    attacker.#from = `127.0.0.1:${socket.localPort}`;
    return attacker;
  }

  async prove(): Promise<this> {
    const reader = new FrameReader();
    const secret = createPeerSecret(SECRET);
    const { cluster, node: meant } = LOG_IDENTITY;
    const { node } = this;
    const handshake = new DialerHandshake({ cluster, node, meant, nonce: secret.nonce(), hmac: secret.hmac });
    const take = (steps: ReturnType<DialerHandshake["start"]>) => {
      for (const step of steps) {
        if (step.kind === "send") this.#say(frameOf(step.type, 0, step.payload));
        if (step.kind === "open") this.isProven = true;
      }
    };
    this.socket.on("data", (chunk: Buffer) => {
      if (this.isProven) return;
      reader.push(chunk);
      while (!this.isProven && reader.next()) {
        take(handshake.receive(reader.type, Buffer.from(reader.buf.subarray(reader.start, reader.end))));
      }
      if (this.isProven) this.#onWelcome();
    });
    const welcomed = new Promise<void>((resolve) => {
      this.#onWelcome = resolve;
    });
    take(handshake.start());
    await welcomed;
    return this;
  }

  #say(frame: Buffer): void {
    this.said.push(frame);
    this.socket.write(frame);
  }

  /** Resolves with the reason in the log for which the node has ended the connection. */
  async ended(): Promise<string> {
    await this.closed;
    return await this.reason();
  }

  async reason(): Promise<string> {
    return (await waitFor(() => endings.find(({ from }) => from === this.#from), { what: "a reason in the log" }))
      .reason;
  }
}

function frameOf(type: number, id: number, payload: Buffer): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  frame.writeUInt32BE(payload.length, 0);
  frame[8] = type;
  frame.writeUInt32BE(id, 12);
  payload.copy(frame, FRAME_HEADER_BYTES);
  frame.writeUInt32BE(crc32(frame, 8, frame.length), 4);
  return frame;
}

/** The frame of a message's part that is not its last. */
function partOf(type: number, id: number, payload: Buffer): Buffer {
  const frame = frameOf(type, id, payload);
  frame[9] = 1;
  frame.writeUInt32BE(crc32(frame, 8, frame.length), 4);
  return frame;
}

function messageFrame<N extends MessageName>(name: N, id: number, message: MessageOf<N>): Buffer {
  const { type, codec } = MESSAGES[name];
  const out = new FrameWriter();
  out.beginFrame(type, id);
  (codec as MessageCodec<MessageOf<N>>).write(out, message);
  out.endFrame();
  return Buffer.from(out.written());
}

const u8 = fc.nat(255);
const smallId = fc.oneof(fc.nat(3), fc.nat(0xffffffff));
const table = fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.nat(0xffffffff));
const slot = fc.oneof({ weight: 6, arbitrary: fc.nat(SLOTS - 1) }, fc.constantFrom(SLOTS, 16_383, 65_534));
const u64 = fc.oneof(fc.nat(5), fc.nat({ max: Number.MAX_SAFE_INTEGER }));
const u32 = fc.oneof(fc.nat(5), fc.nat(0xffffffff));
const position = fc.record({ term: u64, index: u64, crc: u32 });
const bytes = fc.uint8Array({ maxLength: 100 }).map((list) => Buffer.from(list));
const command = fc
  .oneof(
    { weight: 4, arbitrary: fc.integer().map((seed) => hostileCommand(new RandomSource(seed))) },
    fc.constantFrom(["WAIT", "x", "y"], ["WAIT", "-1", "-1"], ["WAIT", "1", "1e400"], ["SHUTDOWN"], ["EXEC"], [""]),
  )
  .map((words) => Argv.of(...words.map((word) => Buffer.from(word, "latin1"))));
const protocol = fc.constantFrom(2 as const, 3 as const);

const forward = fc
  .record({
    id: smallId,
    table,
    slot: fc.oneof({ weight: 6, arbitrary: slot }, fc.constant("leading" as const)),
    epoch: u64,
    protocol,
    commands: fc.array(command, { maxLength: 3 }),
    isExec: fc.boolean(),
    watchId: fc.option(smallId, { nil: undefined, freq: 2 }),
  })
  .map(({ id, slot: where, ...rest }) => messageFrame("forward", id, { ...rest, scope: { slot: where } }));
const forwardRun = fc
  .record({ id: smallId, table, epoch: u64, protocol, members: fc.array(fc.tuple(slot, command), { maxLength: 5 }) })
  .map(({ id, members, ...rest }) => {
    const body = new ByteWriter(64);
    for (const [where, argv] of members) writeRunCommand(body, where, argv);
    return messageFrame("forwardRun", id, { ...rest, count: members.length, slots: [], commands: [], body });
  });
const watching = fc.oneof(
  fc
    .tuple(smallId, table, slot, fc.array(bytes, { maxLength: 3 }))
    .map(([id, of, where, keys]) => messageFrame("watch", id, { table: of, slot: where, keys })),
  u32.map((watchId) => messageFrame("unwatch", 0, { watchId })),
  smallId.map((id) => messageFrame("cancel", id, {})),
);
const grants = fc.oneof(
  fc
    .record({ sequence: u32, epoch: u64, grantMs: u32, grantSet: u32 })
    .map((message) => messageFrame("heartbeat", 0, message)),
  fc
    .record({
      grantSet: u32,
      isBeginning: fc.boolean(),
      slots: fc.array(fc.record({ table, slot, replica: u64, term: u64 }), { maxLength: 5 }),
    })
    .map((message) => messageFrame("grantSet", 0, message)),
  fc
    .record({
      epoch: u64,
      wantsPromise: fc.boolean(),
      slots: fc.array(fc.record({ table, slot, replica: u64, term: u64, last: position }), { maxLength: 5 }),
    })
    .map((message) => messageFrame("positionsAsk", 1, message)),
);
const replication = fc.oneof(
  fc
    .tuple(
      smallId,
      fc.record({
        table,
        slot,
        replica: u64,
        term: u64,
        epoch: u64,
        wantsSnapshot: fc.boolean(),
        isFetch: fc.boolean(),
        windowBytes: u32,
        last: position,
      }),
    )
    .map(([id, message]) => messageFrame("binlogSyncOpen", id, message)),
  fc
    .array(fc.record({ stream: smallId, appendedIndex: u64, durableIndex: u64 }), { maxLength: 3 })
    .map((streams) => messageFrame("binlogSyncAck", 0, { streams })),
  smallId.map((id) => messageFrame("binlogSyncClose", id, {})),
  fc
    .tuple(smallId, u64, u64)
    .map(([id, firstIndex, lastIndex]) => messageFrame("binlogSyncProbeAsk", id, { firstIndex, lastIndex })),
  fc.tuple(smallId, u32).map(([id, chunkCount]) => messageFrame("snapshotAck", id, { chunkCount })),
  smallId.map((id) => messageFrame("snapshotAbort", id, { text: "enough" })),
);
/** Frames that are right; what they carry may be anything. */
const frame = fc.oneof(
  { weight: 4, arbitrary: forward },
  { weight: 2, arbitrary: forwardRun },
  watching,
  grants,
  { weight: 2, arbitrary: replication },
  fc.constant(messageFrame("ping", 0, {})),
  fc.tuple(u8, smallId, bytes).map(([type, id, payload]) => frameOf(type, id, payload)),
  fc
    .tuple(fc.constantFrom(...Object.values(MESSAGES).map(({ type }) => type)), smallId, bytes)
    .map(([type, id, payload]) => frameOf(type, id, payload)),
  fc.tuple(u8, smallId, bytes).map(([type, id, payload]) => partOf(type, id, payload)),
  fc.constantFrom(...Object.values(HANDSHAKE_MESSAGES).map(({ type }) => frameOf(type, 0, Buffer.alloc(40)))),
);

/** How the last of the frames is spoilt; a link is closed at each. */
const spoilers: Record<string, (whole: Buffer, where: number) => Buffer> = {
  "a flipped bit": (whole, where) => {
    const spoilt = Buffer.from(whole);
    // Behind the length: a longer one would be waited for.
    const bit = 32 + (where % (8 * (whole.length - 4)));
    spoilt[bit >> 3] = (spoilt[bit >> 3] as number) ^ (1 << (bit & 7));
    return spoilt;
  },
  "a length too short": (whole) => {
    const spoilt = Buffer.concat([whole, Buffer.alloc(64)]);
    spoilt.writeUInt32BE(whole.length - FRAME_HEADER_BYTES + 1, 0);
    return spoilt;
  },
  "a huge length": (whole, where) => {
    const spoilt = Buffer.from(whole);
    spoilt.writeUInt32BE(Math.min(0xffffffff, MAX_FRAME_PAYLOAD_BYTES + 1 + where * 2), 0);
    return spoilt;
  },
  "unknown flags": (whole) => {
    const spoilt = Buffer.from(whole);
    spoilt[9] = 2;
    spoilt.writeUInt32BE(crc32(spoilt, 8, spoilt.length), 4);
    return spoilt;
  },
  "an answer": () => frameOf(MESSAGES.forwardReply.type, 1, Buffer.from("00", "hex")),
  "a byte too many": () => frameOf(MESSAGES.ping.type, 0, Buffer.alloc(1)),
};

const attack = fc.record({
  isProven: fc.boolean(),
  frames: fc.array(frame, { minLength: 1, maxLength: 8 }),
  /** Frames sent twice and in another order. */
  order: fc.option(fc.array(fc.nat(7), { minLength: 1, maxLength: 12 }), { nil: undefined }),
  spoiler: fc.option(fc.constantFrom(...Object.keys(spoilers)), { nil: undefined }),
  where: fc.nat(0x7fffffff),
  keep: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  pieceBytes: fc.constantFrom(1, 7, 100, 100_000),
});

async function sendInPieces(socket: Socket, all: Buffer, pieceBytes: number): Promise<void> {
  const size = Math.max(pieceBytes, Math.ceil(all.length / 200));
  for (let at = 0; at < all.length && !socket.destroyed; at += size) {
    socket.write(all.subarray(at, at + size));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

test("frames right and wrong, in any order, before and behind a handshake", { timeout: 300_000 }, async () => {
  const before = process.memoryUsage().arrayBuffers;
  await fc.assert(
    fc.asyncProperty(attack, async ({ isProven, frames, order, spoiler, where, keep, pieceBytes }) => {
      endings = [];
      const attacker = await Attacker.connect();
      if (isProven) await attacker.prove();
      else attacker.socket.resume();
      const sent = order?.map((index) => frames[index % frames.length] as Buffer) ?? frames;
      const spoil = spoiler === undefined ? undefined : spoilers[spoiler];
      const all = Buffer.concat(spoil === undefined ? sent : [...sent, spoil(sent.at(-1) as Buffer, where)]);
      const isCut = keep < 1;
      await sendInPieces(attacker.socket, all.subarray(0, Math.ceil(keep * all.length)), pieceBytes);
      const isFaulty = !isCut && (spoil !== undefined || !isProven);
      if (!isFaulty) attacker.socket.end();
      const reason = await attacker.ended();
      if (isFaulty) expect(reason).not.toMatch(HUNG_UP);
      await expectUnharmed();
    }),
    { numRuns: RUNS },
  );
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * MIB);
});

test("random bytes, before and behind a handshake", { timeout: 300_000 }, async () => {
  const random = fc.uint8Array({ minLength: 1, maxLength: 2000 }).map((list) => Buffer.from(list));
  await fc.assert(
    fc.asyncProperty(fc.boolean(), random, async (isProven, garbage) => {
      endings = [];
      const attacker = await Attacker.connect();
      if (isProven) await attacker.prove();
      attacker.socket.resume().end(garbage);
      expect(await attacker.ended()).not.toBe("");
      await expectUnharmed();
    }),
    { numRuns: RUNS },
  );
});

test("what was said in another handshake opens nothing", async () => {
  const { said } = await (await Attacker.connect()).prove();
  endings = [];
  const [hello, proof] = said as [Buffer, Buffer];
  const replays = [[hello, proof], [proof], [hello, hello], [proof, hello], [hello, proof, proof]];
  for (const frames of replays) {
    const attacker = await Attacker.connect();
    attacker.socket.resume().write(Buffer.concat(frames));
    expect(await attacker.ended()).toMatch(/does not know this cluster's secret|in the handshake/);
  }
  const proven = await (await Attacker.connect()).prove();
  proven.socket.write(Buffer.concat(proven.said));
  expect(await proven.ended()).toMatch(/a message of type 1,/);
  await expectUnharmed();
});

test("announced and never sent: little is kept, and who falls silent is let go", { timeout: 60_000 }, async () => {
  endings = [];
  const before = process.memoryUsage().arrayBuffers;
  const announced = Buffer.alloc(FRAME_HEADER_BYTES);
  announced.writeUInt32BE(MAX_FRAME_PAYLOAD_BYTES, 0);
  const part = partOf(MESSAGES.forward.type, 1, Buffer.alloc(100));
  const proven = await Promise.all(Array.from({ length: 20 }, async () => (await Attacker.connect()).prove()));
  const unproven = await Promise.all(Array.from({ length: 20 }, () => Attacker.connect()));
  for (const [i, { socket }] of proven.entries())
    socket.write([announced, part, part.subarray(0, 50)][i % 3] as Buffer);
  for (const [i, { socket }] of unproven.entries()) socket.resume().write(announced.subarray(0, i % 17));
  await expectUnharmed();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * MIB);
  for (const attacker of proven) expect(await attacker.ended()).toBe("the peer is silent");
  for (const [i, attacker] of unproven.entries()) {
    const isAnnounced = i % 17 === FRAME_HEADER_BYTES;
    expect(await attacker.ended()).toMatch(isAnnounced ? /above the limit of 512/ : /handshake took too long/);
  }
  await expectUnharmed();
});

test("parts of messages that never end are bounded in number", { timeout: 60_000 }, async () => {
  endings = [];
  const attacker = await (await Attacker.connect()).prove();
  const parts = Buffer.concat(Array(5000).fill(partOf(MESSAGES.forward.type, 1, Buffer.alloc(1))));
  const before = process.memoryUsage().arrayBuffers;
  for (let sent = 0; sent < 70_000; sent += 5000) {
    attacker.socket.write(parts);
    await expectUnharmed();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
  }
  expect(await attacker.ended()).toMatch(/too many parts/);
  await expectUnharmed();
});

test("who does not read what it asked for is read no further, and let go", { timeout: 60_000 }, async () => {
  endings = [];
  const VALUE_BYTES = 100_000;
  const attacker = await (await Attacker.connect()).prove();
  const asked = (id: number, commands: readonly Argv[]) =>
    messageFrame("forward", id, {
      table: 1,
      scope: { slot: 0 },
      epoch: 1,
      protocol: 2,
      commands,
      isExec: true,
      watchId: undefined,
    });
  attacker.socket.write(asked(1, [Argv.of("SET", "large", "v".repeat(VALUE_BYTES))]));
  // One is as long as half of what is read at once.
  const pads = Array.from({ length: 10 }, (_, i) =>
    asked(2 + i, [Argv.of("GET", "large"), Argv.of("EXISTS", "k".repeat(30_000))]),
  );
  attacker.socket.pause();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 2000; i++) attacker.socket.write(pads[i % pads.length] as Buffer);
  const reason = await waitFor(
    async () => {
      await expectUnharmed();
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
      return endings[0]?.reason;
    },
    { timeoutMs: 30_000, what: "the node to end the link" },
  );
  expect(reason).toBe("the peer is silent");
  attacker.socket.destroy();
  await expectUnharmed();
});
