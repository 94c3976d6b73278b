/** The Forwarder of a node that has no peers: nothing can be reached. */

import type { NodeId } from "./meta/ids.ts";
import type {
  ForwardedOne,
  Forwarder,
  ForwardRequest,
  ForwardWaiter,
  PendingForward,
  WatchRequest,
} from "./router/forwarding.ts";

export class NoPeers implements Forwarder {
  forward(node: NodeId, _request: ForwardRequest, waiter: ForwardWaiter): PendingForward {
    queueMicrotask(() => waiter.onForwardResult({ kind: "unreachable", error: `node ${node} is not known here` }));
    return { cancel: () => {} };
  }

  forwardOne(node: NodeId, one: ForwardedOne): void {
    queueMicrotask(() => one.onForwardResult({ kind: "unreachable", error: `node ${node} is not known here` }));
  }

  watch(_node: NodeId, _request: WatchRequest, onResult: (watchId: number | undefined) => void): void {
    queueMicrotask(() => onResult(undefined));
  }

  unwatch(): void {}
}
