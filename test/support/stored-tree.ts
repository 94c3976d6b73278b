/** A tree whose descriptor is kept between transactions, as a record would keep it. Each `run` is a transaction. */

import { DESCRIPTOR_BYTES, type TreePages } from "../../node/engine/tree-pages.ts";
import { MapTransaction } from "./map-transaction.ts";

export class StoredTree<Tree extends TreePages> {
  readonly tx: MapTransaction;
  /** The handle that `run` opens; between runs it shows the descriptor that was written last. */
  readonly tree: Tree;
  #descriptor = Buffer.alloc(DESCRIPTOR_BYTES);

  constructor(handle: Tree, missEverything: boolean) {
    this.tree = handle;
    this.tx = new MapTransaction({ missEverything });
    this.tx.runToEnd((tx) => {
      handle.create(tx);
      handle.writeDescriptor(this.#descriptor, 0);
    });
  }

  run<T>(body: (tree: Tree) => T): T {
    let after = this.#descriptor;
    const result = this.tx.runToEnd((tx) => {
      this.tree.open(tx, this.#descriptor, 0);
      const value = body(this.tree);
      after = Buffer.from(this.#descriptor);
      if (this.tree.isChanged) this.tree.writeDescriptor(after, 0);
      return value;
    });
    this.#descriptor = after;
    return result;
  }
}
