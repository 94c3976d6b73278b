/**
 * The project's sources as text, for the checks of test/tidy.test.ts: paths, imports and exports read by pattern,
 * which is enough because biome formats every file the same way.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

export interface SourceFile {
  /** From the project's root: `node/base/clock.ts`. */
  readonly path: string;
  readonly text: string;
  /** The text without comments and without the contents of double-quoted strings. */
  readonly code: string;
  readonly imports: readonly SourceImport[];
}

export interface SourceImport {
  /** As written: `node:fs`, `classic-level`, `../base/clock.ts`. */
  readonly specifier: string;
  /** The project file it means, or undefined for packages. */
  readonly target: string | undefined;
  /** Names imported or re-exported; `*` for all. */
  readonly names: readonly string[];
  readonly isReexport: boolean;
  /** `import type`: nothing is loaded. */
  readonly isTypeOnly: boolean;
}

const ROOT = join(import.meta.dirname, "../..");

/** All TypeScript files that git tracks or would track below the folders. */
export function readSources(folders: readonly string[]): SourceFile[] {
  return listPaths(folders)
    .filter((path) => path.endsWith(".ts"))
    .map((path) => {
      const text = readFileSync(join(ROOT, path), "utf8");
      return { path, text, code: stripComments(text), imports: readImports(path, text) };
    });
}

/** Every path that git tracks or would track, below the folders if any are given. */
export function listPaths(folders: readonly string[] = []): string[] {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", ...folders], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return listed.split("\n").filter((path) => path !== "" && existsSync(join(ROOT, path)));
}

function stripComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "").replaceAll(/"(?:[^"\\\n]|\\.)*"/g, '""');
}

const STATEMENT =
  /^(import|export)\s+(?:type\s+)?([^;"']*?)\s*from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;

function readImports(path: string, text: string): SourceImport[] {
  return [...text.matchAll(STATEMENT)].map((match) => {
    const specifier = match[3] ?? match[4] ?? match[5] ?? "";
    return {
      specifier,
      target: specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : undefined,
      names: readNames(match[2] ?? "*"),
      isReexport: match[1] === "export",
      isTypeOnly: /^import\s+type\b/.test(match[0]),
    };
  });
}

function readNames(clause: string): string[] {
  const braces = /\{([\s\S]*)\}/.exec(clause);
  if (!braces) return ["*"];
  return (braces[1] ?? "")
    .split(",")
    .map((name) => name.trim().replace(/^type\s+/, ""))
    .map((name) => name.split(/\s+as\s+/)[0] ?? "")
    .filter((name) => name !== "");
}

const DECLARED =
  /^export\s+(?:abstract\s+|async\s+|declare\s+)*(?:const|let|function\*?|class|interface|type)\s+([\w$]+)/gm;

/** Names that a file exports by declaration. */
export function exportedNames(file: SourceFile): string[] {
  return [...file.text.matchAll(DECLARED)].map((match) => match[1] as string);
}
