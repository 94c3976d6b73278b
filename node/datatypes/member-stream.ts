/**
 * The members of a set or a sorted set in the order of (hash, member), with their scores (1 in a set): what unions,
 * intersections and differences are made of. Trees are read as they go; only an inline sorted set is put in order
 * in memory, and that is at most the inline limit.
 */

import type { Argv } from "../base/argv.ts";
import { compareRanges } from "../base/bytes.ts";
import { type HashKey, hash32 } from "../base/hash.ts";
import type { Transaction } from "../engine/transaction.ts";
import { ByteRange } from "./collection.ts";
import { RedisSet } from "./set.ts";
import { Zset } from "./zset.ts";

interface OrderedMember {
  readonly hash: number;
  readonly buf: Buffer;
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

export class MemberStream {
  /** The member that `next` stands on, its hash and score. */
  readonly element: ByteRange = new ByteRange();
  hash = 0;
  score = 1;
  readonly #hashKey: HashKey;
  readonly #set: RedisSet | undefined;
  readonly #zset: Zset | undefined;
  #ordered: readonly OrderedMember[] = [];
  #index = 0;

  private constructor(hashKey: HashKey, set: RedisSet | undefined, zset: Zset | undefined) {
    this.#hashKey = hashKey;
    this.#set = set;
    this.#zset = zset;
  }

  /** Opens the set that is argument `index`; undefined where the key holds another type. */
  static ofSet(tx: Transaction, argv: Argv, index: number): MemberStream | undefined {
    const set = new RedisSet();
    return set.open(tx, argv, index) ? new MemberStream(tx.hashKey, set, undefined) : undefined;
  }

  /** Opens the sorted set or set that is argument `index`; undefined where the key holds another type. */
  static ofScored(tx: Transaction, argv: Argv, index: number): MemberStream | undefined {
    const zset = new Zset();
    if (zset.open(tx, argv, index)) return new MemberStream(tx.hashKey, undefined, zset);
    return MemberStream.ofSet(tx, argv, index);
  }

  count(): number {
    return this.#set?.count() ?? this.#zset?.count() ?? 0;
  }

  /** Whether it has a member, and if so reads its score. Not to be mixed with `next`. */
  find(member: ByteRange): boolean {
    if (this.#set) return this.#set.has(member.buf, member.start, member.end);
    if (!this.#zset?.find(member.buf, member.start, member.end)) return false;
    this.score = this.#zset.score;
    return true;
  }

  /** Stands before the first member. */
  rewind(): void {
    this.#index = 0;
    this.#set?.seek(0);
    if (this.#zset?.isTree) this.#zset.seekHash(0);
    else if (this.#zset) this.#ordered = orderByHash(this.#zset, this.#hashKey);
  }

  /** Stands on the next member; false at the end. */
  next(): boolean {
    if (this.#set) return this.#nextOfSet(this.#set);
    if (this.#zset?.isTree) return this.#nextOfTree(this.#zset);
    const member = this.#ordered[this.#index++];
    if (member === undefined) return false;
    this.element.set(member.buf, member.start, member.end);
    this.hash = member.hash;
    this.score = member.score;
    return true;
  }

  #nextOfSet(set: RedisSet): boolean {
    if (!set.next()) return false;
    const { buf, start, end } = set.element;
    this.element.set(buf, start, end);
    this.hash = set.isTree ? set.hash() : hash32(this.#hashKey, buf, start, end);
    return true;
  }

  #nextOfTree(zset: Zset): boolean {
    if (!zset.nextByHash()) return false;
    this.element.set(zset.element.buf, zset.element.start, zset.element.end);
    this.hash = zset.hash();
    this.score = zset.score;
    return true;
  }
}

function orderByHash(zset: Zset, hashKey: HashKey): OrderedMember[] {
  const members: OrderedMember[] = [];
  zset.seek(0);
  while (zset.next()) {
    const { buf, start, end } = zset.element;
    members.push({ hash: hash32(hashKey, buf, start, end), buf, start, end, score: zset.score });
  }
  return members.sort((a, b) => a.hash - b.hash || compareRanges(a.buf, a.start, a.end, b.buf, b.start, b.end));
}
