/**
 * `pika manager` as a process: its options, and the composition of store, manager, log and metrics.
 * Refuses to start without the cluster's secret, and with both or neither of etcd and a data directory.
 */

import { readFileSync } from "node:fs";
import { type Clock, SystemClock } from "../node/base/clock.ts";
import { makeDirectory } from "../node/base/directories.ts";
import { messageOf, OperatingError } from "../node/base/errors.ts";
import { createLogger, type Logger } from "../node/base/log.ts";
import { Metrics } from "../node/base/metrics.ts";
import type { OptionTable, OptionValues } from "../node/base/options.ts";
import { ManagerClient } from "./manager/api/client.ts";
import { Manager } from "./manager/manager.ts";
import { EmbeddedMetadataStore } from "./manager/store/embedded-store.ts";
import { followEtcdCredentials, readEtcdCredentials } from "./manager/store/etcd-credentials.ts";
import type { MetadataStore } from "./manager/store/metadata-store.ts";

export const managerOptions = {
  host: { kind: "text", default: "0.0.0.0", help: "address to listen on" },
  port: { kind: "count", default: 9230, min: 0, max: 65_535, help: "port of the HTTP API" },
  announceUrl: { kind: "text", default: "", help: "what others call this manager by; default: host and port" },
  etcd: { kind: "list", default: [], help: "endpoints of etcd, http://host:2379 or https://host:2379" },
  etcdCaFile: { kind: "text", default: "", help: "PEM file of the authorities that etcd's certificate may be of" },
  etcdCertFile: { kind: "text", default: "", help: "PEM file of the client certificate that etcd is shown" },
  etcdKeyFile: { kind: "text", default: "", help: "PEM file of that certificate's key" },
  etcdUser: { kind: "text", default: "", help: "user of etcd" },
  etcdPasswordFile: { kind: "text", default: "", help: "file with that user's password" },
  dataDir: { kind: "text", default: "", help: "directory of the embedded store, instead of etcd; one manager only" },
  prefix: {
    kind: "text",
    default: "/pika/default/default",
    pattern: /^\/[\w./-]+$/,
    help: "prefix of all keys in the store",
  },
  clusterId: { kind: "text", default: "", pattern: /^([0-9a-f]{32})?$/, help: "the cluster that must be in the store" },
  newClusterId: {
    kind: "text",
    default: "",
    pattern: /^([0-9a-f]{32})?$/,
    help: "the cluster that is made in a store that has none, and must be there otherwise",
  },
  secretFile: { kind: "text", default: "", help: "file with the cluster's secrets, one a line, at most two" },
  logLevel: {
    kind: "choice",
    default: "info",
    choices: ["debug", "info", "warn", "error", "silent"],
    help: "least level of log lines",
  },
} as const satisfies OptionTable;

/** Reads the cluster's secrets: the first is used for calls, all are accepted. */
function readSecrets(file: string): string[] {
  if (file === "")
    throw new OperatingError("InvalidOption", "--secret-file is missing: the file with the cluster's secret");
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new OperatingError("CannotRead", `cannot read the secret: ${messageOf(error)}`, { cause: error });
  }
  const secrets = text.split("\n").filter((line) => line.trim() !== "");
  if (secrets.length === 0 || secrets.length > 2) {
    throw new OperatingError(
      "InvalidOption",
      `${file} has ${secrets.length} secrets; one is wanted, or two during a rotation`,
    );
  }
  return secrets.map((line) => line.trim());
}

/** A client of the managers' API for people's commands. */
export function connectManagers(
  options: { readonly urls: readonly string[]; readonly secretFile: string },
  clock: Clock,
): ManagerClient {
  const [secret = ""] = readSecrets(options.secretFile);
  return new ManagerClient({ managers: options.urls, secret, caller: "cli" }, clock);
}

/** Runs a manager until the signal aborts. @throws OperatingError when it cannot start or must not go on. */
export async function runManager(
  options: OptionValues<typeof managerOptions>,
  deps: { readonly signal: AbortSignal; readonly programVersion: string },
): Promise<void> {
  const secrets = readSecrets(options.secretFile);
  const clock = new SystemClock();
  const logger = createLogger({ level: options.logLevel, fields: { process: "manager" } });
  const metrics = new Metrics();
  metrics.observeProcess("pika_manager_");
  const store = await openStore(options, { clock, logger, signal: deps.signal });
  const failed = Promise.withResolvers<never>();
  const manager = new Manager(
    {
      host: options.host,
      port: options.port,
      prefix: options.prefix,
      secrets,
      programVersion: deps.programVersion,
      ...(options.announceUrl === "" ? {} : { announceUrl: options.announceUrl }),
      ...(options.clusterId === "" ? {} : { clusterId: options.clusterId }),
      ...(options.newClusterId === "" ? {} : { newClusterId: options.newClusterId }),
    },
    { store, clock, logger, metrics, onFatal: (error) => failed.reject(error) },
  );
  try {
    await manager.start();
    logger.info({ url: manager.url }, "manager listens");
    await Promise.race([aborted(deps.signal), failed.promise]);
  } finally {
    await manager.stop();
    await store.close();
  }
}

async function openStore(
  options: OptionValues<typeof managerOptions>,
  deps: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<MetadataStore> {
  const hasEtcd = options.etcd.length > 0;
  if (hasEtcd === (options.dataDir !== "")) {
    throw new OperatingError("InvalidOption", "give either --etcd or --data-dir: where the metadata are kept");
  }
  if (!hasEtcd) {
    makeDirectory(options.dataDir);
    return EmbeddedMetadataStore.open(options.dataDir, deps.clock);
  }
  const credentials = readEtcdCredentials(options);
  // Loaded here only: the client of etcd is a third of what every verb of the program would load.
  const { EtcdMetadataStore } = await import("./manager/store/etcd-store.ts");
  const store = new EtcdMetadataStore({ endpoints: [...options.etcd], credentials }, deps.clock);
  void followEtcdCredentials(options, { ...deps, renewed: (renewed) => store.useCredentials(renewed) });
  return store;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
