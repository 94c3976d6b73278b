/**
 * Preloaded into a node under measurement: keeps the most CPU time that its main thread used between two looks, which
 * a timer takes every millisecond, and writes it to a file each second. A turn of the event loop lies between two
 * looks, so no turn was longer; one that is reported is at most about a millisecond too long.
 * `node --import 'watch-turns.ts?file=/path' …`: the file has one line a second: the longest of that second, in µs.
 */

import { appendFileSync } from "node:fs";

const LOOK_EVERY_MS = 1;
const WRITE_EVERY_MS = 1000;

const file = new URL(import.meta.url).searchParams.get("file") ?? "turns";
let last = process.threadCpuUsage();
let longestMicros = 0;

setInterval(() => {
  const now = process.threadCpuUsage();
  longestMicros = Math.max(longestMicros, now.user + now.system - last.user - last.system);
  last = now;
}, LOOK_EVERY_MS).unref();

setInterval(() => {
  appendFileSync(file, `${longestMicros}\n`);
  longestMicros = 0;
}, WRITE_EVERY_MS).unref();
