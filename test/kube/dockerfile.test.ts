/** The Dockerfile and the image that the test cluster imports without a builder are the same image. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PROGRAM_LAYOUT, USER } from "./image-layout.ts";

const ROOT = join(import.meta.dirname, "../..");

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The instructions of a Dockerfile in order, comments left out, continued lines joined. */
function readInstructions(text: string): readonly Instruction[] {
  return text
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => ({ name: line.slice(0, line.indexOf(" ")), text: line.slice(line.indexOf(" ") + 1).trim() }));
}

const instructions = readInstructions(readFileSync(join(ROOT, "Dockerfile"), "utf8"));
const lastStage = instructions.slice(instructions.findLastIndex(({ name }) => name === "FROM"));
const buildStage = instructions.slice(0, -lastStage.length);
const only = (name: string): string => {
  const found = lastStage.filter((instruction) => instruction.name === name);
  expect(found, name).toHaveLength(1);
  return found[0]?.text ?? "";
};

test("the image starts the same program with the same environment as nobody", () => {
  expect(JSON.parse(only("ENTRYPOINT"))).toEqual(PROGRAM_LAYOUT.entrypoint);
  expect(only("ENV").split(/\s+/)).toEqual(PROGRAM_LAYOUT.environment);
  expect(only("USER")).toBe(`${USER}:${USER}`);
  expect(only("WORKDIR")).toBe("/");
  expect(lastStage.map(({ name }) => name).filter((name) => ["RUN", "CMD", "VOLUME"].includes(name))).toEqual([]);
});

test("the image has Node and the program where the test cluster's has them", () => {
  expect(only("COPY")).toBe("--from=build /image/ /");
  const script = buildStage.map(({ text }) => text).join("\n");
  expect(script).toContain(`cp node_modules/node/bin/node /image${PROGRAM_LAYOUT.node}`);
  expect(script).toContain(`cp -R dist/. package.json /image${PROGRAM_LAYOUT.program}/`);
  expect(script).toContain(`cp -R node_modules /image${PROGRAM_LAYOUT.program}/`);
});

test("the base image and the build image can be chosen", () => {
  const args = buildStage.filter(({ name }) => name === "ARG").map(({ text }) => text.split("=")[0]);
  expect(args).toEqual(["BUILD_IMAGE", "BASE_IMAGE"]);
  expect(lastStage[0]?.text).toBe(`\${BASE_IMAGE}`);
});

test("what is copied into the build exists and is let through by .dockerignore", () => {
  const allowed = readFileSync(join(ROOT, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1));
  const copied = buildStage
    .filter(({ name }) => name === "COPY")
    .flatMap(({ text }) => text.split(" ").slice(0, -1))
    .sort();
  expect(copied).toEqual([...allowed].sort());
  for (const path of copied) expect(existsSync(join(ROOT, path)), path).toBe(true);
});
