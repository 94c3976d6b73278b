/**
 * Reads manifests as a user writes them: YAML, several documents a file, PikaCluster, PikaTable and Secret.
 * Every problem is told with file, line, column, field and what is allowed; all problems at once, not only the first.
 * Pure: gets texts, reads no files.
 */

import { type Document, LineCounter, parseAllDocuments } from "yaml";
import { z } from "zod";
import { type PikaCluster, pikaCluster } from "./pika-cluster.ts";
import { nameOfTable, type PikaTable, pikaTable } from "./pika-table.ts";
import { type Secret, secret } from "./secret.ts";

export interface ManifestFile {
  /** As the user named it, for messages. */
  readonly name: string;
  readonly text: string;
}

export interface ManifestProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** `spec.nodes.replicas`; "" for the whole document. */
  readonly field: string;
  readonly message: string;
}

/** Where an object stands, to point at its fields later. */
export interface Located<T> {
  readonly object: T;
  /** The problem of a field of this object, at its line. */
  readonly problem: (path: readonly (string | number)[], message: string) => ManifestProblem;
}

export interface Manifest {
  readonly clusters: readonly Located<PikaCluster>[];
  readonly tables: readonly Located<PikaTable>[];
  readonly secrets: readonly Located<Secret>[];
  readonly problems: readonly ManifestProblem[];
}

/** `quickstart.yaml:12:5: spec.nodes.replicas: must be …` */
export function formatProblem(problem: ManifestProblem): string {
  const field = problem.field === "" ? "" : `${problem.field}: `;
  return `${problem.file}:${problem.line}:${problem.column}: ${field}${problem.message}`;
}

/** Decodes all documents of all files. Objects are complete (defaults filled in); what is wrong is in `problems`. */
export function readManifest(files: readonly ManifestFile[]): Manifest {
  const clusters: Located<PikaCluster>[] = [];
  const tables: Located<PikaTable>[] = [];
  const secrets: Located<Secret>[] = [];
  const problems: ManifestProblem[] = [];
  for (const file of files) {
    const lines = new LineCounter();
    for (const document of parseAllDocuments(file.text, { lineCounter: lines, uniqueKeys: true })) {
      if (!("contents" in document)) continue;
      const place = { file: file.name, document, lines };
      const syntax = document.errors.map((error) => syntaxProblem(place, error));
      problems.push(...syntax);
      if (syntax.length > 0) continue;
      const plain = toPlain(place, problems);
      if (plain === null || plain === undefined) continue;
      switch (kindOf(plain)) {
        case "PikaCluster":
          decode({ schema: pikaCluster, plain, place, into: clusters, problems });
          break;
        case "PikaTable":
          decode({ schema: pikaTable, plain, place, into: tables, problems });
          break;
        case "Secret":
          decode({ schema: secret, plain, place, into: secrets, problems });
          break;
        default:
          problems.push(locate(place, ["kind"], `${describeKind(plain)}must be PikaCluster, PikaTable or Secret`));
      }
    }
  }
  problems.push(...findConflicts(clusters, tables));
  return { clusters, tables, secrets, problems };
}

interface Place {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

/** The values of a document; undefined where its aliases name nothing or too much, which is a problem then. */
function toPlain(place: Place, problems: ManifestProblem[]): unknown {
  try {
    return place.document.toJS();
  } catch (error) {
    problems.push(locate(place, [], (error as Error).message));
    return undefined;
  }
}

function kindOf(plain: unknown): unknown {
  return typeof plain === "object" && plain !== null && "kind" in plain ? plain.kind : undefined;
}

function describeKind(plain: unknown): string {
  const kind = kindOf(plain);
  return typeof kind === "string" ? `is ${JSON.stringify(kind)}; ` : "";
}

interface DecodeTask<T> {
  readonly schema: z.ZodType<T>;
  readonly plain: unknown;
  readonly place: Place;
  readonly into: Located<T>[];
  readonly problems: ManifestProblem[];
}

function decode<T>(task: DecodeTask<T>): void {
  const result = task.schema.safeParse(task.plain);
  if (result.success) {
    task.into.push({ object: result.data, problem: (path, message) => locate(task.place, path, message) });
    return;
  }
  for (const issue of result.error.issues) {
    const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
    if (issue.code === "unrecognized_keys") {
      const allowed = fieldsAt(task.schema, issue.path).join(", ");
      for (const key of issue.keys)
        task.problems.push(locate(task.place, [...path, key], `is not a field of this object; it has ${allowed}`));
    } else {
      task.problems.push(locate(task.place, path, describe(issue, task.plain)));
    }
  }
}

/** Names of the fields of the object at a path, as its schema has them. */
function fieldsAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return fieldsAt(schema.unwrap(), path);
  }
  const [step, ...rest] = path;
  if (schema instanceof z.ZodArray) return fieldsAt(schema.element, rest);
  if (!(schema instanceof z.ZodObject)) return [];
  return step === undefined ? Object.keys(schema.shape) : fieldsAt(schema.shape[String(step)], rest);
}

/** What is wrong with the value, which is shown unless it is a Secret's. */
function describe(issue: z.core.$ZodIssue, plain: unknown): string {
  const value = issue.path.reduce<unknown>(
    (at, step) => (typeof at === "object" && at !== null ? (at as Record<PropertyKey, unknown>)[step] : undefined),
    plain,
  );
  if (kindOf(plain) === "Secret" && (issue.path[0] === "data" || issue.path[0] === "stringData")) {
    return issue.code === "invalid_format" ? "is not base64; a plain value goes into stringData" : issue.message;
  }
  const given = value === undefined ? "is missing" : `is ${JSON.stringify(value)}`;
  return `${given}; ${issue.message.replace(/^Invalid (input|option): /, "")}`;
}

function locate(place: Place, path: readonly (string | number)[], message: string): ManifestProblem {
  for (let depth = path.length; depth >= 0; depth--) {
    const node: unknown = depth === 0 ? place.document.contents : place.document.getIn(path.slice(0, depth), true);
    const start = rangeStart(node);
    if (start === undefined) continue;
    const { line, col } = place.lines.linePos(start);
    return { file: place.file, line, column: col, field: path.join("."), message };
  }
  return { file: place.file, line: 1, column: 1, field: path.join("."), message };
}

function rangeStart(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  return Array.isArray(node.range) && typeof node.range[0] === "number" ? node.range[0] : undefined;
}

function syntaxProblem(
  place: Place,
  error: { readonly pos: readonly [number, number]; readonly message: string },
): ManifestProblem {
  const { line, col } = place.lines.linePos(error.pos[0]);
  const text = error.message.split("\n")[0] ?? "";
  return { file: place.file, line, column: col, field: "", message: text.replace(/ at line \d+, column \d+:?$/, "") };
}

function findConflicts(
  clusters: readonly Located<PikaCluster>[],
  tables: readonly Located<PikaTable>[],
): ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  const seen = new Set<string>();
  const claim = (key: string, what: string, located: Located<unknown>) => {
    if (seen.has(key)) problems.push(located.problem(["metadata", "name"], `${what} appears twice`));
    seen.add(key);
  };
  for (const located of clusters) {
    const { name } = located.object.metadata;
    claim(`c/${name}`, `PikaCluster ${name}`, located);
  }
  for (const located of tables) {
    const name = nameOfTable(located.object);
    const cluster = located.object.spec.clusterRef.name;
    claim(`t/${cluster}/${name}`, `table ${name} of cluster ${cluster}`, located);
  }
  return problems;
}
