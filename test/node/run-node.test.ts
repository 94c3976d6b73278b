import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readOptions } from "../../node/base/options.ts";
import { DataDirectory } from "../../node/engine/data-directory.ts";
import { nodeOptions } from "../../node/node-options.ts";
import { runNode } from "../../node/run-node.ts";
import { Playground, putClusterRequest, SECRET, waitForLeader } from "../support/managers.ts";
import { waitFor } from "../support/wait-for.ts";

const ROOT = join(import.meta.dirname, "../..");
const play = new Playground();
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "pika-run-node-"));
  await writeFile(join(directory, "secret"), SECRET);
});
afterEach(async () => {
  await play.stop();
  await rm(directory, { recursive: true, force: true });
});

function flags(managers: readonly string[]): Record<string, string> {
  return {
    host: "127.0.0.1",
    port: "0",
    peerPort: "0",
    httpPort: "0",
    managers: managers.join(","),
    secretFile: join(directory, "secret"),
    dataDir: join(directory, "data"),
  };
}

test("SIGTERM ends a process in order that waits for managers at its first start", async () => {
  const args = Object.entries(flags(["http://127.0.0.1:1"])).flatMap(([name, value]) => [
    `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    value,
  ]);
  const child = spawn(process.execPath, [join(ROOT, "bin/pika.ts"), "node", ...args], { stdio: "pipe" });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk;
    });
  }
  const gone = once(child, "exit");
  await waitFor(() => said.includes("managers failed"), { what: `the node to look for managers: ${said}` });
  child.kill("SIGTERM");
  expect(await gone).toEqual([0, null]);
  // The data directory can be taken by the next one.
  DataDirectory.open({ path: join(directory, "data"), cluster: undefined }).release();
});

test("a fatal refusal while it waits for managers ends it with that error", async () => {
  const { manager } = await play.manager(await play.embedded());
  await waitForLeader([manager]);
  await play.client([manager]).putCluster(putClusterRequest(1));
  const path = join(directory, "data");
  const other = DataDirectory.open({ path, cluster: undefined });
  other.join("f".repeat(32) as never);
  other.release();
  const options = readOptions(nodeOptions, [
    { describe: (option) => option, values: { ...flags([manager.url]), logLevel: "silent" } },
  ]);
  const { signal } = new AbortController();
  await expect(runNode(options, { signal, programVersion: "0" })).rejects.toMatchObject({ code: "WrongCluster" });
});
