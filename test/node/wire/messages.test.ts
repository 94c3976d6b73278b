import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { HANDSHAKE_MESSAGES, MESSAGES } from "../../../node/wire/messages.ts";

const ALL = Object.entries({ ...HANDSHAKE_MESSAGES, ...MESSAGES });

it("gives each message a number of its own", () => {
  expect(new Set(ALL.map(([, { type }]) => type)).size).toBe(ALL.length);
});

it("agrees with the document on each message's number and sender", () => {
  const text = readFileSync(new URL("../../../docs/formats/peer-wire.md", import.meta.url), "utf8");
  const letters = { dialer: "d", acceptor: "a", both: "both" };
  for (const [name, { type, sentBy }] of Object.entries(MESSAGES)) {
    const title = name[0]?.toUpperCase() + name.slice(1);
    expect(text).toContain(`| 0x${type.toString(16).padStart(2, "0")} | ${title} | ${letters[sentBy]} |`);
  }
});
