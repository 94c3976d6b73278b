/**
 * A node's data directory: whose it is, and that one process at a time uses it.
 *
 *   identity.json   {"formatVersion": 1, "clusterId": 32 hex or null, "nodeId": 32 hex, "hasData": boolean}
 *   lock            the process that uses the directory: its pid and start time
 *   reserve         room for when the disk is full (shard/disk-reserve.ts)
 *   database/  binlog/  lost-writes/  retired-<node id>/
 *
 * Invariants: identity.json is there, durably, before anything else is; it changes twice, when the node joins its
 * cluster (the node id is made before the first manager is asked, so that a crash then leaves no second id) and when
 * database and log are there for the first time: from then on they must be. The identity is set aside last when a retired
 * id returns, so that a crash in between is found and finished.
 * Refuses, with an OperatingError that says what to do: another cluster's directory, another node's, a newer format,
 * a damaged identity, data without an identity, an identity or a log whose database is gone, a directory that cannot be
 * written, one that is in use.
 */

import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "../base/directories.ts";
import { codeOf, messageOf, OperatingError } from "../base/errors.ts";
import { type ClusterId, type NodeId, parseClusterId, parseNodeId } from "../meta/ids.ts";

const FORMAT_VERSION = 1;
const IDENTITY = "identity.json";
const LOCK = "lock";
/** What belongs to a node id, and moves aside with it. */
const OWNED = ["database", "binlog", "lost-writes", "topology.json"];

export interface DataIdentity {
  /** Undefined until the node has joined one (`join`). */
  readonly cluster: ClusterId | undefined;
  readonly node: NodeId;
  /** Whether database and log have been there (`noteData`). */
  readonly hasData: boolean;
}

export interface DataDirectoryOptions {
  readonly path: string;
  /** The cluster that the node is to join; undefined: the one that the directory names, or one that is asked for later. */
  readonly cluster: ClusterId | undefined;
  /** Where the node's id is known from elsewhere, it must be the directory's. */
  readonly node?: NodeId;
}

export class DataDirectory {
  readonly path: string;
  #identity: DataIdentity;
  /** Whether this is the first start on it. */
  readonly isNew: boolean;
  #isHeld = true;

  private constructor(path: string, identity: DataIdentity, isNew: boolean) {
    this.path = path;
    this.#identity = identity;
    this.isNew = isNew;
  }

  /** Takes the directory for this process; makes it and its identity where there is none. */
  static open(options: DataDirectoryOptions): DataDirectory {
    const { path } = options;
    makeWritable(path);
    lock(path);
    try {
      const known = readIdentity(path);
      if (known !== undefined) {
        checkIdentity(path, known, options);
        refuseLostDatabase(path, known);
        const directory = new DataDirectory(path, known, false);
        if (options.cluster !== undefined) directory.join(options.cluster);
        return directory;
      }
      return new DataDirectory(path, createIdentity(path, options), true);
    } catch (error) {
      unlinkSync(join(path, LOCK));
      throw error;
    }
  }

  get identity(): DataIdentity {
    return this.#identity;
  }

  /** Binds the directory to a cluster, durably and for ever. Again with the same one: nothing happens. */
  join(cluster: ClusterId): void {
    const known = this.#identity;
    checkIdentity(this.path, known, { path: this.path, cluster });
    if (known.cluster === cluster) return;
    this.#identity = { ...known, cluster };
    writeIdentity(this.path, this.#identity);
  }

  /** Notes durably that database and log are there: without them the directory is refused from now on. */
  noteData(): void {
    if (this.#identity.hasData) return;
    this.#identity = { ...this.#identity, hasData: true };
    writeIdentity(this.path, this.#identity);
  }

  get databasePath(): string {
    return join(this.path, "database");
  }

  get binlogPath(): string {
    return join(this.path, "binlog");
  }

  get lostWritesPath(): string {
    return join(this.path, "lost-writes");
  }

  /** Gives the directory back. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    unlinkSync(join(this.path, LOCK));
  }
}

/**
 * Moves what a retired node id left to `retired-<node id>/`, so that the node joins as a new one. The directory must
 * not be in use. Returns where it is now.
 */
export function setAsideRetired(path: string): string | undefined {
  lock(path);
  try {
    const identity = readIdentity(path);
    if (identity === undefined) return undefined;
    const target = retiredPath(path, identity.node);
    makeDirectory(target);
    // The identity last: until then a start finds the same id, and this is done again.
    for (const name of [...OWNED, IDENTITY]) {
      if (existsSync(join(path, name))) renameSync(join(path, name), join(target, name));
    }
    syncPath(target);
    syncPath(path);
    return target;
  } finally {
    unlinkSync(join(path, LOCK));
  }
}

function makeWritable(path: string): void {
  const probe = join(path, `.probe-${process.pid}`);
  makeDirectory(path);
  try {
    closeSync(openSync(probe, "wx"));
    unlinkSync(probe);
  } catch (cause) {
    throw new OperatingError(
      "DataDirectoryNotWritable",
      `data directory ${path} cannot be written: ${messageOf(cause)}; make it writable for this user, or name another one`,
      { data: { path }, cause },
    );
  }
}

function readIdentity(path: string): DataIdentity | undefined {
  const file = join(path, IDENTITY);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw cause;
  }
  const fields = parseFields(text);
  const version = fields?.formatVersion;
  if (typeof version === "number" && version > FORMAT_VERSION) {
    throw new OperatingError(
      "DataDirectoryNewer",
      `${file}: format version ${version}, this program knows ${FORMAT_VERSION}; start the version that wrote it`,
      { data: { path, version } },
    );
  }
  const cluster = fields?.clusterId === null ? undefined : parseClusterId(String(fields?.clusterId));
  const node = parseNodeId(String(fields?.nodeId));
  const hasData = fields?.hasData;
  const isClusterRight = cluster !== undefined || fields?.clusterId === null;
  if (version !== FORMAT_VERSION || !isClusterRight || node === undefined || typeof hasData !== "boolean") {
    throw new OperatingError(
      "DataDirectoryDamaged",
      `${file} is damaged; restore it, or give this node an empty directory`,
      {
        data: { path },
      },
    );
  }
  return { cluster, node, hasData };
}

function parseFields(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function checkIdentity(path: string, known: DataIdentity, options: DataDirectoryOptions): void {
  if (known.cluster !== undefined && options.cluster !== undefined && options.cluster !== known.cluster) {
    throw new OperatingError(
      "DataOfAnotherCluster",
      `data directory ${path} belongs to cluster ${known.cluster}, this node to ${options.cluster}; name the right directory, or an empty one`,
      { data: { path, found: known.cluster, expected: options.cluster } },
    );
  }
  if (options.node !== undefined && options.node !== known.node) {
    throw new OperatingError(
      "DataOfAnotherNode",
      `data directory ${path} belongs to node ${known.node}, not to ${options.node}; give this node its own directory back`,
      { data: { path, found: known.node, expected: options.node } },
    );
  }
}

/**
 * LevelDB would make an empty database, or one of what little it can see without CURRENT, and the node would serve that.
 * The log is written only after the database is there.
 */
function refuseLostDatabase(path: string, { node, hasData }: DataIdentity): void {
  if (existsSync(join(path, "database", "CURRENT"))) return;
  const binlog = join(path, "binlog");
  const hasLog = existsSync(binlog) && statSync(binlog).isDirectory() && readdirSync(binlog).length > 0;
  if (!hasLog && !hasData) return;
  // A retired id's database is moved before its log: a crash came in between.
  if (existsSync(retiredPath(path, node))) return;
  const found = hasLog ? "a log but no database" : `the identity of a node that has data, but neither database nor log`;
  throw new OperatingError(
    "DataDirectoryDamaged",
    `data directory ${path} holds ${found} (database/CURRENT is missing); restore database, or give this node an empty directory and let it fill again`,
    { data: { path } },
  );
}

function retiredPath(path: string, node: NodeId): string {
  return join(path, `retired-${node}`);
}

function createIdentity(path: string, options: DataDirectoryOptions): DataIdentity {
  const left = OWNED.filter((name) => existsSync(join(path, name)));
  if (left.length > 0) {
    throw new OperatingError(
      "DataWithoutIdentity",
      `data directory ${path} holds ${left.join(", ")} but no ${IDENTITY}; restore that file, or name an empty directory`,
      { data: { path } },
    );
  }
  const node = options.node ?? (randomBytes(16).toString("hex") as NodeId);
  const identity = { cluster: options.cluster, node, hasData: false };
  writeIdentity(path, identity);
  return identity;
}

function writeIdentity(path: string, { cluster, node, hasData }: DataIdentity): void {
  const fields = { formatVersion: FORMAT_VERSION, clusterId: cluster ?? null, nodeId: node, hasData };
  writeDurably(path, IDENTITY, `${JSON.stringify(fields, undefined, 2)}\n`);
}

function writeDurably(path: string, name: string, text: string): void {
  const temporary = join(path, `${name}.new`);
  const fd = openSync(temporary, "w");
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, join(path, name));
  syncPath(path);
}

function syncPath(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Takes the lock file. One that a process left which runs no more is taken over. */
function lock(path: string): void {
  const file = join(path, LOCK);
  for (let attempt = 0; attempt < 2; attempt++) {
    if (linkLock(path)) return;
    const [pid = "", startTime = ""] = readFileSync(file, "utf8").trim().split(" ");
    if (isRunning(Number(pid), startTime)) break;
    unlinkSync(file);
  }
  throw new OperatingError(
    "DataDirectoryInUse",
    `data directory ${path} is in use by process ${readFileSync(file, "utf8").split(" ")[0]}; stop it, or name another directory`,
    { data: { path } },
  );
}

/** Makes the lock file, whole from its first moment; false where there is one. */
function linkLock(path: string): boolean {
  const finished = join(path, `${LOCK}.${process.pid}`);
  rmSync(finished, { force: true });
  writeFileSync(finished, `${process.pid} ${startTimeOf(process.pid) ?? ""}\n`, { flag: "wx" });
  try {
    linkSync(finished, join(path, LOCK));
    return true;
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw cause;
    return false;
  } finally {
    unlinkSync(finished);
  }
}

/**
 * When a process started, in the kernel's ticks; undefined where there is no such process, where it has ended and waits
 * for its parent to notice (a zombie), or where there is no /proc.
 */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is a name in parentheses that may hold spaces; behind it the state, and as field 22 the time.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/**
 * Whether the process that wrote a lock still runs: the same pid with the same start time, so that a pid that was
 * given again (in a container it always is) does not count.
 */
function isRunning(pid: number, startTime: string): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  if (existsSync("/proc/self/stat")) return startTimeOf(pid) === startTime;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}
