import type { Transaction } from "../../../node/engine/transaction.ts";
import { describeTransaction } from "../../contract/transaction.contract.ts";
import { MapTransaction } from "../../support/map-transaction.ts";

function harnessOf(map: MapTransaction) {
  return {
    async run<T>(body: (tx: Transaction) => T, keeps = true): Promise<T> {
      if (keeps) return map.runToEnd(body);
      map.begin();
      try {
        return body(map);
      } finally {
        map.rollback();
      }
    },
    async close() {},
  };
}

describeTransaction("MapTransaction", async () => harnessOf(new MapTransaction()));
