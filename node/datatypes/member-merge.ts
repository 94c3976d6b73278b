/**
 * Union, intersection and difference of sets and sorted sets, one member after the other in the order of
 * (hash, member): nothing is gathered in memory. A union merges its sources; an intersection walks over the smallest
 * and looks into the others; a difference walks over the first.
 *
 * Scores are Redis's: each source's times its weight, put together by the aggregate in the order of the sources'
 * sizes. A sum that is not a number (∞ − ∞) is 0, and so is such a product (0 · ∞), but for those of an
 * intersection's second and later sources: with them the whole sum becomes 0. A difference has the first's scores.
 */

import { compareRanges } from "../base/bytes.ts";
import { ByteRange } from "./collection.ts";
import type { MemberStream } from "./member-stream.ts";

export type Aggregate = "sum" | "min" | "max";

export interface MergeSource {
  readonly stream: MemberStream;
  readonly weight: number;
}

export interface MemberMerge {
  /** The member that `next` stands on. */
  readonly element: ByteRange;
  readonly score: number;
  /** Stands on the next member; false at the end. */
  next(): boolean;
}

/** The sources from the one with the fewest members on; those with as many keep their order. */
export function orderBySize(sources: readonly MergeSource[]): MergeSource[] {
  return sources.toSorted((a, b) => a.stream.count() - b.stream.count());
}

function weigh({ stream, weight }: MergeSource): number {
  const product = weight * stream.score;
  return Number.isNaN(product) ? 0 : product;
}

function aggregateScores(aggregate: Aggregate, one: number, other: number): number {
  if (aggregate === "sum") {
    const sum = one + other;
    return Number.isNaN(sum) ? 0 : sum;
  }
  if (Number.isNaN(other)) return one;
  return aggregate === "min" ? Math.min(one, other) : Math.max(one, other);
}

/** What all sources have. `sources` as `orderBySize` gives them. */
export class IntersectionMerge implements MemberMerge {
  readonly element: ByteRange;
  score = 0;
  readonly #first: MergeSource;
  readonly #others: readonly MergeSource[];
  readonly #aggregate: Aggregate;

  constructor(sources: readonly MergeSource[], aggregate: Aggregate) {
    const [first, ...others] = sources as [MergeSource, ...MergeSource[]];
    this.#first = first;
    this.#others = others;
    this.#aggregate = aggregate;
    this.element = first.stream.element;
    first.stream.rewind();
  }

  next(): boolean {
    const { stream } = this.#first;
    while (stream.next()) {
      let score = weigh(this.#first);
      let isInAll = true;
      for (const other of this.#others) {
        if (!other.stream.find(this.element)) {
          isInAll = false;
          break;
        }
        score = aggregateScores(this.#aggregate, score, other.weight * other.stream.score);
      }
      if (!isInAll) continue;
      this.score = score;
      return true;
    }
    return false;
  }
}

/** What the first source has and no other. */
export class DifferenceMerge implements MemberMerge {
  readonly element: ByteRange;
  score = 0;
  readonly #first: MergeSource;
  readonly #others: readonly MergeSource[];

  constructor(sources: readonly MergeSource[]) {
    const [first, ...others] = sources as [MergeSource, ...MergeSource[]];
    this.#first = first;
    this.#others = others.filter(({ stream }) => stream.count() > 0);
    this.element = first.stream.element;
    first.stream.rewind();
  }

  next(): boolean {
    const { stream } = this.#first;
    while (stream.next()) {
      if (this.#others.some((other) => other.stream.find(this.element))) continue;
      this.score = stream.score;
      return true;
    }
    return false;
  }
}

/** What any source has, once. `sources` as `orderBySize` gives them. A binary heap holds the sources' next members. */
export class UnionMerge implements MemberMerge {
  readonly element: ByteRange = new ByteRange();
  score = 0;
  readonly #sources: readonly MergeSource[];
  readonly #aggregate: Aggregate;
  /** Indexes of sources that stand on a member, the lowest (hash, member, index) at 0. */
  readonly #heap: number[] = [];
  /** The sources that stand on `element`: it lies in the first one's bytes, so they go on only when it is left. */
  readonly #held: number[] = [];
  #hash = 0;

  constructor(sources: readonly MergeSource[], aggregate: Aggregate) {
    this.#sources = sources;
    this.#aggregate = aggregate;
    for (let i = 0; i < sources.length; i++) {
      const { stream } = this.#source(i);
      stream.rewind();
      if (stream.next()) this.#push(i);
    }
  }

  next(): boolean {
    const heap = this.#heap;
    this.#leaveElement();
    if (heap.length === 0) return false;
    const first = this.#source(heap[0] as number);
    const { buf, start, end } = first.stream.element;
    this.element.set(buf, start, end);
    this.#hash = first.stream.hash;
    this.score = weigh(first);
    this.#held.push(this.#pop());
    while (heap.length > 0 && this.#isOnElement(heap[0] as number)) {
      const other = this.#source(heap[0] as number);
      this.score = aggregateScores(this.#aggregate, this.score, weigh(other));
      this.#held.push(this.#pop());
    }
    return true;
  }

  #leaveElement(): void {
    for (const index of this.#held) if (this.#source(index).stream.next()) this.#push(index);
    this.#held.length = 0;
  }

  #source(index: number): MergeSource {
    return this.#sources[index] as MergeSource;
  }

  #isOnElement(index: number): boolean {
    const { hash, element } = this.#source(index).stream;
    const mine = this.element;
    return (
      hash === this.#hash &&
      compareRanges(element.buf, element.start, element.end, mine.buf, mine.start, mine.end) === 0
    );
  }

  #isBefore(one: number, other: number): boolean {
    const a = this.#source(one).stream;
    const b = this.#source(other).stream;
    if (a.hash !== b.hash) return a.hash < b.hash;
    const { element: x } = a;
    const { element: y } = b;
    const order = compareRanges(x.buf, x.start, x.end, y.buf, y.start, y.end);
    return order !== 0 ? order < 0 : one < other;
  }

  #push(index: number): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(index);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(index, heap[parent] as number)) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = index;
  }

  #pop(): number {
    const heap = this.#heap;
    const top = heap[0] as number;
    const last = heap.pop() as number;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1] as number, heap[child] as number)) child++;
      if (!this.#isBefore(heap[child] as number, last)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
