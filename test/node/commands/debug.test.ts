import { afterEach, it } from "vitest";
import { command, Harness } from "../../support/server-harness.ts";

let harness: Harness | undefined;
async function connect() {
  harness = await new Harness().start();
  return harness.raw();
}
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

it("answers OK to what needs nothing done", async () => {
  const client = await connect();
  for (const args of [["RELOAD"], ["RELOAD", "NOSAVE"], ["LOADAOF"], ["QUICKLIST-PACKED-THRESHOLD", "100b"]]) {
    await client.send(command("DEBUG", ...args)).expect("+OK\r\n");
  }
  await client.send(command("DEBUG", "SET-ACTIVE-EXPIRE", 0) + command("DEBUG", "SLEEP", 0)).expect("+OK\r\n+OK\r\n");
  await client.send(command("DEBUG", "NOPE")).expect("-ERR unknown subcommand 'NOPE'. Try DEBUG HELP.\r\n");
});

it.each([
  ["string", "$11\r\nHello World\r\n"],
  ["integer", ":12345\r\n"],
  ["null", "$-1\r\n"],
  ["array", "*3\r\n:0\r\n:1\r\n:2\r\n"],
  ["set", "*3\r\n:0\r\n:1\r\n:2\r\n"],
  ["map", "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n"],
  ["attrib", "$39\r\nSome real reply following the attribute\r\n"],
  ["true", ":1\r\n"],
  ["false", ":0\r\n"],
  ["verbatim", "$25\r\nThis is a verbatim\nstring\r\n"],
  ["bignum", "$37\r\n1234567999999999999999999999999999999\r\n"],
  ["push", "-ERR RESP2 is not supported by this command\r\n"],
])("DEBUG PROTOCOL %s in RESP2", async (type, bytes) => {
  await (await connect()).send(command("DEBUG", "PROTOCOL", type)).expect(bytes);
});

it.each([
  ["null", "_\r\n"],
  ["set", "~3\r\n:0\r\n:1\r\n:2\r\n"],
  ["map", "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"],
  ["true", "#t\r\n"],
  ["verbatim", "=29\r\ntxt:This is a verbatim\nstring\r\n"],
  ["bignum", "(1234567999999999999999999999999999999\r\n"],
  ["push", ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push reply\r\n"],
  [
    "attrib",
    "|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute\r\n",
  ],
])("DEBUG PROTOCOL %s in RESP3", async (type, bytes) => {
  const client = await connect();
  client.send(command("HELLO", 3) + command("DEBUG", "PROTOCOL", type));
  await client.until(
    () => client.received.endsWith(bytes),
    3000,
    () => JSON.stringify(client.received),
  );
});

it("DEBUG PROTOCOL of another type names those there are", async () => {
  const client = await connect();
  client.send(command("DEBUG", "PROTOCOL", "toString"));
  await client.expect("-ERR Wrong protocol type name. Please use one of the following: string|integer|double|");
});
