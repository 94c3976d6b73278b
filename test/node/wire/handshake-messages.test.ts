import fc from "fast-check";
import {
  challengeCodec,
  handshakeRefusedCodec,
  helloCodec,
  proofCodec,
} from "../../../node/wire/handshake-messages.ts";
import { anyId128, anyU16, anyU32, describeCodec } from "../../support/codec-suite.ts";

const any32Bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
const ONES = "11".repeat(16);
const TWOS = "22".repeat(16);
const THREES = "33".repeat(16);
const NONCE = Buffer.alloc(32, 0xaa);

describeCodec({
  name: "hello",
  codec: helloCodec,
  golden: {
    message: {
      magic: 0x504b504c,
      oldestVersion: 1,
      newestVersion: 2,
      cluster: ONES,
      node: TWOS,
      meant: THREES,
      nonce: NONCE,
      capabilities: 0,
    },
    hex: `504b504c 0001 0002 ${ONES} ${TWOS} ${THREES} ${"aa".repeat(32)} 00000000`,
  },
  arbitrary: fc.record({
    magic: anyU32,
    oldestVersion: anyU16,
    newestVersion: anyU16,
    cluster: anyId128,
    node: anyId128,
    meant: anyId128,
    nonce: any32Bytes,
    capabilities: anyU32,
  }),
});

describeCodec({
  name: "challenge",
  codec: challengeCodec,
  golden: {
    message: { version: 1, node: TWOS, nonce: NONCE, capabilities: 0 },
    hex: `0001 ${TWOS} ${"aa".repeat(32)} 00000000`,
  },
  arbitrary: fc.record({ version: anyU16, node: anyId128, nonce: any32Bytes, capabilities: anyU32 }),
});

describeCodec({
  name: "proof",
  codec: proofCodec,
  golden: { message: { hmac: NONCE }, hex: "aa".repeat(32) },
  arbitrary: fc.record({ hmac: any32Bytes }),
});

describeCodec({
  name: "handshake refused",
  codec: handshakeRefusedCodec,
  golden: { message: { code: "badProof", text: "no" }, hex: "06 02 6e6f" },
  arbitrary: fc.record({
    code: fc.constantFrom("version", "otherCluster", "otherNode", "self", "retired", "badProof", "stopping", "busy"),
    text: fc.string({ maxLength: 160 }),
  }),
});
