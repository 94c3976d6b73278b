/**
 * Frames: header, CRC, cutting long messages and joining them again. Grammar: docs/formats/peer-wire.md.
 * FrameWriter makes frames into one buffer that the link writes as a whole; FrameReader takes chunks as they come
 * from a socket. A frame that lies within one chunk is not copied; what is given out stays valid while it is kept.
 *
 * Example: Ping = `00 00 00 00  b6 c7 c4 dc  08 00 00 00  00 00 00 00` (length 0, CRC of the last eight bytes).
 */

import { assert } from "../base/assert.ts";
import { crc32 } from "../base/crc32.ts";
import { protocolError } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

export const FRAME_HEADER_BYTES = 16;
/** The longest payload of one frame: what an urgent message may have to wait for. */
export const MAX_FRAME_PAYLOAD_BYTES = 1024 * 1024;
/** The longest joined message: above Redis's largest value (512 MiB), below what breaks a buffer. */
export const MAX_MESSAGE_BYTES = 1024 * 1024 * 1024;
/** Cut messages open at once on one link: the sender sends one after the other per kind, so a few are normal. */
const MAX_OPEN_MESSAGES = 64;
/** Parts of cut messages kept at once on one link: 1 GiB of parts of 16 KiB. Each costs its reader an object. */
const MAX_OPEN_PARTS = 65_536;

/** What a longer message is cut into: small enough that urgent ones pass often, large enough to cost nothing. */
const PART_BYTES = 256 * 1024;

const FLAG_MORE = 1;
const HEADER_CRC_FROM = 8;
const INITIAL_BYTES = 64 * 1024;

export class FrameWriter extends ByteWriter {
  #frameStart = -1;
  #type = 0;
  #id = 0;

  constructor(initialBytes = INITIAL_BYTES) {
    super(initialBytes);
  }

  /** Opens a frame; its payload is what is written until `endFrame`. */
  beginFrame(type: number, id: number): void {
    assert(this.#frameStart < 0, "a frame is ended before the next begins");
    this.#frameStart = this.length;
    this.#type = type;
    this.#id = id;
    this.reserve(FRAME_HEADER_BYTES);
    this.length += FRAME_HEADER_BYTES;
  }

  /** Closes the frame: length and CRC, cut into several where it is too long for one. */
  endFrame(): void {
    const start = this.#frameStart;
    const size = this.length - start - FRAME_HEADER_BYTES;
    this.#frameStart = -1;
    if (size <= MAX_FRAME_PAYLOAD_BYTES) {
      this.#seal(start, size, 0);
      return;
    }
    assert(size <= MAX_MESSAGE_BYTES, "a message is checked against the limit before it is written");
    const lastPart = Math.ceil(size / PART_BYTES) - 1;
    this.reserve(lastPart * FRAME_HEADER_BYTES);
    const { buf } = this;
    const payload = start + FRAME_HEADER_BYTES;
    // From the last part to the first, so that each moves into room that is free.
    for (let part = lastPart; part >= 0; part--) {
      const from = part * PART_BYTES;
      const partSize = Math.min(PART_BYTES, size - from);
      const at = start + part * (PART_BYTES + FRAME_HEADER_BYTES);
      buf.copyWithin(at + FRAME_HEADER_BYTES, payload + from, payload + from + partSize);
      this.#seal(at, partSize, part < lastPart ? FLAG_MORE : 0);
    }
    this.length += lastPart * FRAME_HEADER_BYTES;
  }

  /** Forgets the frame that is open. */
  abandonFrame(): void {
    if (this.#frameStart >= 0) this.length = this.#frameStart;
    this.#frameStart = -1;
  }

  /**
   * What was written, in views of whole frames that are of at least `minBytes` each, the last one excepted: between
   * two of them other frames may be put.
   */
  pieces(minBytes: number): Buffer[] {
    const pieces: Buffer[] = [];
    let from = 0;
    for (let at = 0; at < this.length; ) {
      at += FRAME_HEADER_BYTES + this.buf.readUInt32BE(at);
      if (at - from < minBytes && at < this.length) continue;
      pieces.push(this.buf.subarray(from, at));
      from = at;
    }
    return pieces;
  }

  /** Starts over in the same buffer. */
  clear(): void {
    this.length = 0;
  }

  /** Gives the buffer away and starts over in a new one. */
  replace(initialBytes = INITIAL_BYTES): void {
    this.buf = Buffer.allocUnsafeSlow(initialBytes);
    this.length = 0;
  }

  #seal(start: number, size: number, flags: number): void {
    const buf = this.buf;
    this.putU32At(start, size);
    buf[start + 8] = this.#type;
    buf[start + 9] = flags;
    buf[start + 10] = 0;
    buf[start + 11] = 0;
    this.putU32At(start + 12, this.#id);
    this.putU32At(start + 4, crc32(buf, start + HEADER_CRC_FROM, start + FRAME_HEADER_BYTES + size));
  }
}

interface OpenMessage {
  readonly parts: Buffer[];
  sizeBytes: number;
}

export class FrameReader {
  /** Of the message that `next` found: payload = `buf[start, end)`. */
  type = 0;
  id = 0;
  buf: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;

  /** No payload may be longer; lowered while a handshake is going on. */
  maxPayloadBytes: number = MAX_FRAME_PAYLOAD_BYTES;

  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  /** A frame that did not lie within one chunk: as much of it as came. */
  #partial: Buffer | undefined;
  #partialBytes = 0;
  #open = new Map<number, OpenMessage>();
  #openBytes = 0;
  #openParts = 0;

  /** Takes the next bytes of the stream. Only when `next` has answered false. */
  push(chunk: Buffer): void {
    assert(this.#at === this.#chunk.length, "a chunk is read to its end before the next one");
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * Finds the next whole message. False when more bytes are wanted.
   * @throws OperatingError PeerProtocolError for a frame that no correct peer sends.
   */
  next(): boolean {
    for (;;) {
      if (!this.#findFrame()) return false;
      const flags = this.buf[this.start - FRAME_HEADER_BYTES + 9] as number;
      const key = this.type * 0x100000000 + this.id;
      if (flags === 0 && (this.#open.size === 0 || !this.#open.has(key))) return true;
      if (this.#joinPart(key, flags)) return true;
    }
  }

  /** Finds one whole frame and checks it. */
  #findFrame(): boolean {
    if (this.#partial !== undefined) return this.#fillPartial(this.#partial);
    const chunk = this.#chunk;
    const start = this.#at;
    const have = chunk.length - start;
    if (have < FRAME_HEADER_BYTES) {
      this.#keepRest(FRAME_HEADER_BYTES);
      return false;
    }
    const size = this.#payloadSize(chunk, start);
    if (have < FRAME_HEADER_BYTES + size) {
      this.#keepRest(FRAME_HEADER_BYTES + size);
      return false;
    }
    this.#at = start + FRAME_HEADER_BYTES + size;
    this.#take(chunk, start, this.#at);
    return true;
  }

  #keepRest(wantedBytes: number): void {
    const rest = this.#chunk.length - this.#at;
    if (rest === 0) return;
    const partial = Buffer.allocUnsafeSlow(wantedBytes);
    this.#partialBytes = this.#chunk.copy(partial, 0, this.#at);
    this.#partial = partial;
    this.#at = this.#chunk.length;
  }

  #fillPartial(partial: Buffer): boolean {
    const copied = this.#chunk.copy(partial, this.#partialBytes, this.#at);
    this.#at += copied;
    this.#partialBytes += copied;
    if (this.#partialBytes < partial.length) return false;
    if (partial.length === FRAME_HEADER_BYTES) {
      const size = this.#payloadSize(partial, 0);
      if (size > 0) {
        const whole = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + size);
        partial.copy(whole);
        this.#partial = whole;
        return this.#fillPartial(whole);
      }
    }
    this.#partial = undefined;
    this.#take(partial, 0, partial.length);
    return true;
  }

  #payloadSize(buf: Buffer, start: number): number {
    const size = buf.readUInt32BE(start);
    if (size > this.maxPayloadBytes) {
      throw protocolError(`a frame of ${size} bytes, above the limit of ${this.maxPayloadBytes}`);
    }
    return size;
  }

  #take(buf: Buffer, start: number, end: number): void {
    if (crc32(buf, start + HEADER_CRC_FROM, end) !== buf.readUInt32BE(start + 4)) {
      throw protocolError("a frame whose CRC does not match");
    }
    if ((buf[start + 9] as number) > FLAG_MORE || buf[start + 10] !== 0 || buf[start + 11] !== 0) {
      throw protocolError("a frame with flags of a later version");
    }
    this.type = buf[start + 8] as number;
    this.id = buf.readUInt32BE(start + 12);
    this.buf = buf;
    this.start = start + FRAME_HEADER_BYTES;
    this.end = end;
  }

  /** Adds a part of a cut message; true when it was the last, and the whole message is set. */
  #joinPart(key: number, flags: number): boolean {
    let open = this.#open.get(key);
    if (open === undefined) {
      if (this.#open.size >= MAX_OPEN_MESSAGES) throw protocolError("too many cut messages at once");
      open = { parts: [], sizeBytes: 0 };
      this.#open.set(key, open);
    }
    const size = this.end - this.start;
    const part = this.buf.subarray(this.start, this.end);
    // A small part must not keep the whole chunk that it came in.
    open.parts.push(2 * size < this.buf.length ? Buffer.from(part) : part);
    open.sizeBytes += size;
    this.#openBytes += size;
    this.#openParts++;
    if (this.#openBytes > MAX_MESSAGE_BYTES) throw protocolError("cut messages above 1 GiB together");
    if (this.#openParts > MAX_OPEN_PARTS) throw protocolError("cut messages of too many parts");
    if (flags === FLAG_MORE) return false;
    this.#open.delete(key);
    this.#openBytes -= open.sizeBytes;
    this.#openParts -= open.parts.length;
    this.buf = Buffer.concat(open.parts, open.sizeBytes);
    this.start = 0;
    this.end = open.sizeBytes;
    return true;
  }
}
