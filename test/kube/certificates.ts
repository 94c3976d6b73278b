/**
 * The certificates of a test cluster, made by openssl: one authority, and leaves for servers and clients.
 * They live a month: a test cluster does not.
 */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** One leaf: `organization` is what Kubernetes reads as the group, `commonName` as the user. */
export interface Leaf {
  /** Files are `<name>.crt` and `<name>.key`. */
  readonly name: string;
  readonly commonName: string;
  readonly organization?: string;
  /** Subject alternative names as openssl writes them: `DNS:localhost`, `IP:127.0.0.1`. */
  readonly names?: readonly string[];
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export class CertificateFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  path(file: string): string {
    return join(this.#folder, file);
  }

  /** `ca.crt` and `ca.key`, and the key pair `service-accounts.{key,pub}` that signs tokens. */
  async createAuthority(): Promise<void> {
    const files = ["-keyout", this.path("ca.key"), "-out", this.path("ca.crt")];
    const usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
    await Promise.all([
      execute("openssl", ["req", "-x509", ...NEW_KEY, ...files, ...usage, "-days", "30", "-subj", "/CN=test-cluster"]),
      this.#createKeyPair("service-accounts"),
    ]);
  }

  async #createKeyPair(name: string): Promise<void> {
    const key = this.path(`${name}.key`);
    await execute("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]);
    await execute("openssl", ["ec", "-in", key, "-pubout", "-out", this.path(`${name}.pub`)]);
  }

  /** Issues leaves, all at once. */
  async issue(leaves: readonly Leaf[]): Promise<void> {
    await Promise.all(leaves.map((leaf) => this.#issueOne(leaf)));
  }

  async #issueOne({ name, commonName, organization, names = [] }: Leaf): Promise<void> {
    const subject = organization === undefined ? `/CN=${commonName}` : `/O=${organization}/CN=${commonName}`;
    const files = ["-keyout", this.path(`${name}.key`), "-out", this.path(`${name}.crt`)];
    const authority = ["-CA", this.path("ca.crt"), "-CAkey", this.path("ca.key"), "-days", "30"];
    const extensions = ["-addext", "basicConstraints=CA:FALSE", "-addext", "extendedKeyUsage=serverAuth,clientAuth"];
    if (names.length > 0) extensions.push("-addext", `subjectAltName=${names.join(",")}`);
    await execute("openssl", ["req", "-x509", ...NEW_KEY, ...files, ...authority, ...extensions, "-subj", subject]);
  }

  /** A kubeconfig for a leaf, with everything in it. JSON, which is YAML. */
  async kubeconfig(leaf: string, server: string): Promise<string> {
    const read = async (file: string): Promise<string> => (await readFile(this.path(file))).toString("base64");
    const user = {
      "client-certificate-data": await read(`${leaf}.crt`),
      "client-key-data": await read(`${leaf}.key`),
    };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster: { server, "certificate-authority-data": await read("ca.crt") } }],
      users: [{ name: leaf, user }],
      contexts: [{ name: "test", context: { cluster: "test", user: leaf } }],
      "current-context": "test",
    };
    return `${JSON.stringify(config, undefined, 2)}\n`;
  }
}
