/**
 * Images without a registry or a builder: a root file system put together from this machine's files, written as the
 * docker-archive that `ctr images import` reads. The same files give the same archive.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { IMAGES, PROGRAM_LAYOUT, USER } from "./image-layout.ts";
import { programPath } from "./tool-cache.ts";

const ROOT = join(import.meta.dirname, "../..");
/** What the C library opens by itself to look names up. */
const NAME_SERVICES = ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"];

interface Image {
  readonly name: string;
  readonly entrypoint: readonly string[];
  readonly environment?: readonly string[];
  readonly user?: number;
  /** Puts the files below the folder. */
  readonly fill: (root: string) => void;
}

const images: Readonly<Record<keyof typeof IMAGES, Image>> = {
  pause: {
    name: IMAGES.pause,
    entrypoint: ["/pause"],
    fill: (root) => copyFileSync(programPath("pause"), join(root, "pause")),
  },
  program: {
    name: IMAGES.program,
    entrypoint: PROGRAM_LAYOUT.entrypoint,
    environment: PROGRAM_LAYOUT.environment,
    user: USER,
    fill: (root) => {
      putProgram(root, join(ROOT, "node_modules/node/bin/node"), PROGRAM_LAYOUT.node);
      putAccounts(root);
      const app = join(root, PROGRAM_LAYOUT.program);
      if (!existsSync(join(ROOT, "dist/bin/pika.js"))) throw new Error("there is no dist/: run make build");
      cpSync(join(ROOT, "dist"), app, { recursive: true });
      for (const folder of productionPackages()) {
        cpSync(join(ROOT, folder), join(app, folder), { recursive: true, dereference: true });
      }
    },
  },
  etcd: {
    name: IMAGES.etcd,
    entrypoint: ["/usr/local/bin/etcd"],
    environment: ["PATH=/usr/local/bin"],
    user: USER,
    fill: (root) => {
      const path = execFileSync("sh", ["-c", "command -v etcd"], { encoding: "utf8" }).trim();
      putProgram(root, path, "/usr/local/bin/etcd");
      putAccounts(root);
    },
  },
};

/** Writes the archive of an image; gives its path. */
export function buildImage(key: keyof typeof IMAGES, folder: string): string {
  const image = images[key];
  const work = join(folder, `image-${key}`);
  const root = join(work, "root");
  for (const path of ["tmp", "dev", "proc", "sys", "etc"]) mkdirSync(join(root, path), { recursive: true });
  image.fill(root);
  const layer = join(work, "layer.tar");
  const fixed = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  execFileSync("tar", [...fixed, "-C", root, "-cf", layer, "."]);
  const config = {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: {
      Entrypoint: image.entrypoint,
      Env: image.environment ?? [],
      WorkingDir: "/",
      ...(image.user === undefined ? {} : { User: `${image.user}:${image.user}` }),
    },
    rootfs: { type: "layers", diff_ids: [`sha256:${createHash("sha256").update(readFileSync(layer)).digest("hex")}`] },
  };
  writeFileSync(join(work, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: [image.name], Layers: ["layer.tar"] }];
  writeFileSync(join(work, "manifest.json"), JSON.stringify(manifest));
  const archive = join(folder, `${key}.tar`);
  execFileSync("tar", ["-C", work, "-cf", archive, "manifest.json", "config.json", "layer.tar"]);
  rmSync(work, { recursive: true });
  return archive;
}

/** A program and the libraries that it is linked with, where it looks for them. */
function putProgram(root: string, program: string, target: string): void {
  put(root, realpathSync(program), target);
  const linked = execFileSync("ldd", [program], { encoding: "utf8" });
  const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] as string);
  for (const library of libraries) put(root, library, library);
  const folder = libraries.map((path) => dirname(path)).find((path) => existsSync(join(path, "libresolv.so.2")));
  if (folder === undefined) return;
  for (const name of NAME_SERVICES) put(root, join(folder, name), join(folder, name));
}

function put(root: string, source: string, target: string): void {
  if (!existsSync(source)) return;
  mkdirSync(dirname(join(root, target)), { recursive: true });
  copyFileSync(source, join(root, target));
}

function putAccounts(root: string): void {
  const accounts = `root:x:0:0:root:/:/none\npika:x:${USER}:${USER}:pika:/:/none\n`;
  writeFileSync(join(root, "etc/passwd"), accounts);
  writeFileSync(join(root, "etc/group"), `root:x:0:\npika:x:${USER}:\n`);
  writeFileSync(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
}

/** The folders below node_modules that the program needs, Node's own package excepted, as paths from the root. */
function productionPackages(): string[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
  };
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== "" && !dev && !devOptional && existsSync(join(ROOT, path)))
    .map(([path]) => relative("", path))
    .filter((path) => basename(path) !== "node" && !/^node_modules\/node-bin-/.test(path))
    .filter((path) => path.lastIndexOf("node_modules/") === 0);
}
