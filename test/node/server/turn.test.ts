import { expect, it } from "vitest";
import { Turn } from "../../../node/server/turn.ts";

it("appends once for all participants, and tells each before what comes at the end", async () => {
  const events: string[] = [];
  const turn = new Turn(
    () => {
      events.push("append");
      return undefined;
    },
    (error) => {
      throw error;
    },
  );
  const participant = (name: string) => ({
    onTurnEnd: () => {
      events.push(name);
      turn.atEnd(() => events.push(`after ${name}`));
    },
  });
  turn.reply.ok();
  turn.join(participant("a"));
  turn.join(participant("b"));
  turn.atEnd(() => events.push("end"));
  expect(await turn.ended()).toBeUndefined();
  expect(events).toEqual(["append", "a", "b", "end", "after a", "after b"]);
  expect(turn.reply.length).toBe(0);
});

it("gives everybody the error of a failed append", async () => {
  const turn = new Turn(
    () => "MISCONF full",
    () => {},
  );
  const errors: (string | undefined)[] = [];
  turn.join({ onTurnEnd: (_reply, error) => errors.push(error) });
  expect(await turn.ended()).toBe("MISCONF full");
  expect(errors).toEqual(["MISCONF full"]);
});

it("reports what is thrown, and goes on", async () => {
  const thrown: unknown[] = [];
  const turn = new Turn(
    () => undefined,
    (error) => thrown.push(error),
  );
  turn.join({
    onTurnEnd: () => {
      throw new Error("broken");
    },
  });
  void turn.ended();
  while (thrown.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(await turn.ended()).toBeUndefined();
});

it("puts off what would write between a participant's replies", async () => {
  const turn = new Turn(
    () => undefined,
    () => {},
  );
  const events: string[] = [];
  turn.isBusy = true;
  turn.whenIdle(() => events.push("later"));
  events.push("now");
  turn.isBusy = false;
  turn.whenIdle(() => events.push("at once"));
  await Promise.resolve();
  expect(events).toEqual(["now", "at once", "later"]);
});
