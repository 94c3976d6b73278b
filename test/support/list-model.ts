/** A simple model of Redis's lists: arrays by key. What holds no element does not exist. */

import type { Decoded } from "./reply-decoder.ts";

type End = "LEFT" | "RIGHT";

export class ListModel {
  readonly #lists = new Map<string, string[]>();

  /** The elements of a list, none for an absent key. */
  elements(key: string): readonly string[] {
    return this.#lists.get(key) ?? [];
  }

  push(key: string, end: End, elements: readonly string[]): number {
    const list = [...this.elements(key)];
    for (const element of elements) {
      if (end === "LEFT") list.unshift(element);
      else list.push(element);
    }
    return this.#store(key, list);
  }

  pushx(key: string, end: End, elements: readonly string[]): number {
    return this.elements(key).length === 0 ? 0 : this.push(key, end, elements);
  }

  pop(key: string, end: End, count: number): string[] {
    const list = [...this.elements(key)];
    const popped: string[] = [];
    while (popped.length < count && list.length > 0)
      popped.push((end === "LEFT" ? list.shift() : list.pop()) as string);
    this.#store(key, list);
    return popped;
  }

  range(key: string, first: number, last: number): string[] {
    const list = this.elements(key);
    return list.slice(this.#from(list, first), this.#to(list, last));
  }

  trim(key: string, first: number, last: number): void {
    this.#store(key, this.range(key, first, last));
  }

  index(key: string, index: number): Decoded {
    return this.elements(key).at(index) ?? null;
  }

  set(key: string, index: number, element: string): Decoded {
    const list = [...this.elements(key)];
    if (list.length === 0) return { error: "ERR no such key" };
    if (list.at(index) === undefined) return { error: "ERR index out of range" };
    list[index < 0 ? list.length + index : index] = element;
    this.#store(key, list);
    return "OK";
  }

  insert(key: string, element: string, place: { where: "BEFORE" | "AFTER"; pivot: string }): number {
    const { where, pivot } = place;
    const list = [...this.elements(key)];
    const at = list.indexOf(pivot);
    if (list.length === 0) return 0;
    if (at < 0) return -1;
    list.splice(where === "BEFORE" ? at : at + 1, 0, element);
    return this.#store(key, list);
  }

  remove(key: string, count: number, element: string): number {
    const list = [...this.elements(key)];
    let removed = 0;
    while (count === 0 || removed < Math.abs(count)) {
      const at = count < 0 ? list.lastIndexOf(element) : list.indexOf(element);
      if (at < 0) break;
      list.splice(at, 1);
      removed++;
    }
    this.#store(key, list);
    return removed;
  }

  /** LPOS with all options: the positions, as COUNT answers them; count 0 is all. */
  positions(key: string, element: string, options: { rank: number; count: number; maxLength: number }): number[] {
    const list = this.elements(key);
    const order = list.map((_, position) => position);
    if (options.rank < 0) order.reverse();
    const compared = options.maxLength === 0 ? order : order.slice(0, options.maxLength);
    const matches = compared.filter((position) => list[position] === element).slice(Math.abs(options.rank) - 1);
    return options.count === 0 ? matches : matches.slice(0, options.count);
  }

  move(source: string, target: string, from: End, to: End): Decoded {
    const [moved] = this.pop(source, from, 1);
    if (moved === undefined) return null;
    this.push(target, to, [moved]);
    return moved;
  }

  /** LMPOP: key and elements, or null. */
  popSeveral(keys: readonly string[], end: End, count: number): Decoded {
    const key = keys.find((name) => this.elements(name).length > 0);
    return key === undefined ? null : [key, this.pop(key, end, count)];
  }

  #from(list: readonly string[], first: number): number {
    return first < 0 ? Math.max(0, list.length + first) : first;
  }

  #to(list: readonly string[], last: number): number {
    return Math.max(0, (last < 0 ? list.length + last : last) + 1);
  }

  #store(key: string, list: string[]): number {
    if (list.length === 0) this.#lists.delete(key);
    else this.#lists.set(key, list);
    return list.length;
  }
}
