import fc from "fast-check";
import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { ByteReader } from "../../../node/wire/byte-reader.ts";
import { type Forward, forwardCodec, forwardSizeBytes } from "../../../node/wire/forward.ts";
import { anyBytes, anyU32, anyU64, describeCodec, encodeMessage } from "../../support/codec-suite.ts";

const anyCommand = fc.array(anyBytes, { minLength: 1, maxLength: 20 }).map((parts) => Argv.of(...parts));
const anyCommands = fc.oneof(
  fc.record({ isExec: fc.constant(true), commands: fc.array(anyCommand, { maxLength: 4 }) }),
  fc.record({ isExec: fc.constant(false), commands: anyCommand.map((command) => [command]) }),
);
const anyHeader = fc.record({
  table: anyU32,
  scope: fc.record({ slot: fc.oneof(fc.nat(16383), fc.constant("leading" as const)) }),
  epoch: anyU64,
  protocol: fc.constantFrom(2 as const, 3 as const),
  watchId: fc.option(anyU32, { nil: undefined }),
});
const anyForward: fc.Arbitrary<Forward> = fc
  .tuple(anyHeader, anyCommands)
  .map(([header, commands]) => ({ ...header, ...commands }));

const partsOf = (m: Forward) => ({
  ...m,
  commands: m.commands.map((argv) => Array.from({ length: argv.count }, (_, i) => argv.view(i).toString("hex"))),
});

describeCodec({
  name: "forward",
  codec: forwardCodec,
  golden: {
    message: {
      table: 1,
      scope: { slot: 3 },
      epoch: 9,
      protocol: 2,
      commands: [Argv.of("GET", "k")],
      isExec: false,
      watchId: undefined,
    },
    hex: "00000001 0003 0000000000000009 00 01 02 03474554 016b",
  },
  arbitrary: anyForward,
  normalize: partsOf,
});

it("is never larger than its bound says", () => {
  fc.assert(
    fc.property(anyForward, (message) => {
      expect(encodeMessage(forwardCodec, message).length).toBeLessThanOrEqual(forwardSizeBytes(message.commands));
    }),
  );
});

it.each([0, 2])("refuses %i commands that are no EXEC", (count) => {
  const input = new ByteReader();
  const commands = Array.from({ length: count }, () => Argv.of("PING"));
  const scope = { slot: 3 };
  const bytes = encodeMessage(forwardCodec, {
    table: 1,
    scope,
    epoch: 9,
    protocol: 2,
    commands,
    isExec: false,
    watchId: undefined,
  });
  input.reset(bytes, 0, bytes.length);
  expect(() => forwardCodec.read(input)).toThrow(`${count} commands that are no EXEC`);
});
