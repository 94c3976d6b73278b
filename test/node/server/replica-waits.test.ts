import { afterEach, expect, test } from "vitest";
import type { WaitQuestion } from "../../../node/server/replica-waits.ts";
import { command, Harness } from "../../support/server-harness.ts";
import { waitFor } from "../../support/wait-for.ts";

let harness: Harness | undefined;
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

/** Two nodes, four slots; what each is asked, and how many followers each says to have. */
async function start(counts: readonly number[]) {
  const asked: WaitQuestion[][] = [[], []];
  const waitFollowers = (index: number) => (question: WaitQuestion) => {
    asked[index]?.push(question);
    const count = counts[index] as number;
    if (count >= question.count) return Promise.resolve(count);
    return new Promise<number>((resolve) => {
      question.signal.addEventListener("abort", () => resolve(count));
      if (question.timeoutMs > 0) setTimeout(() => resolve(count), question.timeoutMs);
    });
  };
  harness = await new Harness({ nodeCount: 2, tables: [{ name: "default", slots: 4 }], waitFollowers }).start();
  return { asked, client: await harness.raw(0) };
}

/** Keys of the slots 0 to 3 of a table with four slots. */
const KEYS = ["b", "c", "d", "a"] as const;

function slotsOf(questions: readonly WaitQuestion[] | undefined): readonly number[] {
  return (questions ?? []).flatMap(({ slots }) => [...(slots ?? [])]).sort();
}

test("each leader is asked about the slots that the connection wrote to, and the smallest number is the answer", async () => {
  const { asked, client } = await start([2, 1]);
  const writes = KEYS.map((key) => command("SET", key, 1)).join("");
  await client.send(writes + command("WAIT", 0, 0)).expect(`${"+OK\r\n".repeat(4)}:1\r\n`);
  expect([slotsOf(asked[0]), slotsOf(asked[1])]).toEqual([
    [0, 2],
    [1, 3],
  ]);
});

test("a connection that wrote nothing waits for the whole table, and one that leaves for nothing", async () => {
  const { asked, client } = await start([2, 1]);
  await client.send(command("WAIT", 1, 0)).expect(":1\r\n");
  expect(asked.map((questions) => questions.map(({ slots }) => slots))).toEqual([[undefined], [undefined]]);
  await client.send(command("WAIT", 2, 20)).expect(":1\r\n");
  client.send(command("WAIT", 9, 0));
  await waitFor(() => asked[1]?.some(({ count }) => count === 9));
  const waiting = asked.flat().filter(({ count }) => count === 9);
  client.socket.destroy();
  await waitFor(() => waiting.every(({ signal }) => signal.aborted));
});

test("others go on while one waits; a client that sends no more is answered", async () => {
  const { client } = await start([0, 0]);
  client.send(command("SET", "a", 1) + command("WAIT", 1, 0));
  const other = await (harness as Harness).raw(0);
  await other.send(command("GET", "a")).expect("$1\r\n1\r\n");
  client.socket.end();
  await client.expect("+OK\r\n:0\r\n");
  await client.closed();
});

test("in a transaction it does not wait, and bad arguments are refused", async () => {
  const { asked, client } = await start([0, 0]);
  const batch = ["MULTI", "SET a 1", "WAIT 5 0", "EXEC"].map((line) => command(...line.split(" "))).join("");
  await client.send(batch).expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:0\r\n");
  expect(asked.flat().map(({ count }) => count)).toEqual([0]);
  await client.send(command("WAIT", "x", 0)).expect("-ERR value is not an integer or out of range\r\n");
  await client.send(command("WAIT", 1, -1)).expect("-ERR timeout is negative\r\n");
});
