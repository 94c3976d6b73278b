import { expect, test } from "vitest";
import {
  ERRORS,
  invalidExpireText,
  noInputKeyText,
  outsideRangeText,
  unknownCommandText,
  unknownSubcommandText,
  unsupportedOptionText,
  wrongArityText,
} from "../../../node/resp/error-texts.ts";

test("every fixed text starts with a code word and fits one line", () => {
  for (const text of Object.values(ERRORS)) expect(text).toMatch(/^[A-Z]+ [^\r\n]+$/);
});

test("the texts with a part of their own", () => {
  expect(wrongArityText("get")).toBe("ERR wrong number of arguments for 'get' command");
  expect(invalidExpireText("set")).toBe("ERR invalid expire time in 'set' command");
  expect(outsideRangeText(-5, 7)).toBe("ERR value is out of range, value must between -5 and 7");
  expect(unsupportedOptionText("ZZ")).toBe("ERR Unsupported option ZZ");
  expect(unknownSubcommandText("nope", "OBJECT")).toBe("ERR unknown subcommand 'nope'. Try OBJECT HELP.");
  expect(noInputKeyText("zunion")).toBe("ERR at least 1 input key is needed for 'zunion' command");
});

test("an unknown command is shown with the beginning of its arguments", () => {
  expect(unknownCommandText("foo", ["a", "b c"])).toBe(
    "ERR unknown command 'foo', with args beginning with: 'a' 'b c' ",
  );
  const long = unknownCommandText("x".repeat(500), ["y".repeat(500), "z"]);
  expect(long.length).toBeLessThan(330);
  expect(long).not.toContain("z");
});
