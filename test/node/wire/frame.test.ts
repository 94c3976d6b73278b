import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OperatingError } from "../../../node/base/errors.ts";
import { FRAME_HEADER_BYTES, FrameReader, FrameWriter, MAX_FRAME_PAYLOAD_BYTES } from "../../../node/wire/frame.ts";
import { waitFor } from "../../support/wait-for.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

interface Message {
  readonly type: number;
  readonly id: number;
  readonly payload: Buffer;
}

function framesOf(messages: readonly Message[]): Buffer {
  const out = new FrameWriter(16);
  for (const { type, id, payload } of messages) {
    out.beginFrame(type, id);
    out.raw(payload, 0, payload.length);
    out.endFrame();
  }
  return Buffer.from(out.written());
}

/** Feeds a stream in pieces of the given sizes, round and round. */
function readAll(stream: Buffer, sizes: readonly number[]): Message[] {
  const reader = new FrameReader();
  const messages: Message[] = [];
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    reader.push(stream.subarray(at, at + size));
    at += size;
    while (reader.next()) {
      messages.push({
        type: reader.type,
        id: reader.id,
        payload: Buffer.from(reader.buf.subarray(reader.start, reader.end)),
      });
    }
  }
  return messages;
}

const anyMessage = fc.record({
  type: fc.nat(255),
  id: fc.nat(0xffffffff),
  payload: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
});

describe("frames", () => {
  it("have the documented bytes", () => {
    expect(framesOf([{ type: 8, id: 0, payload: Buffer.alloc(0) }]).toString("hex")).toBe(
      "00000000b6c7c4dc0800000000000000",
    );
  });

  it("come back whole, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(anyMessage, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
        (messages, sizes) => {
          expect(readAll(framesOf(messages), sizes)).toEqual(messages);
        },
      ),
    );
  });

  it("cut a long message and join it again, with others in between", () => {
    const long = Buffer.alloc(2 * MAX_FRAME_PAYLOAD_BYTES + 5, "ab");
    const cut = framesOf([{ type: 16, id: 7, payload: long }]);
    expect(cut.length).toBe(long.length + 9 * FRAME_HEADER_BYTES);
    const other = framesOf([{ type: 16, id: 8, payload: Buffer.from("x") }]);
    const first = FRAME_HEADER_BYTES + 256 * 1024;
    const stream = Buffer.concat([cut.subarray(0, first), other, cut.subarray(first)]);
    const read = readAll(stream, [65536]);
    expect(read.map(({ id }) => id)).toEqual([8, 7]);
    expect(read[1]?.payload.equals(long)).toBe(true);
  });

  it("are given in pieces between which others may be put", () => {
    const long = Buffer.alloc(MAX_FRAME_PAYLOAD_BYTES + 1, "abc");
    const out = new FrameWriter(16);
    for (const payload of [Buffer.from("x"), long, Buffer.from("y")]) {
      out.beginFrame(16, payload.length);
      out.raw(payload, 0, payload.length);
      out.endFrame();
    }
    const pieces = out.pieces(256 * 1024);
    expect(pieces.length).toBe(5);
    const ping = framesOf([{ type: 8, id: 0, payload: Buffer.alloc(0) }]);
    const read = readAll(Buffer.concat(pieces.flatMap((piece) => [piece, ping])), [50_000]);
    expect(read.filter(({ type }) => type === 8).length).toBe(5);
    expect(read.filter(({ type }) => type === 16).map(({ id }) => id)).toEqual([1, long.length, 1]);
    expect(read.find(({ id }) => id === long.length)?.payload.equals(long)).toBe(true);
  });

  it("never take a changed byte for a frame", () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, where, flip) => {
        const stream = framesOf([message]);
        const at = where % stream.length;
        stream[at] = (stream[at] as number) ^ flip;
        let read: Message[] = [];
        try {
          read = readAll(stream, [stream.length]);
        } catch (error) {
          expect(error).toBeInstanceOf(OperatingError);
        }
        expect(read).toEqual([]);
      }),
    );
  });

  it("refuse a length above the limit before anything is kept for it", () => {
    const reader = new FrameReader();
    reader.maxPayloadBytes = 10;
    reader.push(framesOf([{ type: 1, id: 0, payload: Buffer.alloc(11) }]).subarray(0, FRAME_HEADER_BYTES));
    expect(() => reader.next()).toThrow(/above the limit of 10/);
  });

  it("refuse more cut messages at once than the limit", () => {
    const reader = new FrameReader();
    const openOne = (id: number) => {
      const small = new FrameWriter();
      small.beginFrame(16, id);
      small.endFrame();
      const frame = Buffer.from(small.written());
      frame[9] = 1;
      frame.writeUInt32BE(crcOf(frame), 4);
      reader.push(frame);
      return reader.next();
    };
    for (let id = 0; id < 64; id++) expect(openOne(id)).toBe(false);
    expect(() => openOne(64)).toThrow(/too many cut messages/);
  });

  it("refuse a message cut into parts that hold nothing", () => {
    const frame = partOf(Buffer.alloc(0));
    const reader = new FrameReader();
    const readOne = () => {
      reader.push(frame);
      return reader.next();
    };
    for (let part = 0; part < 65_536; part++) if (readOne()) throw new Error("a part is no message");
    expect(readOne).toThrow(/too many parts/);
  });

  it("keep no more of a chunk than the part that came in it", async () => {
    const before = process.memoryUsage().arrayBuffers;
    const reader = new FrameReader();
    const part = partOf(Buffer.alloc(10));
    const other = framesOf([{ type: 17, id: 2, payload: Buffer.alloc(60_000) }]);
    for (let i = 0; i < 2000; i++) {
      reader.push(Buffer.concat([part, other]));
      expect(reader.next()).toBe(true);
      expect(reader.next()).toBe(false);
    }
    // The chunks are 120 MB together. The collector gives memory back in a thread of its own, some time after its run.
    const what = "the chunks' memory to be given back";
    const isGivenBack = () => {
      gc();
      return process.memoryUsage().arrayBuffers - before < 20 * 1024 * 1024;
    };
    await waitFor(isGivenBack, { what });
    reader.push(framesOf([{ type: 16, id: 1, payload: Buffer.alloc(10) }]));
    expect(reader.next()).toBe(true);
    expect(reader.end - reader.start).toBe(20_010);
  });
});

/** A part of a cut message that is not its last. */
function partOf(payload: Buffer): Buffer {
  const frame = framesOf([{ type: 16, id: 1, payload }]);
  frame[9] = 1;
  frame.writeUInt32BE(crcOf(frame), 4);
  return frame;
}

function crcOf(frame: Buffer): number {
  return crc32(frame.subarray(8));
}
