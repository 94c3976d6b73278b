/**
 * WAIT: how many followers have all that a connection wrote, wherever its slots are led. Each leader is asked about its
 * own slots and waits by itself; the smallest number is the answer. A leader that cannot be asked counts as 0.
 */

import { Argv } from "../base/argv.ts";
import type { NodeId, TableId } from "../meta/ids.ts";
import { headerNumber, isErrorReply } from "../resp/reply-scan.ts";
import type { Forwarder, ForwardRequest, ForwardResult, ForwardScope } from "../router/forwarding.ts";
import type { Routes } from "./routes.ts";
import type { Turn } from "./turn.ts";

export interface WaitQuestion {
  readonly table: TableId;
  /** Undefined: all slots of the table that this node leads. */
  readonly slots: ReadonlySet<number> | undefined;
  /** So many followers end the wait; 0 or less: no wait. */
  readonly count: number;
  /** 0: for ever. */
  readonly timeoutMs: number;
  /** The asker left. */
  readonly signal: AbortSignal;
}

/** The followers of slots that this node leads. */
export type WaitFollowers = (question: WaitQuestion) => Promise<number>;

export interface ReplicaWaitsDeps {
  readonly turn: Turn;
  readonly routes: Routes;
  readonly forwarder: Forwarder;
  readonly waitFollowers: WaitFollowers;
}

export class ReplicaWaits {
  readonly #deps: ReplicaWaitsDeps;

  constructor(deps: ReplicaWaitsDeps) {
    this.#deps = deps;
  }

  /** Resolves with the number, at the latest when the time is over. Never rejects. */
  async wait(question: WaitQuestion): Promise<number> {
    const { turn, routes } = this.#deps;
    // What this turn wrote has its place in the log then.
    await turn.ended();
    const { table, slots } = question;
    const local = new Set<number>();
    const remote: { node: NodeId; scope: ForwardScope }[] = [];
    let isLed = false;
    if (slots === undefined) {
      for (const node of routes.table?.leaders(table) ?? []) {
        if (node === routes.self) isLed = true;
        else remote.push({ node, scope: { slot: "leading" } });
      }
    } else {
      for (const slot of slots) {
        const route = routes.table?.find(table, slot);
        if (route?.kind === "forward") remote.push({ node: route.node, scope: { slot } });
        else if (route?.kind === "redirect") remote.push({ node: route.node.id, scope: { slot } });
        else local.add(slot);
      }
    }
    const parts = remote.map(({ node, scope }) => this.#ask(node, scope, question));
    if (isLed || local.size > 0) parts.push(this.here({ ...question, slots: isLed ? undefined : local }));
    return parts.length === 0 ? 0 : Math.min(...(await Promise.all(parts)));
  }

  /** The same for slots that this node leads: what a peer asks for. */
  async here(question: WaitQuestion): Promise<number> {
    await this.#deps.turn.ended();
    return this.#deps.waitFollowers(question);
  }

  async #ask(node: NodeId, scope: ForwardScope, question: WaitQuestion): Promise<number> {
    const { forwarder, routes } = this.#deps;
    const { table, count, timeoutMs, signal } = question;
    const request: ForwardRequest = {
      table,
      scope,
      epoch: routes.epoch,
      protocol: 2,
      commands: [Argv.of("WAIT", Math.max(0, count), timeoutMs)],
      isExec: false,
      watchId: undefined,
    };
    const { promise, resolve } = Promise.withResolvers<ForwardResult | undefined>();
    const pending = forwarder.forward(node, request, { onForwardResult: resolve });
    const leave = () => {
      pending.cancel();
      resolve(undefined);
    };
    signal.addEventListener("abort", leave, { once: true });
    const result = await promise;
    signal.removeEventListener("abort", leave);
    if (result?.kind !== "reply") return 0;
    const reply = Buffer.from(result.buf.subarray(result.start, result.end));
    return isErrorReply(reply) ? 0 : headerNumber(reply, 0);
  }
}
