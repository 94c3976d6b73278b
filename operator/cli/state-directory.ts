/**
 * Where a local cluster keeps its things: `<data-dir>/<cluster>/` with
 *   cluster.json  which ports, who supervises it and which processes run (written anew on every change)
 *   secret        the cluster's secret, 64 hex digits, readable by the owner only
 *   manifest.yaml the manifests that `up` or `apply` took last, joined
 *   logs/         one file a process
 *   node-<i>/, manager-<i>/  data of the processes
 * Refuses to serve two supervisors at once.
 */

import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { makeDirectory } from "../../node/base/directories.ts";
import { OperatingError } from "../../node/base/errors.ts";

const childRecord = z.object({ name: z.string(), pid: z.int() });
const clusterRecord = z.object({
  schema: z.literal("local-cluster"),
  version: z.literal(1),
  cluster: z.string(),
  /** Process id of the `pika up` that supervises the cluster. */
  supervisorPid: z.int(),
  portBase: z.int(),
  managers: z.array(z.string()),
  nodes: z.array(z.object({ name: z.string(), clientPort: z.int(), httpPort: z.int() })),
  tables: z.array(z.object({ name: z.string(), hasPassword: z.boolean() })),
  children: z.array(childRecord),
  /** Number of the desired state: each `up` and `apply` is one more. */
  generation: z.int(),
  /** What the supervisor has made of the newest manifest. */
  phase: z.enum(["starting", "ready", "failed", "stopping"]),
  message: z.string(),
});

export type ClusterRecord = z.infer<typeof clusterRecord>;

export const DEFAULT_DATA_DIR = ".pika";

export class StateDirectory {
  readonly path: string;
  readonly #dataDir: string;

  /** @param dataDir as given with `--data-dir` */
  constructor(dataDir: string, cluster: string) {
    this.#dataDir = dataDir;
    this.path = join(dataDir, cluster);
  }

  /** What to type for a verb on this cluster's directory: `pika down`, with --data-dir where it is not the default. */
  commandFor(verb: "up" | "apply" | "down" | "status"): string {
    const option = this.#dataDir === DEFAULT_DATA_DIR ? "" : ` --data-dir ${quote(this.#dataDir)}`;
    return `\`pika ${verb}${option}${verb === "up" || verb === "apply" ? " -f FILE" : ""}\``;
  }

  /** Makes the directory and the secret where they do not exist. */
  prepare(): void {
    makeDirectory(join(this.path, "logs"));
    if (!existsSync(this.secretFile)) {
      writeFileSync(this.secretFile, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
    }
  }

  get secretFile(): string {
    return join(this.path, "secret");
  }

  get manifestFile(): string {
    return join(this.path, "manifest.yaml");
  }

  logFile(process: string): string {
    return join(this.path, "logs", `${process}.log`);
  }

  /** Data directory of one process: `node-0`. */
  dataOf(process: string): string {
    return join(this.path, process);
  }

  /** The record, or undefined where no cluster was started here. */
  readRecord(): ClusterRecord | undefined {
    const file = join(this.path, "cluster.json");
    if (!existsSync(file)) return undefined;
    const parsed = clusterRecord.safeParse(parseJson(readFileSync(file, "utf8")));
    if (parsed.success) return parsed.data;
    throw new OperatingError(
      "InvalidState",
      `${file} is not the record of a local cluster of this release; remove the directory to start over`,
    );
  }

  writeRecord(record: ClusterRecord): void {
    this.#replace(join(this.path, "cluster.json"), `${JSON.stringify(record, null, 2)}\n`);
  }

  removeRecord(): void {
    rmSync(join(this.path, "cluster.json"), { force: true });
  }

  /** Keeps manifests for the supervisor; whole or not at all. */
  writeManifest(text: string): void {
    this.#replace(this.manifestFile, text);
  }

  #replace(file: string, text: string): void {
    const temporary = `${file}.${process.pid}.tmp`;
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, file);
  }
}

/** Names of the clusters that have a state directory under `dataDir`. */
export function listClusters(dataDir: string): string[] {
  if (!existsSync(dataDir)) return [];
  return readdirSync(dataDir).filter((name) => existsSync(join(dataDir, name, "cluster.json")));
}

/** Whether a process with this id runs and is one of ours (so that a reused id is never taken for it). */
export function isOurProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("pika");
  } catch {
    return true;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A word as a shell takes it. */
function quote(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
