import { afterEach, expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { slotOf } from "../../../node/meta/slot.ts";
import type { ForwardRequest, RunReplies } from "../../../node/router/forwarding.ts";
import { Harness } from "../../support/server-harness.ts";

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
          answer: ({ lengths, buf, start }: RunReplies) => {
            const sizeBytes = lengths.reduce((sum, length) => sum + length, 0);
            resolve(buf.toString("latin1", start, start + sizeBytes));
          },
        },
      );
    });
  return { forward, run };
}

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
