/**
 * Preloaded into a node under measurement: each read of its database takes a millisecond longer, as on a remote disk.
 * `node --import delay-reads.ts …`
 */

import { delay, SystemClock } from "../../node/base/clock.ts";
import { LevelStore } from "../../node/engine/leveldb-store.ts";

const DELAY_MS = 1;

const clock = new SystemClock();
const still = new Int32Array(new SharedArrayBuffer(4));
const { getSync, getMany } = LevelStore.prototype;

LevelStore.prototype.getSync = function (key) {
  Atomics.wait(still, 0, 0, DELAY_MS);
  return getSync.call(this, key);
};

LevelStore.prototype.getMany = async function (keys) {
  await delay(clock, DELAY_MS);
  return getMany.call(this, keys);
};
