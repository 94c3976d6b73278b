/**
 * Finds functions and methods with more positional parameters than the house allows, by TypeScript's own parser.
 * A range of bytes (`buf, start, end`) counts as one. Types of functions count like functions: who implements them obeys.
 * What is passed to a call is not looked at: its parameters are the callee's choice (rows of a table, drawn values).
 */

import type { Node } from "typescript/unstable/ast";
import {
  isArrowFunction,
  isCallExpression,
  isConstructorDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isFunctionTypeNode,
  isIdentifier,
  isMethodDeclaration,
  isMethodSignatureDeclaration,
} from "typescript/unstable/ast/is";
import { createVirtualFileSystem } from "typescript/unstable/fs";
import { API } from "typescript/unstable/sync";

const MAX_PARAMETERS = 3;
const CONFIG = "/tsconfig.json";

/** Each as `path:line name(parameters)`. @param texts the sources by path. */
export function findLongSignatures(texts: ReadonlyMap<string, string>): string[] {
  const files: Record<string, string> = {};
  for (const [path, text] of texts) files[`/${path}`] = text;
  const compilerOptions = { noResolve: true, noLib: true, types: [], noEmit: true, allowImportingTsExtensions: true };
  files[CONFIG] = JSON.stringify({ compilerOptions, files: Object.keys(files) });
  const api = new API({ cwd: "/", fs: createVirtualFileSystem(files) });
  try {
    const program = api.updateSnapshot({ openProjects: [CONFIG] }).getProject(CONFIG)?.program;
    if (program === undefined) throw new Error("TypeScript made no program of the sources");
    return [...texts].flatMap(([path, text]) => {
      const file = program.getSourceFile(`/${path}`);
      if (file === undefined) throw new Error(`TypeScript did not read ${path}`);
      return findIn(file).map(({ at, signature }) => `${path}:${text.slice(0, at).split("\n").length} ${signature}`);
    });
  } finally {
    api.close();
  }
}

interface Found {
  readonly at: number;
  readonly signature: string;
}

function findIn(file: Node): Found[] {
  const found: Found[] = [];
  const visit = (node: Node): void => {
    const names = parametersOf(node);
    if (names !== undefined && countOf(names) > MAX_PARAMETERS)
      found.push({ at: node.getStart(), signature: `${nameOf(node)}(${names.join(", ")})` });
    node.forEachChild((child) => visit(child));
  };
  visit(file);
  return found;
}

function parametersOf(node: Node): string[] | undefined {
  const isFunction =
    isFunctionDeclaration(node) ||
    ((isFunctionExpression(node) || isArrowFunction(node)) && !isCallExpression(node.parent)) ||
    isMethodDeclaration(node) ||
    isMethodSignatureDeclaration(node) ||
    isConstructorDeclaration(node) ||
    isFunctionTypeNode(node);
  return isFunction ? node.parameters.map(({ name }) => (isIdentifier(name) ? name.text : "{}")) : undefined;
}

function countOf(names: readonly string[]): number {
  const isStart = (name: string | undefined) => /^_?start$|Start$|^from$/.test(name ?? "");
  const isEnd = (name: string | undefined) => /^_?end$|End$|^to$/.test(name ?? "");
  const ranges = names.filter((_, i) => i > 0 && isStart(names[i]) && isEnd(names[i + 1]));
  return names.length - 2 * ranges.length;
}

function nameOf(node: Node): string {
  const { name } = node as { name?: { text?: string } };
  const { parent } = node;
  return name?.text ?? (parent as { name?: { text?: string } } | undefined)?.name?.text ?? "function";
}
