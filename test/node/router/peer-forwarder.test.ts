import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { tableId } from "../../../node/meta/ids.ts";
import type {
  ForwardedRun,
  ForwardHandler,
  ForwardRequest,
  ForwardResponder,
  ForwardResult,
  ForwardRunResponder,
  PendingForward,
  WatchRequest,
} from "../../../node/router/forwarding.ts";
import { PeerNode, type PeerNodeOptions } from "../../support/peer-node.ts";
import { nodeIdOf } from "../../support/topology-arbitrary.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Answers by the command's name: ECHO at once, LATER when told, HOLD never; keeps what it saw. */
class ScriptedHandler implements ForwardHandler {
  readonly seen: string[] = [];
  readonly held: { readonly responder: ForwardResponder; readonly text: string }[] = [];
  readonly watched: WatchRequest[] = [];
  readonly unwatched: number[] = [];
  cancelCount = 0;

  handle(request: ForwardRequest, responder: ForwardResponder): PendingForward | undefined {
    const argv = request.commands[0] as Argv;
    const text = argv.text(1);
    this.seen.push(text);
    if (argv.text(0) === "ECHO") {
      const bytes = Buffer.from(argv.view(1));
      responder.reply(bytes, 0, bytes.length);
      return undefined;
    }
    if (argv.text(0) === "REFUSE") {
      responder.refuse(42);
      return undefined;
    }
    this.held.push({ responder, text });
    return { cancel: () => this.cancelCount++ };
  }

  /** As each command for itself: answered together where all of them answer at once. */
  handleRun(run: ForwardedRun, responder: ForwardRunResponder): void {
    const texts: string[] = [];
    for (let i = 0; i < run.count; i++) {
      const argv = run.commands[i] as Argv;
      const text = argv.text(1);
      this.seen.push(text);
      texts.push(argv.text(0) === "REFUSE" ? "" : text);
    }
    const buf = Buffer.from(texts.join(""));
    const lengths = texts.map((text) => text.length);
    responder.answer({ first: 0, count: run.count, lengths, buf, start: 0, epoch: 42 });
  }

  answerHeld(): void {
    for (const { responder, text } of this.held.splice(0)) responder.reply(Buffer.from(text), 0, text.length);
  }

  watch(request: WatchRequest): number {
    this.watched.push(request);
    return 1000 + this.watched.length;
  }

  unwatch(watchId: number): void {
    this.unwatched.push(watchId);
  }
}

function request(command: string, text: string | Buffer, over: Partial<ForwardRequest> = {}): ForwardRequest {
  return {
    table: tableId(1),
    scope: { slot: 3 },
    epoch: 9,
    protocol: 2,
    commands: [Argv.of(command, text)],
    isExec: false,
    watchId: undefined,
    ...over,
  };
}

/** Waits for one result. */
class Asked {
  results: ForwardResult[] = [];
  onForwardResult(result: ForwardResult): void {
    this.results.push(result);
  }
  async result(): Promise<ForwardResult> {
    return await waitFor(() => this.results[0], { what: "a forward's result" });
  }
  /** The reply's text, or what else came. */
  async text(): Promise<string> {
    const result = await this.result();
    return result.kind === "reply" ? result.buf.toString("latin1", result.start, result.end) : result.kind;
  }
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function started(options: PeerNodeOptions): Promise<PeerNode> {
  const node = new PeerNode(options);
  await node.start();
  cleanups.push(() => node.stop());
  return node;
}

/** A relay between two nodes that can be stalled and cut: the network. */
class Relay {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  readonly #to: number;
  port = 0;

  constructor(to: number) {
    this.#to = to;
    this.#server = createServer((inner) => this.#join(inner));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen({ host: "127.0.0.1", port: 0 }, resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    cleanups.push(async () => {
      this.cut();
      this.#server.close();
    });
  }

  #join(inner: Socket): void {
    const outer = connect({ host: "127.0.0.1", port: this.#to });
    const pair: [Socket, Socket] = [inner, outer];
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#pairs.delete(pair);
        inner.destroy();
        outer.destroy();
      });
    }
    inner.pipe(outer);
    outer.pipe(inner);
  }

  /** Lets nothing through from the acceptor to the dialer. */
  stallAnswers(): void {
    for (const [inner, outer] of this.#pairs) {
      outer.unpipe(inner);
      outer.pause();
    }
  }

  /** Lets nothing through from the dialer to the acceptor. */
  stallRequests(): void {
    for (const [inner, outer] of this.#pairs) {
      inner.unpipe(outer);
      inner.pause();
    }
  }

  resume(): void {
    for (const [inner, outer] of this.#pairs) {
      inner.unpipe(outer);
      outer.unpipe(inner);
      inner.pipe(outer);
      outer.pipe(inner);
    }
  }

  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }
}

async function pair(options: Partial<PeerNodeOptions> = {}) {
  const handler = new ScriptedHandler();
  const asker = await started({ number: 1, ...options });
  const answerer = await started({ number: 2, handler, ...options });
  const relay = new Relay(answerer.server.port);
  await relay.start();
  asker.knows([{ number: 2, port: relay.port }]);
  await asker.linked(answerer);
  const ask = (r: ForwardRequest) => {
    const asked = new Asked();
    return { asked, pending: asker.forwarder.forward(answerer.id, r, asked) };
  };
  return { asker, answerer, handler, relay, ask };
}

describe("forwarding", () => {
  it("gives each answer to who asked, in any order, and executes in the order of sending", async () => {
    const { handler, ask } = await pair();
    const late = ask(request("LATER", "late"));
    const others = Array.from({ length: 200 }, (_, i) => ask(request("ECHO", `e${i}`)));
    expect(await Promise.all(others.map(({ asked }) => asked.text()))).toEqual(others.map((_, i) => `e${i}`));
    expect(late.asked.results).toEqual([]);
    handler.answerHeld();
    expect(await late.asked.text()).toBe("late");
    expect(handler.seen).toEqual(["late", ...others.map((_, i) => `e${i}`)]);
  });

  it("carries the whole request", async () => {
    const seen: ForwardRequest[] = [];
    const handler: ForwardHandler = {
      handle: (r, responder) => {
        seen.push(r);
        responder.refuse(12);
        return undefined;
      },
      handleRun: () => {},
      watch: () => undefined,
      unwatch: () => {},
    };
    const { ask } = await pair({ handler });
    const { asked } = ask(
      request("X", "", {
        scope: { slot: "leading" },
        protocol: 3,
        isExec: true,
        commands: [Argv.of("SET", "k", Buffer.from([0, 255])), Argv.of("GET", "k")],
      }),
    );
    expect(await asked.result()).toEqual({ kind: "refused", epoch: 12 });
    const [r] = seen;
    expect(r).toMatchObject({ table: 1, scope: { slot: "leading" }, epoch: 9, protocol: 3, isExec: true });
    expect(r?.commands.map((argv) => argv.text(0))).toEqual(["SET", "GET"]);
    expect(r?.commands[0]?.view(2)).toEqual(Buffer.from([0, 255]));
  });

  it("carries values longer than a frame, both ways, and others meanwhile", async () => {
    const { ask } = await pair();
    const long = Buffer.alloc(5 * 1024 * 1024 + 7, "abc");
    const first = ask(request("ECHO", long));
    const second = ask(request("ECHO", "short"));
    expect((await first.asked.text()) === long.toString("latin1")).toBe(true);
    expect(await second.asked.text()).toBe("short");
  });

  it("says that the outcome is unknown when the link breaks before the answer, and sends nothing twice", async () => {
    const { asker, answerer, handler, relay, ask } = await pair();
    const held = ask(request("HOLD", "held"));
    await waitFor(() => handler.seen.length === 1);
    relay.stallAnswers();
    const executed = ask(request("ECHO", "executed"));
    await waitFor(() => handler.seen.length === 2);
    relay.stallRequests();
    const unread = ask(request("ECHO", "unread"));
    relay.cut();
    for (const { asked } of [held, executed, unread]) {
      expect((await asked.result()).kind).toBe("unknown");
    }
    await waitFor(() => handler.cancelCount === 1);
    await waitFor(() => asker.closed.length > 0 && answerer.closed.length > 0);
    await asker.linked(answerer);
    expect(await ask(request("ECHO", "again")).asked.text()).toBe("again");
    expect(handler.seen).toEqual(["held", "executed", "again"]);
    handler.answerHeld();
    expect(held.asked.results.length).toBe(1);
  });

  it("waits a bounded time for a link, then says that nothing was sent", async () => {
    const { asker } = await pair({ forwarder: { linkWaitMs: 30, maxWaiting: 2 } });
    const asked = [new Asked(), new Asked(), new Asked()];
    for (const one of asked) asker.forwarder.forward(nodeIdOf(9), request("ECHO", "x"), one);
    expect(asked.flatMap(({ results }) => results)).toEqual([]);
    for (const one of asked) expect((await one.result()).kind).toBe("unreachable");
    expect((await asked[2]?.result()) as { error: string }).toMatchObject({ error: /too many/ });
  });

  it("sends what waited once the link is made, first things first", async () => {
    const handler = new ScriptedHandler();
    const asker = await started({ number: 1, forwarder: { linkWaitMs: 10_000 } });
    const answerer = await started({ number: 2, handler });
    const early = [new Asked(), new Asked()];
    const buf = Buffer.from("ECHOearly");
    const argv = new Argv(buf, 2);
    argv.push(0, 4);
    argv.push(4, 9);
    asker.forwarder.forward(answerer.id, request("", "", { commands: [argv] }), early[0] as Asked);
    buf.fill("z");
    const cancelled = asker.forwarder.forward(answerer.id, request("ECHO", "cancelled"), new Asked());
    cancelled.cancel();
    asker.forwarder.forward(answerer.id, request("ECHO", "second"), early[1] as Asked);
    asker.knows([{ number: 2, port: answerer.server.port }]);
    expect(await Promise.all(early.map((one) => one.text()))).toEqual(["early", "second"]);
    expect(handler.seen).toEqual(["early", "second"]);
  });

  it("forgets at both sides what is cancelled", async () => {
    const { asker, handler, ask } = await pair();
    const { asked, pending } = ask(request("HOLD", "a"));
    await waitFor(() => handler.seen.length === 1);
    pending.cancel();
    pending.cancel();
    await waitFor(() => handler.cancelCount === 1);
    handler.answerHeld();
    expect(await ask(request("ECHO", "b")).asked.text()).toBe("b");
    expect(asked.results).toEqual([]);
    expect(asker.forwarder.inFlightCount).toBe(0);
  });

  it("refuses more in flight than the limit, without sending", async () => {
    const { handler, ask } = await pair({ forwarder: { maxInFlight: 2 } });
    const held = [ask(request("HOLD", "a")), ask(request("HOLD", "b"))];
    const over = ask(request("ECHO", "c"));
    expect(await over.asked.result()).toMatchObject({ kind: "unreachable", error: /limit of 2/ });
    await waitFor(() => handler.seen.length === 2);
    handler.answerHeld();
    expect(await held[1]?.asked.text()).toBe("b");
    expect(await ask(request("ECHO", "d")).asked.text()).toBe("d");
  });

  it("refuses what a stalled link cannot take, and goes on when it flows again", async () => {
    const { asker, answerer, relay, ask } = await pair({
      limits: { maxQueuedBytes: 1024 * 1024, maxSilentIntervals: 1000 },
    });
    relay.stallRequests();
    const value = Buffer.alloc(300_000, "v");
    const asked: Asked[] = [];
    const link = await asker.linked(answerer);
    while (link.hasRoom) {
      asked.push(ask(request("ECHO", value)).asked);
      await new Promise(setImmediate);
    }
    expect(link.queuedBytes).toBeLessThan(2 * 1024 * 1024);
    expect(await ask(request("ECHO", "x")).asked.result()).toMatchObject({ kind: "unreachable", error: /queue/ });
    relay.resume();
    for (const one of asked) expect((await one.text()).length).toBe(value.length);
  });

  it("bounds what waits for an asker that does not take its answers", async () => {
    const { asker, answerer, relay, ask } = await pair({
      limits: { maxQueuedBytes: 1024 * 1024, maxSilentIntervals: 1000 },
    });
    relay.stallAnswers();
    const value = Buffer.alloc(200_000, "v");
    const link = await asker.linked(answerer);
    const asked: Asked[] = [];
    for (let i = 0; i < 400 && link.hasRoom; i++) {
      asked.push(ask(request("ECHO", value)).asked);
      await new Promise(setImmediate);
    }
    expect(link.hasRoom).toBe(false);
    relay.resume();
    for (const one of asked) expect((await one.text()).length).toBe(value.length);
  });
});

describe("watches over links", () => {
  const keys = [Buffer.from("k")];

  async function watched() {
    const all = await pair();
    const watchId = await new Promise<number | undefined>((resolve) =>
      all.asker.forwarder.watch(all.answerer.id, { table: tableId(1), slot: 3, keys }, resolve),
    );
    expect(watchId).toBeTypeOf("number");
    return { ...all, watchId: watchId as number };
  }

  it("are used up by EXEC", async () => {
    const { handler, ask, watchId } = await watched();
    expect(handler.watched).toEqual([{ table: 1, slot: 3, keys }]);
    const exec = (id: number) => ask(request("ECHO", "ran", { isExec: true, watchId: id }));
    expect(await exec(watchId).asked.text()).toBe("ran");
    expect(handler.unwatched).toEqual([1001]);
    expect((await exec(watchId).asked.result()).kind).toBe("watchBroken");
    expect(handler.seen).toEqual(["ran"]);
  });

  it("are released by unwatch", async () => {
    const { asker, handler, watchId } = await watched();
    asker.forwarder.unwatch(watchId);
    asker.forwarder.unwatch(watchId);
    await waitFor(() => handler.unwatched.length === 1);
    expect(handler.unwatched).toEqual([1001]);
  });

  it("are lost with their link", async () => {
    const { asker, answerer, handler, relay, ask, watchId } = await watched();
    relay.cut();
    await waitFor(() => handler.unwatched.length === 1);
    await waitFor(() => asker.closed.length > 0);
    await asker.linked(answerer);
    const { asked } = ask(request("ECHO", "never", { isExec: true, watchId }));
    expect((await asked.result()).kind).toBe("watchBroken");
    expect(handler.seen).toEqual([]);
  });

  it("cannot be made without a link", async () => {
    const { asker } = await pair();
    const watchId = await new Promise((resolve) =>
      asker.forwarder.watch(nodeIdOf(9), { table: tableId(1), slot: 3, keys }, resolve),
    );
    expect(watchId).toBeUndefined();
  });
});

it("what a peer sent behind a run that is held waits until the run is through, in its order", async () => {
  const handler = new ScriptedHandler();
  const runs: ForwardRunResponder[] = [];
  handler.handleRun = (run, responder) => {
    handler.seen.push(`run of ${(run.commands[0] as Argv).text(1)}`);
    runs.push(responder);
    responder.hold();
  };
  const answerer = await started({ number: 2, handler });
  const asker = await started({ number: 1 });
  asker.knows([{ number: 2, port: answerer.server.port }]);
  await asker.linked(answerer);
  const asked = Array.from({ length: 3 }, (_, i) => {
    const one = new Asked();
    const { table, epoch, protocol } = request("ECHO", "");
    const argv = Argv.of("ECHO", `r${i}`);
    const onForwardReply = (buf: Buffer, start: number, end: number) =>
      one.onForwardResult({ kind: "reply", buf, start, end });
    const onForwardResult = (result: ForwardResult) => one.onForwardResult(result);
    asker.forwarder.forwardOne(answerer.id, { table, slot: 3, epoch, protocol, argv, onForwardReply, onForwardResult });
    asker.forwarder.forward(answerer.id, request("ECHO", `f${i}`), new Asked());
    return one;
  });
  const order = ["run of r0", "f0", "run of r1", "f1", "run of r2", "f2"];
  for (let i = 0; i < 3; i++) {
    await waitFor(() => runs.length === i + 1);
    for (let round = 0; round < 20; round++) await new Promise(setImmediate);
    expect(handler.seen).toEqual(order.slice(0, 2 * i + 1));
    const text = `r${i}`;
    runs[i]?.answer({ first: 0, count: 1, lengths: [2], buf: Buffer.from(text), start: 0, epoch: 9 });
    expect(await asked[i]?.text()).toBe(text);
    runs[i]?.release();
  }
  await waitFor(() => handler.seen.length === 6);
  expect(handler.seen).toEqual(order);
});
