/**
 * The house rules that a machine can check (layers, names, sizes, purity), from data, without exemptions.
 * A file that breaks one is changed, or the rule is changed for all.
 */

import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { CommandRegistry, dataCommands } from "../node/commands/registry.ts";
import { sessionCommands } from "../node/commands/session-commands.ts";
import { findLongSignatures } from "./support/long-signatures.ts";
import { exportedNames, listPaths, readSources, type SourceFile } from "./support/source-files.ts";

/** What each part of the program may import, itself excepted. Type imports count. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "node/base": [],
  "node/resp": ["node/base"],
  "node/meta": ["node/base"],
  "node/wire": ["node/base", "node/meta", "node/resp"],
  "node/engine": ["node/base", "node/resp", "node/meta", "node/wire"],
  "node/binlog": ["node/base", "node/resp", "node/meta", "node/wire"],
  "node/datatypes": ["node/base", "node/resp", "node/meta", "node/wire", "node/engine", "node/binlog"],
  "node/commands": ["node/base", "node/resp", "node/meta", "node/engine", "node/datatypes"],
  "node/shard": [
    "node/base",
    "node/resp",
    "node/meta",
    "node/engine",
    "node/binlog",
    "node/datatypes",
    "node/commands",
  ],
  "node/replication": [
    "node/base",
    "node/resp",
    "node/meta",
    "node/wire",
    "node/engine",
    "node/binlog",
    "node/shard",
    "node/router",
  ],
  "node/router": ["node/base", "node/resp", "node/meta", "node/wire", "node/commands", "node/shard"],
  "node/server": [
    "node/base",
    "node/resp",
    "node/meta",
    "node/wire",
    "node/engine",
    "node/binlog",
    "node/datatypes",
    "node/commands",
    "node/shard",
    "node/router",
    "node/replication",
  ],
  node: [
    "node/base",
    "node/resp",
    "node/meta",
    "node/wire",
    "node/engine",
    "node/binlog",
    "node/datatypes",
    "node/commands",
    "node/shard",
    "node/router",
    "node/replication",
    "node/server",
  ],
  "operator/api": ["node/base", "node/meta"],
  "operator/manager": ["node/base", "node/meta", "operator/api"],
  "operator/kube": ["node/base"],
  "operator/runtime": ["node/base", "operator/kube"],
  "operator/resources": ["node/base", "operator/api", "operator/kube"],
  "operator/controllers": [
    "node/base",
    "node/meta",
    "operator/api",
    "operator/manager",
    "operator/kube",
    "operator/runtime",
    "operator/resources",
  ],
  "operator/cli": ["node/base", "node/meta", "operator/api", "operator/manager"],
  operator: [
    "node/base",
    "node/meta",
    "operator/api",
    "operator/manager",
    "operator/kube",
    "operator/runtime",
    "operator/resources",
    "operator/controllers",
    "operator/cli",
  ],
  bin: ["node/base", "node", "operator", "operator/cli"],
};

/** Parts that are pure: no clock, timers, randomness, Node modules, logs or metrics. So is every `core/`. */
const PURE = ["node/resp", "node/meta", "node/wire", "node/datatypes"];
const IMPURE_CODE =
  /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|performance\.|process\.|crypto\.|console\.)/;
const IMPURE_IMPORT = /^node:|\/base\/(clock|log|metrics)\.ts$/;

/** What only one file may touch. */
const SOLE_OWNERS: readonly { readonly what: string; readonly pattern: RegExp; readonly owner: string }[] = [
  {
    what: "the system's clocks",
    pattern: /\bDate\.now\b|\bperformance\.now\b|\bsetTimeout\(|\bsetInterval\(/,
    owner: "node/base/clock.ts",
  },
  { what: "the environment", pattern: /\bprocess\.env\b/, owner: "bin/pika.ts" },
];
const SOLE_IMPORTERS: readonly { readonly specifier: string; readonly owners: readonly string[] }[] = [
  { specifier: "classic-level", owners: ["node/engine/leveldb-store.ts", "operator/manager/store/embedded-store.ts"] },
  { specifier: "etcd3", owners: ["operator/manager/store/etcd-store.ts"] },
  // Its types are free; its code takes 80 MB.
  { specifier: "@kubernetes/client-node", owners: ["operator/kube/kubeconfig-credentials.ts"] },
];

const MAX_LINES = 500;
const VAGUE_NAMES = /^(utils?|helpers?|common|misc)$/;

const sources = readSources(["node", "operator", "bin"]);
const tests = readSources(["test"]);
/** What may use test support: the tests, and the configuration that runs them. */
const testUsers = [...tests, ...readSources(["vitest.config.ts"])];
const byPath = new Map([...sources, ...tests].map((file) => [file.path, file]));

function partOf(path: string): string {
  const folders = path.split("/").slice(0, -1);
  for (let depth = folders.length; depth > 0; depth--) {
    const part = folders.slice(0, depth).join("/");
    if (Object.hasOwn(LAYERS, part)) return part;
  }
  return "";
}

function isPure(path: string): boolean {
  return path.includes("/core/") || PURE.some((part) => path.startsWith(`${part}/`));
}

describe("imports", () => {
  test("point down the layers only", () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const part = partOf(file.path);
      for (const { target } of file.imports) {
        if (target === undefined) continue;
        const other = partOf(target);
        if (other !== part && !LAYERS[part]?.includes(other)) wrong.push(`${file.path} → ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("name files that exist, with their ending", () => {
    const wrong = [...sources, ...tests].flatMap((file) =>
      file.imports
        .filter(({ target }) => target?.endsWith(".ts") === false || (target !== undefined && !byPath.has(target)))
        .filter(({ target }) => !target?.endsWith(".json"))
        .map(({ specifier }) => `${file.path}: ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test("make no cycles", () => {
    expect(findCycles(sources)).toEqual([]);
  });

  test("of packages with one owner stay there", () => {
    const wrong = sources.flatMap((file) =>
      SOLE_IMPORTERS.filter(
        ({ specifier, owners }) =>
          file.imports.some((used) => used.specifier === specifier && !used.isTypeOnly) && !owners.includes(file.path),
      ).map(({ specifier }) => `${file.path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe("files", () => {
  test("are named for one concept, in kebab-case", () => {
    const wrong = [...sources, ...tests]
      .map((file) => file.path)
      .filter((path) => {
        const stem = basename(path).replace(/(\.test|\.contract|\.bench)?\.ts$/, "");
        const isKebab = /^(v\d+(alpha|beta)?\d*|[a-z0-9]+(-[a-z0-9]+)*)$/.test(stem);
        return (
          !isKebab || stem === "index" || path.split("/").some((part) => VAGUE_NAMES.test(part.replace(/\.ts$/, "")))
        );
      });
    expect(wrong).toEqual([]);
  });

  test(`have at most ${MAX_LINES} lines`, () => {
    const long = [...sources, ...tests].filter((file) => file.text.split("\n").length > MAX_LINES + 1);
    expect(long.map((file) => file.path)).toEqual([]);
  });

  test("open with a comment that says what they are", () => {
    const bare = sources.filter((file) => !/^(#!.*\n)?\/\*\*/.test(file.text));
    expect(bare.map((file) => file.path)).toEqual([]);
  });

  test("re-export nothing and have no default export", () => {
    const wrong = sources.filter(
      (file) => file.imports.some(({ isReexport }) => isReexport) || /^export default/m.test(file.code),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  test("carry no notes to self, no silenced checks, no conflict marks", () => {
    const marks = new RegExp(
      ["TO", "DO|FIX", "ME|XX", "X\\b|@ts-(ignore|expect-error|nocheck)|biome-ig", "nore|^<<<<<<<|^>>>>>>>"].join(""),
      "m",
    );
    const wrong = [...sources, ...tests].filter((file) => marks.test(file.text));
    expect(wrong.map((file) => file.path)).toEqual([]);
  });
});

describe("exports", () => {
  test("of functions and classes are used by other sources, not by tests alone", () => {
    const wrong = sources.flatMap((file) =>
      exportedNames(file)
        .filter((name) => !isImported(file, name, sources) && !isContract(file, name))
        .map((name) => `${file.path}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  test("of test support are used", () => {
    const wrong = tests.flatMap((file) =>
      exportedNames(file)
        .filter((name) => !isImported(file, name, testUsers) && !isType(file, name))
        .map((name) => `${file.path}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

function isImported(file: SourceFile, name: string, by: readonly SourceFile[]): boolean {
  return by.some((other) =>
    other.imports.some(({ target, names }) => target === file.path && (names.includes(name) || names.includes("*"))),
  );
}

function isType(file: SourceFile, name: string): boolean {
  return new RegExp(`^export (declare )?(interface|type) ${name}\\b`, "m").test(file.code);
}

/**
 * What may be exported for tests alone: a type that shapes another export of its file; a fake that implements a port;
 * a constant that the file itself uses, so that a test can speak of a limit by its name.
 */
function isContract(file: SourceFile, name: string): boolean {
  const uses = file.code.match(new RegExp(`(?<![\\w$])${name}(?![\\w$])`, "g"))?.length ?? 0;
  const isTested = isImported(file, name, tests);
  if (isType(file, name)) return isTested || uses > 1;
  if (new RegExp(`^export class ${name} implements `, "m").test(file.code)) return isTested;
  return isTested && uses > 1 && new RegExp(`^export const ${name}\\b`, "m").test(file.code);
}

describe("functions", () => {
  test("take at most three positional parameters, a range of bytes counted as one", () => {
    expect(findLongSignatures(new Map([...sources, ...tests].map(({ path, text }) => [path, text])))).toEqual([]);
  });
});

describe("purity", () => {
  test("pure parts have no clock, timers, randomness, Node modules, logs or metrics", () => {
    const wrong: string[] = [];
    for (const file of sources.filter(({ path }) => isPure(path))) {
      const code = IMPURE_CODE.exec(file.code);
      if (code) wrong.push(`${file.path} uses ${code[0]}`);
      for (const { specifier } of file.imports)
        if (IMPURE_IMPORT.test(specifier)) wrong.push(`${file.path} imports ${specifier}`);
    }
    expect(wrong).toEqual([]);
  });

  test("what one file owns is touched there only", () => {
    const wrong = sources.flatMap((file) =>
      SOLE_OWNERS.filter(({ pattern, owner }) => file.path !== owner && pattern.test(file.code)).map(
        ({ what }) => `${file.path} touches ${what}`,
      ),
    );
    expect(wrong).toEqual([]);
  });
});

describe("tests", () => {
  test("none is skipped or singled out, none sleeps", () => {
    const wrong = tests
      .filter((file) => file.path !== "test/tidy.test.ts")
      .filter((file) =>
        /\b(test|it|describe)\.(only|skip|todo|fails)\b|\bsleep\(|setTimeout\((resolve|done|r)\b/.test(file.code),
      );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });
});

describe("what is tested", () => {
  const runnable = /\b(if|for|while|switch) \(|\?\?|\s\? /;
  const doors = new Set([
    // The launcher is run as a process by the end-to-end tests.
    "bin/pika.ts",
    ...tests.flatMap((file) => file.imports.map(({ target }) => target)),
  ]);

  test("each source file with logic: by its own test, by one that imports it, or behind such a file of its folder", () => {
    const reached = new Set([...byPath.keys()].filter((path) => doors.has(path) || byPath.has(testOf(path))));
    for (const path of reached) {
      for (const { target } of byPath.get(path)?.imports ?? []) {
        const isInner = target !== undefined && (dirname(target) === dirname(path) || path === "bin/pika.ts");
        if (isInner) reached.add(target);
      }
    }
    const untested = sources.filter((file) => runnable.test(file.code) && !reached.has(file.path));
    expect(untested.map((file) => file.path)).toEqual([]);
  });

  test("each command of the table: some test calls it by name", () => {
    const quoted = tests.flatMap((file) => file.text.match(/"[^"\n]*"|`[^`]*`/g) ?? []).join(" ");
    const words = new Set(quoted.toLowerCase().match(/[a-z_-]+/g));
    const registry = new CommandRegistry([...dataCommands, ...sessionCommands]);
    const uncalled = registry.all.filter(({ name }) => !name.split("|").every((word) => words.has(word)));
    expect(uncalled.map(({ name }) => name)).toEqual([]);
  });
});

function testOf(path: string): string {
  return `test/${path.replace(/\.ts$/, ".test.ts")}`;
}

describe("documents", () => {
  const paths = listPaths();
  const documents = paths
    .filter((path) => path.endsWith(".md"))
    .map((path) => ({ path, text: readFileSync(join(import.meta.dirname, "..", path), "utf8") }));

  test("name paths that exist", () => {
    const folders = new Set(paths.flatMap((path) => [path, ...parentsOf(path)]));
    const wrong = documents.flatMap(({ path, text }) => {
      const linked = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map((match) =>
        join(dirname(path), match[1] ?? ""),
      );
      const quoted = [...text.matchAll(/`((?:bin|charts|crds|docs|examples|node|operator|test)\/[\w./-]*)`/g)];
      return [...linked, ...quoted.map((match) => match[1] ?? "")]
        .map((named) => named.replace(/\/$/, ""))
        .filter((named) => !folders.has(named))
        .map((named) => `${path}: ${named}`);
    });
    expect(wrong).toEqual([]);
  });

  test("number each decision once, and call it by its number", () => {
    const records = documents.filter(({ path }) => path.startsWith("docs/decisions/"));
    const numbers = records.map(({ path }) => basename(path).slice(0, 4));
    expect(numbers).toEqual([...new Set(numbers)]);
    for (const { path, text } of records)
      expect(text, path).toMatch(new RegExp(`^# ${Number(basename(path).slice(0, 4))}\\. `));
  });
});

function parentsOf(path: string): string[] {
  const folders = path.split("/").slice(0, -1);
  return folders.map((_, depth) => folders.slice(0, depth + 1).join("/"));
}

describe("the checks themselves", () => {
  test("see the sources", () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(exportedNames(byPath.get("node/base/assert.ts") as SourceFile)).toContain("assert");
    expect(sources.every((file) => partOf(file.path) !== "")).toBe(true);
  });

  test("find a cycle where there is one", () => {
    const file = (path: string, target: string): SourceFile => ({
      path,
      text: "",
      code: "",
      imports: [{ specifier: target, target, names: [], isReexport: false, isTypeOnly: false }],
    });
    expect(findCycles([file("a.ts", "b.ts"), file("b.ts", "c.ts"), file("c.ts", "b.ts")])).toEqual([
      "b.ts → c.ts → b.ts",
    ]);
  });
});

function findCycles(files: readonly SourceFile[]): string[] {
  const targets = new Map(files.map((file) => [file.path, file.imports.map(({ target }) => target)]));
  const cycles: string[] = [];
  const state = new Map<string, "open" | "closed">();
  const trail: string[] = [];
  const visit = (path: string): void => {
    if (state.get(path) === "open") {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      return;
    }
    if (state.get(path) === "closed") return;
    state.set(path, "open");
    trail.push(path);
    for (const target of targets.get(path) ?? []) if (target !== undefined && targets.has(target)) visit(target);
    trail.pop();
    state.set(path, "closed");
  };
  for (const path of targets.keys()) visit(path);
  return cycles;
}

test("no path in the project names a machine or a vague folder", () => {
  const wrong = listPaths().filter((path) => path.split("/").some((part) => VAGUE_NAMES.test(part)));
  expect(wrong).toEqual([]);
});
