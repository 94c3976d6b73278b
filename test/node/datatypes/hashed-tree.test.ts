import { expect, it } from "vitest";
import { hash32 } from "../../../node/base/hash.ts";
import { HashedTree } from "../../../node/datatypes/hashed-tree.ts";
import { MapTransaction } from "../../support/map-transaction.ts";

const NO_VALUE = Buffer.alloc(0);

function makeTree(names: readonly string[]): { tree: HashedTree; order: { name: string; hash: number }[] } {
  const tree = new HashedTree();
  const tx = new MapTransaction();
  tx.begin();
  tree.create(tx);
  const order = names.map((name) => {
    const bytes = Buffer.from(name);
    tree.put(bytes, 0, bytes.length, NO_VALUE, 0, 0);
    return { name, hash: hash32(tx.hashKey, bytes, 0, bytes.length) };
  });
  return { tree, order: order.toSorted((a, b) => a.hash - b.hash) };
}

function nextName(tree: HashedTree): string | undefined {
  return tree.next() ? tree.element.buf.toString("latin1", tree.element.start, tree.element.end) : undefined;
}

it("is ordered by the hash of its elements, which is where a scan goes on", () => {
  const { tree, order } = makeTree(Array.from({ length: 500 }, (_, i) => `element:${i}`));
  tree.seek(0);
  for (const { name, hash } of order) {
    expect(nextName(tree)).toBe(name);
    expect(tree.hash()).toBe(hash);
  }
  expect(nextName(tree)).toBeUndefined();
  const middle = order[250] as { name: string; hash: number };
  tree.seekHash(middle.hash);
  expect(nextName(tree)).toBe(middle.name);
  tree.seekHash(middle.hash + 1);
  expect(nextName(tree)).toBe(order[251]?.name);
  tree.seekHash(2 ** 32);
  expect(nextName(tree)).toBeUndefined();
});

it("removes by position", () => {
  const { tree, order } = makeTree(["a", "b", "c"]);
  tree.removeAt(1);
  expect(tree.count()).toBe(2);
  const gone = Buffer.from(order[1]?.name ?? "");
  expect(tree.find(gone, 0, 1)).toBe(false);
});
