import { describe, expect, test } from "vitest";
import { isSlotCount, REDIS_SLOT_COUNT, redisSlotOf, redisSlotRange, slotOf } from "../../../node/meta/slot.ts";

const redisSlot = (key: string) => {
  const framed = Buffer.from(`xx${key}yy`);
  return redisSlotOf(framed, 2, framed.length - 2);
};

describe("slot of a key", () => {
  test.each([
    // The check value of CRC16-XMODEM is 0x31c3; the others are what redis-server's CLUSTER KEYSLOT answers.
    ["123456789", 0x31c3],
    ["", 0],
    ["foo", 12182],
    ["bar", 5061],
    ["somekey", 11058],
    ["foo{hash_tag}", 2515],
    ["bar{hash_tag}", 2515],
  ])("%s has Redis slot %d", (key, slot) => {
    expect(redisSlot(key)).toBe(slot);
  });

  test.each([
    ["{user1000}.following", "user1000"],
    ["foo{}{bar}", "foo{}{bar}"], // empty tag: the whole key
    ["foo{{bar}}zap", "{bar"],
    ["foo{bar}{zap}", "bar"],
    ["foo{bar", "foo{bar"],
    ["foo}bar{", "foo}bar{"],
  ])("%s hashes as %s", (key, hashed) => {
    // crc16 of a text without braces is its own slot; with braces compare by wrapping it in a tag where possible.
    const reference = hashed.includes("{") || hashed.includes("}") ? crcReference(hashed) : redisSlot(hashed);
    expect(redisSlot(key)).toBe(reference);
  });

  test("a table's slot is a contiguous range of Redis slots", () => {
    for (const count of [1, 2, 64, 1024, 16384]) {
      for (const key of ["a", "b", "somekey", "{x}y", "123456789"]) {
        const buf = Buffer.from(key);
        const range = redisSlotRange(slotOf(buf, 0, buf.length, count), count);
        const redis = redisSlotOf(buf, 0, buf.length);
        expect(redis).toBeGreaterThanOrEqual(range.first);
        expect(redis).toBeLessThanOrEqual(range.last);
      }
      let next = 0;
      for (let slot = 0; slot < count; slot++) {
        const range = redisSlotRange(slot, count);
        expect(range.first).toBe(next);
        next = range.last + 1;
      }
      expect(next).toBe(REDIS_SLOT_COUNT);
    }
  });

  test("slot counts are powers of two up to 16384", () => {
    expect([1, 2, 64, 16384].every(isSlotCount)).toBe(true);
    expect([0, -2, 3, 1.5, 32768, Number.NaN].some(isSlotCount)).toBe(false);
  });
});

/** Bit by bit, for texts that contain braces. */
function crcReference(text: string): number {
  let crc = 0;
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc & 0x3fff;
}
