import { describe, expect, test } from "vitest";
import { type ChildProcess, type ProcessSpec, Supervisor } from "../../../operator/cli/supervisor.ts";
import { settle, VirtualClock } from "../../support/virtual-clock.ts";

class FakeChild implements ChildProcess {
  readonly pid: number;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  readonly signals: string[] = [];
  ignoresTerm = false;
  #end: (how: { code: number | null; signal: string | null }) => void = () => {};

  constructor(pid: number) {
    this.pid = pid;
    this.exited = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.signals.push(signal);
    if (signal === "SIGKILL" || !this.ignoresTerm) this.die(null, signal);
  }

  die(code: number | null, signal: string | null = null): void {
    this.#end({ code, signal });
  }
}

function setUp() {
  const clock = new VirtualClock();
  const children = new Map<string, FakeChild[]>();
  const log: string[] = [];
  const launch = (spec: ProcessSpec) => {
    const made = children.get(spec.name) ?? [];
    const child = new FakeChild(made.length + 1);
    children.set(spec.name, [...made, child]);
    log.push(`launch ${spec.name} ${spec.args.join(" ")}`);
    void child.exited.then(() => log.push(`end ${spec.name}`));
    return child;
  };
  const supervisor = new Supervisor({
    launch,
    clock,
    random: () => 0.5,
    events: { onStart: () => {}, onExit: (name, how) => log.push(`exit ${name} ${how}`) },
  });
  const newest = (name: string) => children.get(name)?.at(-1) as FakeChild;
  return { clock, supervisor, log, newest, countOf: (name: string) => children.get(name)?.length ?? 0 };
}

const manager: ProcessSpec = { name: "manager-0", group: 0, args: ["manager"] };
const node: ProcessSpec = { name: "node-0", group: 1, args: ["node"] };

describe("Supervisor", () => {
  test("starts lower groups first and stops them last", async () => {
    const { supervisor, log } = setUp();
    supervisor.ensure([node, manager]);
    expect(supervisor.running().map(({ name }) => name)).toEqual(["manager-0", "node-0"]);
    await supervisor.stop();
    expect(log).toEqual(["launch manager-0 manager", "launch node-0 node", "end node-0", "end manager-0"]);
    expect(supervisor.running()).toEqual([]);
  });

  test("starts again what died, later each time, soon again after it ran well", async () => {
    const { supervisor, clock, newest, countOf } = setUp();
    supervisor.ensure([node]);
    const waits: number[] = [];
    for (let death = 0; death < 4; death++) {
      newest("node-0").die(1);
      await settle();
      const before = countOf("node-0");
      let waited = 0;
      for (; countOf("node-0") === before; waited += 50) clock.advance(50);
      waits.push(waited);
    }
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits.at(-1)).toBeGreaterThan(4 * (waits[0] as number));
    clock.advance(60_000);
    newest("node-0").die(null, "SIGKILL");
    await settle();
    clock.advance(waits[0] as number);
    expect(countOf("node-0")).toBe(6);
  });

  test("ensure adds what is new and leaves what runs", () => {
    const { supervisor, countOf } = setUp();
    supervisor.ensure([node]);
    supervisor.ensure([node, { ...node, name: "node-1" }]);
    expect([countOf("node-0"), countOf("node-1")]).toEqual([1, 1]);
  });

  test("kills what does not end, and starts nothing after stop", async () => {
    const { supervisor, clock, newest, countOf } = setUp();
    supervisor.ensure([node]);
    newest("node-0").ignoresTerm = true;
    const stopped = supervisor.stop();
    await clock.advanceAsync(14_000);
    expect(newest("node-0").signals).toEqual(["SIGTERM"]);
    await clock.advanceAsync(2_000);
    await stopped;
    expect(newest("node-0").signals).toEqual(["SIGTERM", "SIGKILL"]);
    clock.advance(60_000);
    expect(countOf("node-0")).toBe(1);
    expect(clock.pendingCount).toBe(0);
  });

  test("a restart that waits is forgotten at stop", async () => {
    const { supervisor, clock, newest, countOf } = setUp();
    supervisor.ensure([node]);
    newest("node-0").die(1);
    await settle();
    await supervisor.stop();
    clock.advance(60_000);
    expect(countOf("node-0")).toBe(1);
  });
});
