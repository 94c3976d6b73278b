import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { KubeconfigCredentials } from "../../../operator/kube/kubeconfig-credentials.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pika-kubeconfig-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(user: object): string {
  const file = join(directory, "config");
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const cluster = { server: "https://example.test:6443/", "certificate-authority-data": base64("authority") };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user }],
    contexts: [{ name: "first", context: { cluster: "c", user: "u" } }],
    "current-context": "first",
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

test("a token and an authority; the file is read again after a refusal", async () => {
  const credentials = new KubeconfigCredentials({ file: write({ token: "one" }), context: "" });
  expect(await credentials.current()).toMatchObject({
    url: "https://example.test:6443",
    ca: "authority",
    isVerified: true,
    headers: { authorization: "Bearer one" },
  });
  write({ token: "two" });
  credentials.refuse();
  expect((await credentials.current()).headers.authorization).toBe("Bearer two");
});

test("a client certificate and its key", async () => {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const user = { "client-certificate-data": base64("certificate"), "client-key-data": base64("key") };
  const credentials = new KubeconfigCredentials({ file: write(user), context: "first" });
  expect(await credentials.current()).toMatchObject({ certificate: "certificate", key: "key" });
});

test("a context that is not there is refused, the known ones are named", () => {
  const file = write({ token: "one" });
  expect(() => new KubeconfigCredentials({ file, context: "other" })).toThrow(/no context "other".*known are first/);
});
