/**
 * Decides whether a read of what is not cached stops this thread or goes to the thread pool, from how long such
 * reads have taken. On a warm local disk a read takes 6 µs here and ten times that by way of the pool; on a cloud
 * disk a synchronous one would cap the node at a thousand reads a second (DESIGN §4.7).
 */

/** Mean latency above which reads go to the pool, and below which they come back. Apart, so that it does not flap. */
const ASYNCHRONOUS_ABOVE_US = 200;
const SYNCHRONOUS_BELOW_US = 100;
/** Weight of one sample: the mean of some 32 reads. */
const WEIGHT = 1 / 32;
/** No sample counts for more: a thread that lost its core for some ms says nothing of the disk. */
const MAX_SAMPLE_US = 2000;

export interface ReadMode {
  readonly isAsynchronous: boolean;
  readonly averageUs: number;
}

export const FIRST_READ_MODE: ReadMode = { isAsynchronous: false, averageUs: 0 };

/** The mode after a synchronous read that took `sampleUs`. */
export function nextReadMode(mode: ReadMode, sampleUs: number): ReadMode {
  const averageUs = mode.averageUs + (Math.min(sampleUs, MAX_SAMPLE_US) - mode.averageUs) * WEIGHT;
  const limitUs = mode.isAsynchronous ? SYNCHRONOUS_BELOW_US : ASYNCHRONOUS_ABOVE_US;
  return { isAsynchronous: averageUs > limitUs, averageUs };
}
