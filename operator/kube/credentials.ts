/**
 * Where the API server is and what proves who we are, as a port.
 */

export interface ApiEndpoint {
  /** `https://host:port`, with a path where a proxy adds one; no slash at the end. */
  readonly url: string;
  /** PEM; undefined: the system's authorities. */
  readonly ca: string | undefined;
  /** Client certificate, PEM; both or none. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Name expected in the server's certificate, where it isn't the URL's. */
  readonly serverName: string | undefined;
  /** False only where a kubeconfig says so. */
  readonly isVerified: boolean;
  /** `Authorization` and, where a kubeconfig asks for it, `Impersonate-User`. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Credentials {
  /** What is valid now. Cheap enough to be asked for each request. */
  current(): Promise<ApiEndpoint>;
  /** The server refused what we had (401): read it again at the next `current`. */
  refuse(): void;
}
