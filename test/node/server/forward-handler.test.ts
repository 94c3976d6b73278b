import { afterEach, expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { slotOf } from "../../../node/meta/slot.ts";
import type { ForwardRequest, RunReplies } from "../../../node/router/forwarding.ts";
import { Harness } from "../../support/server-harness.ts";
import { waitFor } from "../../support/wait-for.ts";

const SLOTS = 16;
let harness: Harness | undefined;
afterEach(async () => {
  await harness?.stop();
});

function slotOfKey(key: string): number {
  const bytes = Buffer.from(key);
  return slotOf(bytes, 0, bytes.length, SLOTS);
}

/** One node that leads all slots, and what a peer asks of it. */
async function openAsked() {
  harness = await new Harness({ tables: [{ name: "default", slots: SLOTS }] }).start();
  const { server } = harness.nodes[0] as Harness["nodes"][number];
  const { epoch, tables } = harness.topology.value;
  const [table] = tables.keys();
  if (table === undefined) throw new Error("no table");
  const about = { table, epoch, protocol: 2 as const };
  const forward = (commands: readonly Argv[], slot: number) =>
    new Promise<string>((resolve) => {
      const request: ForwardRequest = {
        ...about,
        scope: { slot },
        commands,
        isExec: commands.length > 1,
        watchId: undefined,
      };
      server.peerRequests.handle(request, {
        reply: (buf, start, end) => resolve(buf.toString("latin1", start, end)),
        refuse: () => resolve("refused"),
        breakWatch: () => resolve("broken"),
      });
    });
  const run = (commands: readonly Argv[], slots: readonly number[]) =>
    new Promise<string>((resolve) => {
      server.peerRequests.handleRun(
        { ...about, count: commands.length, slots, commands },
        {
          isWanted: true,
          hold: () => {},
          release: () => {},
          answer: ({ lengths, buf, start }: RunReplies) => {
            const sizeBytes = lengths.reduce((sum, length) => sum + length, 0);
            resolve(buf.toString("latin1", start, start + sizeBytes));
          },
        },
      );
    });
  return { forward, run, server, about, executors: harness.executors };
}

/** Takes the answers to a run and notes at which turn they came. */
class RunReader {
  isWanted = true;
  readonly texts: string[] = [];
  readonly bytesOfTurn = new Map<number, number>();
  readonly calls: string[] = [];
  readonly #turn: () => number;

  constructor(turn: () => number) {
    this.#turn = turn;
  }

  answer({ first, lengths, buf, start }: RunReplies): void {
    let at = start;
    lengths.forEach((length, i) => {
      if (this.texts[first + i] !== undefined) throw new Error("a second answer");
      this.texts[first + i] = buf.toString("latin1", at, at + length);
      at += length;
    });
    const turn = this.#turn();
    this.bytesOfTurn.set(turn, (this.bytesOfTurn.get(turn) ?? 0) + at - start);
  }

  hold(): void {
    this.calls.push("hold");
  }

  release(): void {
    this.calls.push("release");
  }
}

test("a run of large replies has its share of each turn, in its order, each command once", async () => {
  const { forward, server, about, executors } = await openAsked();
  const slot = slotOfKey("a");
  const value = "x".repeat(300_000);
  await forward([Argv.of("SET", "a", value)], slot);
  const reader = new RunReader(() => executors.turnCount);
  const commands = Array.from({ length: 40 }, (_, i) =>
    i % 2 === 0 ? Argv.of("GET", "a") : Argv.of("APPEND", "a", "y"),
  );
  const slots = commands.map(() => slot);
  server.peerRequests.handleRun({ ...about, count: commands.length, slots, commands }, reader);
  // The peer's memory is used again once the call is over.
  const given = commands.splice(0);
  for (const argv of given) argv.buf.fill(0);
  slots.fill(0);
  await waitFor(() => reader.calls.at(-1) === "release");
  await waitFor(() => reader.texts.length === 40);
  for (let i = 0; i < 20; i++) {
    expect(reader.texts[2 * i]).toBe(`$${value.length + i}\r\n${value}${"y".repeat(i)}\r\n`);
    expect(reader.texts[2 * i + 1]).toBe(`:${value.length + i + 1}\r\n`);
  }
  expect(Math.max(...reader.bytesOfTurn.values())).toBeLessThan(1024 * 1024 + 310_000);
  expect(reader.calls.slice(0, -1).every((call) => call === "hold")).toBe(true);
});

test("what a run has left when its peer leaves is not run", async () => {
  const { forward, server, about, executors } = await openAsked();
  const slot = slotOfKey("a");
  await forward([Argv.of("SET", "a", "x".repeat(2 * 1024 * 1024))], slot);
  const reader = new RunReader(() => executors.turnCount);
  const commands = [Argv.of("GET", "a"), Argv.of("SET", "a", "late")];
  server.peerRequests.handleRun({ ...about, count: 2, slots: [slot, slot], commands }, reader);
  reader.isWanted = false;
  expect(await forward([Argv.of("STRLEN", "a")], slot)).toBe(":2097152\r\n");
  expect(await forward([Argv.of("STRLEN", "a")], slot)).toBe(":2097152\r\n");
  expect(reader.calls).toEqual(["hold"]);
});

test("a command whose keys are not of the slot that the peer names is not executed", async () => {
  const { forward, run } = await openAsked();
  const slot = slotOfKey("a");
  const other = (slot + 1) % SLOTS;
  const misplaced = /^-ERR the keys of a forwarded command are not of the slot/;
  expect(await forward([Argv.of("SET", "a", 1)], other)).toMatch(misplaced);
  expect(await run([Argv.of("SET", "a", 2)], [other])).toMatch(misplaced);
  expect(await forward([Argv.of("SET", "a", 3), Argv.of("GET", "a")], other)).toMatch(misplaced);
  expect(await forward([Argv.of("GET", "a")], slot)).toBe("$-1\r\n");
  expect(await run([Argv.of("SET", "a", 4)], [slot])).toBe("+OK\r\n");
  expect(await forward([Argv.of("GET", "a")], slot)).toBe("$1\r\n4\r\n");
});

test("a command without clear keys is for the slot that is asked to give its error", async () => {
  const { forward } = await openAsked();
  expect(await forward([Argv.of("MSET", "a")], 0)).toMatch(/^-ERR wrong number of arguments/);
});
