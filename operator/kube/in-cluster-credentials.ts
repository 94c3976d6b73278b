/**
 * Credentials of a pod: its service account's token and authority, as the kubelet mounts and renews them.
 * The token is read again each minute and at once after it was refused; the authority with it, so a rotated one is taken.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../node/base/clock.ts";
import { messageOf, OperatingError } from "../../node/base/errors.ts";
import type { ApiEndpoint, Credentials } from "./credentials.ts";

export interface InClusterOptions {
  /** KUBERNETES_SERVICE_HOST and _PORT. */
  readonly host: string;
  readonly port: string;
  /** Has `token` and `ca.crt`. */
  readonly directory: string;
}

/** The kubelet renews a token when a fifth of its life is left, at least two minutes. */
const READ_EVERY_MS = 60_000;

export class InClusterCredentials implements Credentials {
  readonly #options: InClusterOptions;
  readonly #clock: Clock;
  #endpoint: ApiEndpoint | undefined;
  #readAtMs = 0;

  constructor(options: InClusterOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** @throws OperatingError `NoCredentials` where the files were never readable; later failures keep the last ones. */
  async current(): Promise<ApiEndpoint> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#endpoint && nowMs - this.#readAtMs < READ_EVERY_MS) return this.#endpoint;
    try {
      this.#endpoint = await this.#read();
      this.#readAtMs = nowMs;
    } catch (error) {
      if (!this.#endpoint) throw error;
    }
    return this.#endpoint;
  }

  refuse(): void {
    this.#readAtMs = Number.NEGATIVE_INFINITY;
  }

  async #read(): Promise<ApiEndpoint> {
    const { host, port, directory } = this.#options;
    try {
      const [token, ca] = await Promise.all(
        ["token", "ca.crt"].map((name) => readFile(join(directory, name), { encoding: "utf8" })),
      );
      return {
        url: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
        ca,
        certificate: undefined,
        key: undefined,
        serverName: undefined,
        isVerified: true,
        headers: { authorization: `Bearer ${(token ?? "").trim()}` },
      };
    } catch (error) {
      const text = `cannot read the service account in ${directory}: ${messageOf(error)}; is its token mounted?`;
      throw new OperatingError("NoCredentials", text, { cause: error });
    }
  }
}
