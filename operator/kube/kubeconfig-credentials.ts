/**
 * Credentials of a person: a kubeconfig with certificates, tokens, token files, exec plugins and OIDC, all by
 * client-node. It is loaded with this file only: it takes 80 MB that a pod does not need.
 */

import type { RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { OperatingError } from "../../node/base/errors.ts";
import type { ApiEndpoint, Credentials } from "./credentials.ts";

export interface KubeconfigOptions {
  readonly file: string;
  /** Empty: the file's current one. */
  readonly context: string;
}

export class KubeconfigCredentials implements Credentials {
  readonly #options: KubeconfigOptions;
  #config: KubeConfig;

  /** @throws OperatingError `NoCredentials` where the file has no such context. */
  constructor(options: KubeconfigOptions) {
    this.#options = options;
    this.#config = load(options);
  }

  async current(): Promise<ApiEndpoint> {
    const cluster = this.#config.getCurrentCluster();
    if (!cluster) throw new OperatingError("NoCredentials", `${this.#options.file} names no cluster`);
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
    if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString("base64")}`;
    return {
      url: cluster.server.replace(/\/+$/, ""),
      ca: textOf(options.ca),
      certificate: textOf(options.cert),
      key: textOf(options.key),
      serverName: cluster.tlsServerName,
      isVerified: cluster.skipTLSVerify !== true,
      headers,
    };
  }

  /** Reads the file again: whoever rotates a kubeconfig writes a new one. */
  refuse(): void {
    this.#config = load(this.#options);
  }
}

function load(options: KubeconfigOptions): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(options.file);
  if (options.context !== "") config.setCurrentContext(options.context);
  if (!config.getCurrentCluster()) {
    const known = config.getContexts().map(({ name }) => name);
    const text = `${options.file} has no context "${config.getCurrentContext()}" with a cluster; known are ${known.join(", ")}`;
    throw new OperatingError("NoCredentials", text);
  }
  return config;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return Buffer.isBuffer(value) ? value.toString("utf8") : undefined;
}
