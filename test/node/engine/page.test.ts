import fc from "fast-check";
import { expect, test } from "vitest";
import {
  childAtPosition,
  childCount,
  childPage,
  childSize,
  countBefore,
  findChild,
  insertEntry,
  removeEntries,
  setChild,
  setChildCount,
  setChildSize,
} from "../../../node/engine/inner-page.ts";
import { KeySearch } from "../../../node/engine/key-search.ts";
import {
  elementAt,
  findElement,
  insertElement,
  NewElement,
  overwriteElement,
  removeElements,
  viewKey,
  viewValue,
} from "../../../node/engine/leaf-page.ts";
import {
  contentBytes,
  freeBytes,
  garbageBytes,
  KEYED,
  LIST,
  makeInnerPage,
  makeLeafPage,
  moveSlotsToEnd,
  slotCount,
} from "../../../node/engine/page.ts";
import { View } from "../../../node/engine/transaction.ts";

function put(page: View, index: number, [key, value]: readonly [string, string]): void {
  insertElement(page, index, elementOf(key, value));
}

function elementOf(key: string, value: string): NewElement {
  const element = new NewElement();
  element.setKey(Buffer.from(key), 0, key.length);
  element.setValue(Buffer.from(value), 0, value.length);
  return element;
}

function entries(page: View): string[] {
  const out = new View();
  const text = () => out.buf.toString("latin1", out.start, out.end);
  return Array.from({ length: slotCount(page) }, (_, i) => {
    viewKey(page, elementAt(page, i), out);
    const key = text();
    viewValue(page, elementAt(page, i), out);
    return `${key}=${text()}`;
  });
}

function viewOf(text: string): View {
  return Object.assign(new View(), { buf: Buffer.from(text), start: 0, end: text.length });
}

function searchOf(key: Buffer | string): KeySearch {
  const search = new KeySearch();
  const bytes = Buffer.from(key);
  search.begin(bytes, 0, bytes.length);
  return search;
}

test("the worked example of page.ts", () => {
  const page = new View();
  makeLeafPage(page, KEYED, 32);
  put(page, 0, ["a", "1"]);
  put(page, 1, ["b", ""]);
  expect(page.buf.toString("hex")).toBe("0100000200000013000000000101613101006200" + "001062000000" + "000c61000000");
});

test("elements are put, overwritten and removed in place, and what is lost is garbage", () => {
  const page = new View();
  makeLeafPage(page, KEYED, 64);
  put(page, 0, ["b", "2"]);
  put(page, 0, ["a", "one"]);
  put(page, 2, ["c", "3"]);
  expect(entries(page)).toEqual(["a=one", "b=2", "c=3"]);
  expect([findElement(page, searchOf("b")), findElement(page, searchOf("bb"))]).toEqual([1, 2]);
  const before = contentBytes(page);
  expect(overwriteElement(page, 0, elementOf("a", "1"))).toBe(true);
  expect(overwriteElement(page, 1, elementOf("b", "longer"))).toBe(false);
  removeElements(page, 1, 1);
  expect(entries(page)).toEqual(["a=1", "c=3"]);
  expect(garbageBytes(page)).toBe(2 + 4);
  expect(contentBytes(page)).toBe(before - 2 - 10);
});

test("a page that gets room keeps its elements, and one without room is not written", () => {
  const page = new View();
  makeLeafPage(page, KEYED, 28);
  put(page, 0, ["a", "1234"]);
  const free = freeBytes(page);
  expect(() => put(page, 1, ["b", "1234"])).toThrow("room");
  makeLeafPage(page, KEYED, 28);
  put(page, 0, ["a", "1234"]);
  expect(freeBytes(page)).toBe(free);
  page.buf = Buffer.concat([page.buf, Buffer.alloc(40)]);
  page.end = page.buf.length;
  moveSlotsToEnd(page, 28);
  put(page, 1, ["b", "1234"]);
  expect(entries(page)).toEqual(["a=1234", "b=1234"]);
});

test("keys that share their first bytes are told apart by the rest, short ones come first", () => {
  const keys = [
    "",
    "a",
    "a\0",
    "a\0\0\0",
    "a\0\0\0\0",
    "abcd",
    "abcd\0",
    "abcda",
    "abcde",
    "abce",
    "\xff\xff\xff\xff",
    "\xff\xff\xff\xff\xff",
  ];
  const bytes = keys.map((key) => Buffer.from(key, "latin1"));
  const page = new View();
  makeLeafPage(page, KEYED, 512);
  for (const key of bytes.toReversed()) {
    const element = new NewElement();
    element.setKey(key, 0, key.length);
    insertElement(page, findElement(page, searchOf(key)), element);
  }
  expect(entries(page)).toEqual(keys.map((key) => `${key}=`));
  expect(bytes.map((key) => findElement(page, searchOf(key)))).toEqual(keys.map((_, index) => index));
  const absent = Buffer.from("abcdd");
  expect(findElement(page, searchOf(absent))).toBe(keys.indexOf("abcde"));
});

test("children are found by their separators, and the first one has none", () => {
  const page = new View();
  makeInnerPage(page, KEYED, 256);
  ["", "f", "m"].forEach((separator, index) => {
    insertEntry(page, index, viewOf(separator));
    setChild(page, index, 10 + index);
    setChildCount(page, index, 2 ** 33 + index);
    setChildSize(page, index, 2 ** 40 + index);
  });
  const find = (key: string) => childPage(page, findChild(page, searchOf(key)));
  expect(["", "e", "f", "lzz", "m", "z"].map(find)).toEqual([10, 10, 11, 11, 12, 12]);
  expect([childCount(page, 2), childSize(page, 2)]).toEqual([2 ** 33 + 2, 2 ** 40 + 2]);
  removeEntries(page, 0, 1);
  expect(["", "e", "f", "m"].map(find)).toEqual([11, 11, 11, 12]);
});

/** Keys as hashes are, as scores that share their upper bytes, as short ones, and as what somebody chose to mislead a guess. */
const anyKey = fc.oneof(
  fc.uint8Array({ minLength: 8, maxLength: 12 }),
  fc.nat(400).map((n) => Uint8Array.of(0xc1, 0x2e, n >> 8, n & 0xff, 0, 0, 0, n & 1)),
  fc.nat(400).map((n) => Uint8Array.of(7, 7, 7, 7, n >> 8, n & 0xff)),
  fc.uint8Array({ maxLength: 3 }),
  fc.nat(31).map((n) => Uint8Array.of(...new Uint8Array(n).fill(0xff), n)),
  fc.nat(31).map((n) => new Uint8Array(4).map((_, i) => (n < 8 * i ? 0 : 1 << (n % 8)))),
);
/** All of one of these kinds, or of several. */
const keySet = fc
  .uniqueArray(anyKey, { maxLength: 160, size: "max", selector: (key) => Buffer.from(key).toString("hex") })
  .map((keys) => keys.map((key) => Buffer.from(key)).sort(Buffer.compare));

test("an element is found where looking at each one finds it", () => {
  fc.assert(
    fc.property(keySet, fc.array(anyKey, { maxLength: 20 }), (keys, others) => {
      const page = new View();
      makeLeafPage(page, KEYED, 16_384);
      for (const [index, key] of keys.entries()) {
        const element = new NewElement();
        element.setKey(key, 0, key.length);
        insertElement(page, index, element);
      }
      for (const wanted of [...keys, ...others.map((key) => Buffer.from(key))]) {
        const above = keys.findIndex((key) => Buffer.compare(key, wanted) >= 0);
        expect(findElement(page, searchOf(wanted))).toBe(above < 0 ? keys.length : above);
      }
    }),
    { numRuns: 400 },
  );
});

test("a child is found where looking at each separator finds it", () => {
  fc.assert(
    fc.property(keySet, fc.array(anyKey, { maxLength: 20 }), (keys, others) => {
      const separators = keys.filter((key) => key.length > 0);
      const page = new View();
      makeInnerPage(page, KEYED, 16_384);
      for (const [index, key] of [Buffer.alloc(0), ...separators].entries()) {
        insertEntry(page, index, Object.assign(new View(), { buf: key, start: 0, end: key.length }));
        setChild(page, index, 10 + index);
        setChildCount(page, index, 1);
        setChildSize(page, index, 1);
      }
      for (const wanted of [...keys, ...others.map((key) => Buffer.from(key))]) {
        const index = separators.filter((separator) => Buffer.compare(separator, wanted) <= 0).length;
        expect(findChild(page, searchOf(wanted))).toBe(index);
      }
    }),
    { numRuns: 400 },
  );
});

test("counts below children are those that were set, whatever is put in and taken out, and positions agree", () => {
  const change = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        at: fc.nat(),
        count: fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 2 ** 40 })),
      }),
    },
    { weight: 2, arbitrary: fc.record({ set: fc.nat(), count: fc.integer({ min: 1, max: 2 ** 32 }) }) },
    { weight: 1, arbitrary: fc.record({ from: fc.nat(), length: fc.integer({ min: 1, max: 3 }) }) },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(KEYED, LIST),
      fc.array(change, { minLength: 1, maxLength: 120, size: "max" }),
      (kind, changes) => {
        const page = new View();
        makeInnerPage(page, kind, 16_384);
        const counts: number[] = [];
        for (const each of changes) {
          if ("at" in each) {
            const index = each.at % (counts.length + 1);
            insertEntry(page, index, viewOf("s"));
            setChild(page, index, 1);
            setChildCount(page, index, each.count);
            setChildSize(page, index, 1);
            counts.splice(index, 0, each.count);
          } else if ("set" in each && counts.length > 0) {
            const index = each.set % counts.length;
            setChildCount(page, index, each.count);
            setChildSize(page, index, 1);
            counts[index] = each.count;
          } else if ("from" in each && counts.length > 0) {
            const index = each.from % counts.length;
            const length = Math.min(each.length, counts.length - index);
            removeEntries(page, index, length);
            counts.splice(index, length);
          }
        }
        let before = 0;
        const total = counts.reduce((sum, count) => sum + count, 0);
        expect(countBefore(page, counts.length)).toBe(total);
        for (const [index, count] of counts.entries()) {
          expect([childCount(page, index), countBefore(page, index)]).toEqual([count, before]);
          expect(childAtPosition(page, before, total)).toBe(index);
          expect(childAtPosition(page, before + count - 1, total)).toBe(index);
          before += count;
        }
      },
    ),
    { numRuns: 300 },
  );
});
