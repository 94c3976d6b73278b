import { expect, test } from "vitest";
import { findLongSignatures } from "./long-signatures.ts";

const find = (text: string) => findLongSignatures(new Map([["a.ts", text]]));

test("functions, methods, constructors, named arrows and types of functions with four parameters are found", () => {
  const text = `function four(a: number, b: number, c: number, d: number) {}
class Some {
  constructor(a: number, b: number, c: number, d: number) {}
  #method({ a }: { a: number }, b: number, c: number, d: number) {}
}
const arrow = (a: number, b: number, c: number, d = 4) => a;
interface Port { ask(a: number, b: number, c: number, d: number): void }
type Made = (a: number, b: number, c: number, d: number) => void;`;
  expect(find(text)).toEqual([
    "a.ts:1 four(a, b, c, d)",
    "a.ts:3 Some(a, b, c, d)",
    "a.ts:4 #method({}, b, c, d)",
    "a.ts:6 arrow(a, b, c, d)",
    "a.ts:7 ask(a, b, c, d)",
    "a.ts:8 Made(a, b, c, d)",
  ]);
});

test("a range of bytes counts as one", () => {
  expect(find("function one(a: Buffer, start: number, end: number, b: number, c: number) {}")).toEqual([]);
  expect(
    find("function two(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number) {}"),
  ).toEqual([]);
  expect(find("function cut(a: Buffer, start: number, b: number, c: number) {}")).toHaveLength(1);
});

test("three are allowed, and what a call is given is the callee's choice", () => {
  expect(find("function three(a: number, b: number, c: number) {}\ncall((a, b, c, d) => a);")).toEqual([]);
});
