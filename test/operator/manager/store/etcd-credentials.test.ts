import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLogger } from "../../../../node/base/log.ts";
import {
  type EtcdCredentials,
  followEtcdCredentials,
  readEtcdCredentials,
} from "../../../../operator/manager/store/etcd-credentials.ts";
import { VirtualClock } from "../../../support/virtual-clock.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pika-credentials-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}

const none = { etcdCaFile: "", etcdCertFile: "", etcdKeyFile: "", etcdUser: "", etcdPasswordFile: "" };
const secure = { ...none, etcd: ["https://localhost:2379"] };

describe("readEtcdCredentials", () => {
  test("nothing given is nothing shown", () => {
    expect(readEtcdCredentials({ ...none, etcd: ["http://127.0.0.1:2379"] })).toEqual({});
    expect(readEtcdCredentials(secure)).toEqual({ tls: {} });
  });

  test("reads certificates and the password without its line end", () => {
    const credentials = readEtcdCredentials({
      ...secure,
      etcdCaFile: file("ca", PEM),
      etcdCertFile: file("cert", PEM),
      etcdKeyFile: file("key", PEM),
      etcdUser: "pika",
      etcdPasswordFile: file("password", "se cret\n"),
    });
    const bytes = Buffer.from(PEM);
    expect(credentials).toEqual({
      tls: { ca: bytes, client: { cert: bytes, key: bytes } },
      user: { name: "pika", password: "se cret" },
    });
  });

  test.each([
    [{ etcdCertFile: "c" }, "--etcd-key-file is missing: it goes together with --etcd-cert-file"],
    [{ etcdKeyFile: "k" }, "--etcd-cert-file is missing"],
    [{ etcdUser: "pika" }, "--etcd-password-file is missing"],
    [{ etcdPasswordFile: "p" }, "--etcd-user is missing"],
    [{ etcd: ["localhost:2379"] }, "--etcd localhost:2379: allowed is http://host:port or https://host:port"],
    [{ etcd: ["http://a:1", "etcd"] }, "--etcd etcd: allowed is http://host:port"],
    [{ etcd: ["http://a:1/v3"] }, "--etcd http://a:1/v3: allowed is http://host:port"],
    [{ etcd: ["http://a:1"], etcdCaFile: "ca" }, "--etcd http://a:1: must begin with https://"],
    [{ etcd: ["https://a:1", "http://b:1"] }, "--etcd http://b:1: must begin with https://"],
    [{ etcd: ["https://127.0.0.1:2379"] }, "give the name of the host that is in etcd's certificate, not an address"],
    [{ etcd: ["https://[::1]:2379"] }, "not an address"],
    [{ etcdCaFile: "/nowhere/ca.crt" }, "cannot read a credential for etcd: ENOENT"],
  ])("refuses what makes no sense: %j", (given, message) => {
    expect(() => readEtcdCredentials({ ...secure, ...given })).toThrow(message);
  });

  test("refuses a file that is not PEM", () => {
    expect(() => readEtcdCredentials({ ...secure, etcdCaFile: file("ca", "hello") })).toThrow("is not PEM");
  });
});

test("files that change are taken up, files that are wrong are waited for", async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const seen: EtcdCredentials[] = [];
  const etcdPasswordFile = file("password", "one");
  const options = { ...secure, etcdUser: "pika", etcdPasswordFile, etcdCaFile: file("ca", PEM) };
  const done = followEtcdCredentials(options, {
    clock,
    logger: createLogger({ level: "silent", fields: {} }),
    signal: stop.signal,
    renewed: (credentials) => seen.push(credentials),
  });
  await clock.advanceAsync(120_000);
  expect(seen).toEqual([]);
  file("password", "two");
  file("ca", "half writ");
  await clock.advanceAsync(120_000);
  expect(seen).toEqual([]);
  file("ca", PEM);
  await clock.advanceAsync(120_000);
  expect(seen.map(({ user }) => user?.password)).toEqual(["two"]);
  stop.abort();
  await done;
});
