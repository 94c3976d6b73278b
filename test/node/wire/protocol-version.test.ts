import { expect, it } from "vitest";
import {
  chooseVersion,
  NEWEST_PROTOCOL_VERSION,
  OLDEST_PROTOCOL_VERSION,
} from "../../../node/wire/protocol-version.ts";

it("chooses the newest version that both speak, or none", () => {
  const ours = { oldest: 2, newest: 4 };
  expect(chooseVersion(ours, { oldest: 1, newest: 3 })).toBe(3);
  expect(chooseVersion(ours, { oldest: 1, newest: 9 })).toBe(4);
  expect(chooseVersion(ours, { oldest: 2, newest: 2 })).toBe(2);
  expect(chooseVersion(ours, { oldest: 1, newest: 1 })).toBeUndefined();
  expect(chooseVersion(ours, { oldest: 5, newest: 9 })).toBeUndefined();
  expect(chooseVersion(ours, { oldest: 9, newest: 1 })).toBeUndefined();
});

it("speaks the version that it is first released with", () => {
  expect([OLDEST_PROTOCOL_VERSION, NEWEST_PROTOCOL_VERSION]).toEqual([3, 3]);
});
