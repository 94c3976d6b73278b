/**
 * How a manager proves itself to etcd, and knows etcd: files with the CA, a client certificate and its key, and a user
 * with a password. Files are read again from time to time: Kubernetes renews mounted Secrets under a running process.
 * Refuses half of a pair, TLS files beside plain `http:` endpoints, `https:` to an address, and what is not PEM, at the start; files that are
 * wrong later (half renewed) are left alone until they are right.
 */

import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { type Clock, delay } from "../../../node/base/clock.ts";
import { messageOf, OperatingError } from "../../../node/base/errors.ts";
import type { Logger } from "../../../node/base/log.ts";

/** What etcd is shown and known by. Empty: plain HTTP without a user. */
export interface EtcdCredentials {
  readonly tls?: {
    /** PEM of the authorities that etcd's certificate may be of; undefined: those that Node trusts. */
    readonly ca?: Buffer;
    readonly client?: { readonly cert: Buffer; readonly key: Buffer };
  };
  readonly user?: { readonly name: string; readonly password: string };
}

/** The options of `pika manager` about it; "" is not given. */
export interface EtcdCredentialOptions {
  readonly etcd: readonly string[];
  readonly etcdCaFile: string;
  readonly etcdCertFile: string;
  readonly etcdKeyFile: string;
  readonly etcdUser: string;
  readonly etcdPasswordFile: string;
}

/** How often the files are looked at. A renewed certificate has days of overlap. */
const REREAD_MS = 30_000;

/** @throws OperatingError `InvalidOption` for a combination that makes no sense, `CannotRead` for a file. */
export function readEtcdCredentials(options: EtcdCredentialOptions): EtcdCredentials {
  const { etcdCaFile, etcdCertFile, etcdKeyFile, etcdUser, etcdPasswordFile } = options;
  needBoth(["--etcd-cert-file", etcdCertFile], ["--etcd-key-file", etcdKeyFile]);
  needBoth(["--etcd-user", etcdUser], ["--etcd-password-file", etcdPasswordFile]);
  for (const endpoint of options.etcd) refuseNoEndpoint(endpoint);
  const isSecure = options.etcd.map((endpoint) => endpoint.startsWith("https://"));
  const hasTls = isSecure.includes(true);
  if (isSecure.includes(false) && (hasTls || etcdCaFile !== "" || etcdCertFile !== "")) {
    const wrong = options.etcd[isSecure.indexOf(false)];
    throw new OperatingError(
      "InvalidOption",
      `--etcd ${wrong}: must begin with https:// as others do or as files for TLS are given`,
    );
  }
  for (const endpoint of options.etcd) refuseAddress(endpoint);
  const ca = etcdCaFile === "" ? undefined : readPem(etcdCaFile);
  const client = etcdCertFile === "" ? undefined : { cert: readPem(etcdCertFile), key: readPem(etcdKeyFile) };
  return {
    ...(hasTls ? { tls: { ...(ca ? { ca } : {}), ...(client ? { client } : {}) } } : {}),
    ...(etcdUser === ""
      ? {}
      : {
          user: {
            name: etcdUser,
            password: read(etcdPasswordFile)
              .toString("utf8")
              .replace(/\r?\n$/, ""),
          },
        }),
  };
}

/** Calls `renewed` whenever the files say something else than before, until the signal aborts. */
export async function followEtcdCredentials(
  options: EtcdCredentialOptions,
  deps: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly signal: AbortSignal;
    readonly renewed: (credentials: EtcdCredentials) => void;
  },
): Promise<void> {
  let known = fingerprint(readEtcdCredentials(options));
  while (!deps.signal.aborted) {
    await delay(deps.clock, REREAD_MS, deps.signal).catch(() => undefined);
    if (deps.signal.aborted) return;
    try {
      const credentials = readEtcdCredentials(options);
      if (fingerprint(credentials) === known) continue;
      known = fingerprint(credentials);
      deps.renewed(credentials);
      deps.logger.info({}, "the credentials for etcd were renewed");
    } catch (error) {
      deps.logger.warn({ error: messageOf(error) }, "the credentials for etcd cannot be read: the old ones stay");
    }
  }
}

function fingerprint(credentials: EtcdCredentials): string {
  return JSON.stringify(credentials);
}

/** Whether it is `http://host:port` or `https://host:port`. */
export function isEtcdEndpoint(text: string): boolean {
  return /^https?:\/\/([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?\/?$/.test(text) && URL.canParse(text);
}

function refuseNoEndpoint(endpoint: string): void {
  if (isEtcdEndpoint(endpoint)) return;
  throw new OperatingError("InvalidOption", `--etcd ${endpoint}: allowed is http://host:port or https://host:port`);
}

/** The gRPC library passes the host on as the server's name, which TLS does not allow for an address (RFC 6066). */
function refuseAddress(endpoint: string): void {
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname.replace(/^\[|\]$/g, "") : "";
  if (!endpoint.startsWith("https://") || isIP(host) === 0) return;
  throw new OperatingError(
    "InvalidOption",
    `--etcd ${endpoint}: with https:// give the name of the host that is in etcd's certificate, not an address`,
  );
}

function needBoth(...pair: readonly [readonly [string, string], readonly [string, string]]): void {
  const [[firstName, first], [secondName, second]] = pair;
  if ((first === "") === (second === "")) return;
  const [missing, given] = first === "" ? [firstName, secondName] : [secondName, firstName];
  throw new OperatingError("InvalidOption", `${missing} is missing: it goes together with ${given}`);
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new OperatingError("CannotRead", `cannot read a credential for etcd: ${messageOf(error)}`, { cause: error });
  }
}

function readPem(file: string): Buffer {
  const bytes = read(file);
  if (!/-----BEGIN [A-Z0-9 ]+-----[\s\S]+-----END/.test(bytes.toString("latin1"))) {
    throw new OperatingError("InvalidOption", `${file} is not PEM: "-----BEGIN …" is missing`);
  }
  return bytes;
}
