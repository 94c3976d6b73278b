/**
 * Runs a node until it is told to stop: what `pika node` does. A node whose id was retired sets its data aside and
 * joins as a new one (DESIGN §2); every other fault ends it with its error, and whoever supervises it starts it again.
 */

import { codeOf } from "./base/errors.ts";
import { setAsideRetired } from "./engine/data-directory.ts";
import { createNode } from "./node.ts";
import type { NodeOptions } from "./node-options.ts";

/** @throws OperatingError when it cannot start or must not go on. */
export async function runNode(
  options: NodeOptions,
  deps: { readonly signal: AbortSignal; readonly programVersion: string },
): Promise<void> {
  while (!deps.signal.aborted) {
    const ended = Promise.withResolvers<unknown>();
    deps.signal.addEventListener("abort", () => ended.resolve(undefined), { once: true });
    const stopping = new AbortController();
    void ended.promise.then(() => stopping.abort());
    const { programVersion } = deps;
    const node = createNode(options, { programVersion, signal: stopping.signal, onStop: ended.resolve });
    const started = node.start();
    started.catch(ended.resolve);
    const reason = await Promise.race([started.then(() => ended.promise), ended.promise]);
    await started.catch(() => undefined);
    await node.stop();
    if (codeOf(reason) === "NodeRetired") setAsideRetired(options.dataDir);
    else if (reason !== undefined) throw reason;
    else return;
  }
}
