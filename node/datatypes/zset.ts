/**
 * A sorted set: members with scores, inline by (score, member), or as two trees, member → score and (score, member).
 * Every range (by score, by name, by position) is first made a range of positions, so that counting, reading in both
 * directions and removing are the same code for all of them.
 * Reads stand on a member: `element` and `score`, valid until the next call.
 */

import { RECORD_ZSET } from "../engine/record-format.ts";
import { DESCRIPTOR_BYTES } from "../engine/tree-pages.ts";
import { ByteRange, Collection } from "./collection.ts";
import { HashedTree } from "./hashed-tree.ts";
import { ScoreTree } from "./score-tree.ts";
import type { ScoredMembers } from "./scored-members.ts";
import { InlineZset } from "./zset-inline.ts";
import { readScore, SCORE_BYTES, writeScore } from "./zset-score.ts";

export class Zset extends Collection {
  readonly element: ByteRange = new ByteRange();
  /** The score that `find` or `next` found. */
  score = 0;
  readonly #inline: InlineZset;
  readonly #members = new HashedTree();
  readonly #scores = new ScoreTree();
  readonly #scoreBytes = Buffer.alloc(SCORE_BYTES);

  constructor() {
    const inline = new InlineZset();
    super(RECORD_ZSET, inline);
    this.#inline = inline;
  }

  count(): number {
    return this.isTree ? this.#members.count() : this.#inline.count;
  }

  /** Reads a member's score into `score`. False where it is not there. */
  find(member: Buffer, start: number, end: number): boolean {
    if (this.isTree) {
      if (!this.#members.find(member, start, end)) return false;
      this.score = readScore(this.#members.value.buf, this.#members.value.start);
      return true;
    }
    if (!this.#inline.find(member, start, end)) return false;
    this.score = this.#inline.score();
    return true;
  }

  /** Adds a member for which `find` has just answered false. */
  add(member: Buffer, start: number, end: number, score: number): void {
    this.isChanged = true;
    if (!this.isTree) {
      if (this.#inline.insert(score, member, start, end)) return;
      this.#becomeTree();
    }
    writeScore(this.#scoreBytes, 0, score);
    this.#members.put(member, start, end, this.#scoreBytes, 0, SCORE_BYTES);
    this.#scores.put(score, member, start, end);
  }

  /** Takes all of `members`, which are different, as the elements of a set that `openEmpty` has opened. */
  fill(members: ScoredMembers): void {
    this.isChanged = true;
    const order = members.orderByScore();
    let index = 0;
    for (; index < order.length; index++) {
      members.stand(order[index] as number);
      const { buf, start, end } = members.element;
      if (!this.#inline.append(members.score, buf, start, end)) break;
    }
    if (index === order.length) return;
    this.#createTrees();
    for (const position of order) {
      members.stand(position);
      this.#scores.put(members.score, members.element.buf, members.element.start, members.element.end);
    }
    for (const position of members.orderByHash(this.tx.hashKey)) {
      members.stand(position);
      const { buf, start, end } = members.element;
      writeScore(this.#scoreBytes, 0, members.score);
      this.#members.put(buf, start, end, this.#scoreBytes, 0, SCORE_BYTES);
    }
  }

  /** Changes the score of a member for which `find` has just answered true. */
  update(member: Buffer, start: number, end: number, score: number): void {
    this.isChanged = true;
    if (!this.isTree) {
      this.#inline.remove();
      const isIn = this.#inline.insert(score, member, start, end);
      if (!isIn) this.add(member, start, end, score);
      return;
    }
    writeScore(this.#scoreBytes, 0, score);
    this.#members.replaceFound(this.#scoreBytes, 0, SCORE_BYTES);
    this.#scores.remove(this.score, member, start, end);
    this.#scores.put(score, member, start, end);
  }

  /** Removes a member. False where it is not there. */
  remove(member: Buffer, start: number, end: number): boolean {
    if (!this.find(member, start, end)) return false;
    this.isChanged = true;
    if (!this.isTree) {
      this.#inline.remove();
      return true;
    }
    this.#scores.remove(this.score, member, start, end);
    this.#members.remove(member, start, end);
    return true;
  }

  /** Removes the members of positions [from, to). */
  removeRange(from: number, to: number): void {
    if (from >= to) return;
    if (from === 0 && to === this.count()) {
      this.delete();
      return;
    }
    this.isChanged = true;
    if (!this.isTree) {
      this.#inline.removeRange(from, to);
      return;
    }
    this.#scores.seek(from);
    for (let i = from; i < to && this.#scores.next(); i++) {
      const { buf, start, end } = this.#scores.element;
      this.#members.remove(buf, start, end);
    }
    this.#scores.removeRange(from, to);
  }

  /** The position of a member for which `find` has just answered true. */
  rankOf(member: Buffer, start: number, end: number): number {
    if (!this.isTree) return this.#inline.index;
    return this.#scores.rankOf(this.score, { buf: member, start, end, isAfterEqual: false });
  }

  /** Number of members with a lower score, or also an equal one where `isAfterEqual`. */
  rankOfScore(score: number, isAfterEqual: boolean): number {
    return this.isTree ? this.#scores.rankOfScore(score, isAfterEqual) : this.#inline.rankOfScore(score, isAfterEqual);
  }

  /**
   * Number of members with a lower name, or also an equal one where `isAfterEqual`, where all have the same score.
   * Redis leaves open what ranges by name mean otherwise, and finds them as long as the names are in order by position.
   */
  rankOfName(name: Buffer, start: number, end: number, isAfterEqual: boolean): number {
    const count = this.count();
    if (count === 0) return 0;
    this.#standAt(count - 1);
    const last = this.score;
    this.#standAt(0);
    const { score } = this;
    if (score !== last) return this.#searchName(name, start, end, isAfterEqual);
    return this.isTree
      ? this.#scores.rankOf(score, { buf: name, start, end, isAfterEqual })
      : this.#inline.rankOf(score, name, { start, end, isAfterEqual });
  }

  /** The same by halving, whatever the scores. */
  #searchName(name: Buffer, start: number, end: number, isAfterEqual: boolean): number {
    let low = 0;
    let high = this.count();
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      this.#standAt(middle);
      const { element } = this;
      const order = element.buf.compare(name, start, end, element.start, element.end);
      if (order < 0 || (order === 0 && isAfterEqual)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #standAt(index: number): void {
    this.seek(index);
    this.next();
  }

  /** Stands before the member of a position, for `next`. */
  seek(index: number): void {
    if (this.isTree) this.#scores.seek(index);
    else if (index === 0) this.#inline.rewind();
    else this.#inline.at(index - 1);
  }

  /** Stands behind the last member before a position, for `previous`. */
  seekBack(index: number): void {
    if (this.isTree) this.#scores.seekBack(index);
    else this.#inline.seekBack(index);
  }

  /** Stands on the next member by (score, member); false at the end. */
  next(): boolean {
    if (this.isTree) return this.#takeScoreTree(this.#scores.next());
    return this.#takeInline(this.#inline.next());
  }

  /** Stands on the member before; false at the beginning. */
  previous(): boolean {
    if (this.isTree) return this.#takeScoreTree(this.#scores.previous());
    return this.#takeInline(this.#inline.previous());
  }

  /** For scans: stands before the first member with at least this hash; before all of an inline one. */
  seekHash(hash: number): void {
    if (this.isTree) this.#members.seekHash(hash);
    else this.#inline.rewind();
  }

  /** After `seekHash`: stands on the next member by (hash, member), inline by (score, member); false at the end. */
  nextByHash(): boolean {
    if (!this.isTree) return this.next();
    const members = this.#members;
    if (!members.next()) return false;
    this.element.set(members.element.buf, members.element.start, members.element.end);
    this.score = readScore(members.value.buf, members.value.start);
    return true;
  }

  /** Of a tree: the hash of the member that `nextByHash` stands on. */
  hash(): number {
    return this.#members.hash();
  }

  protected attachTrees(buf: Buffer, start: number): void {
    this.#members.open(this.tx, buf, start);
    this.#scores.open(this.tx, buf, start + DESCRIPTOR_BYTES);
  }

  protected describeTrees(buf: Buffer, start: number): void {
    this.#members.describe(buf, start);
    this.#scores.describe(buf, start + DESCRIPTOR_BYTES);
  }

  #takeScoreTree(isThere: boolean): boolean {
    if (!isThere) return false;
    const { buf, start, end } = this.#scores.element;
    this.element.set(buf, start, end);
    this.score = this.#scores.score();
    return true;
  }

  #takeInline(isThere: boolean): boolean {
    if (!isThere) return false;
    const inline = this.#inline;
    this.element.set(inline.buf, inline.memberStart, inline.memberEnd);
    this.score = inline.score();
    return true;
  }

  #becomeTree(): void {
    const inline = this.#inline;
    this.#createTrees();
    inline.rewind();
    while (inline.next()) {
      const { buf, memberStart, memberEnd } = inline;
      this.#members.put(buf, memberStart, memberEnd, buf, inline.entryStart, inline.entryStart + SCORE_BYTES);
      this.#scores.put(inline.score(), buf, memberStart, memberEnd);
    }
  }

  #createTrees(): void {
    this.#members.create(this.tx);
    this.#scores.create(this.tx);
    this.isTree = true;
  }
}
