import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { InClusterCredentials } from "../../../operator/kube/in-cluster-credentials.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pika-account-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(token: string): void {
  writeFileSync(join(directory, "token"), `${token}\n`);
  writeFileSync(join(directory, "ca.crt"), `authority of ${token}`);
}

function setup(host = "10.0.0.1") {
  const clock = new VirtualClock();
  const credentials = new InClusterCredentials({ host, port: "443", directory }, clock);
  return { clock, credentials, token: async () => (await credentials.current()).headers.authorization };
}

test("the token is read again after a minute, the authority with it", async () => {
  write("one");
  const { clock, credentials, token } = setup();
  expect(await token()).toBe("Bearer one");
  write("two");
  clock.advance(59_000);
  expect(await token()).toBe("Bearer one");
  clock.advance(1000);
  expect(await token()).toBe("Bearer two");
  expect(await credentials.current()).toMatchObject({ ca: "authority of two", url: "https://10.0.0.1:443" });
});

test("a refused token is read again at once", async () => {
  write("one");
  const { credentials, token } = setup();
  await token();
  write("two");
  credentials.refuse();
  expect(await token()).toBe("Bearer two");
});

test("while the files cannot be read the last token is used; without any it says what is missing", async () => {
  const { credentials, token } = setup();
  await expect(token()).rejects.toThrow(/cannot read the service account in .*is its token mounted/);
  write("one");
  await token();
  rmSync(join(directory, "token"));
  credentials.refuse();
  expect(await token()).toBe("Bearer one");
});

test("an IPv6 address is put in brackets", async () => {
  write("one");
  expect((await setup("fd00::1").credentials.current()).url).toBe("https://[fd00::1]:443");
});
