/**
 * The last topology in the data directory (`topology.json`, docs/formats/metadata.md): a node that starts while all
 * managers are away serves by it. Written to a temporary file, synced and renamed, so it is whole or the one before.
 */

import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, messageOf, OperatingError } from "../base/errors.ts";
import type { ClusterId } from "../meta/ids.ts";
import type { Topology } from "../meta/topology.ts";
import { decodeTopology, encodeTopology } from "../meta/topology-codec.ts";

const FILE_NAME = "topology.json";

/**
 * The persisted topology; undefined where there is none.
 * @throws OperatingError `BadTopologyFile` when it cannot be read or understood, or is of another cluster.
 */
export async function readTopologyFile(
  directory: string,
  clusterId: ClusterId | undefined,
): Promise<Topology | undefined> {
  const path = join(directory, FILE_NAME);
  let data: unknown;
  try {
    data = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw badFile(path, messageOf(error), error);
  }
  const decoded = decodeTopology(data);
  if (!decoded.ok) throw badFile(path, `${decoded.path}: ${decoded.message}`);
  if (clusterId !== undefined && decoded.value.clusterId !== clusterId) {
    throw badFile(path, `it is of cluster ${decoded.value.clusterId}, the data directory is of ${clusterId}`);
  }
  return decoded.value;
}

function badFile(path: string, problem: string, cause?: unknown): OperatingError {
  const text = `${path} cannot be used: ${problem}; remove it, and the node waits for a manager instead`;
  return new OperatingError("BadTopologyFile", text, { data: { path }, cause });
}

/** Replaces the file. Calls must not overlap. */
export async function writeTopologyFile(directory: string, topology: Topology): Promise<void> {
  const path = join(directory, FILE_NAME);
  const file = await open(`${path}.new`, "w");
  try {
    await file.writeFile(JSON.stringify(encodeTopology(topology)));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
