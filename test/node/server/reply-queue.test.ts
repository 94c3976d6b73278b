import { expect, test } from "vitest";
import { ReplyQueue } from "../../../node/server/reply-queue.ts";

/** An owner that writes down what it is given, in order. */
function makeQueue(options: { readonly isBusy?: boolean } = {}) {
  const sent: string[] = [];
  const owner = { isBusy: options.isBusy ?? false };
  const queue: ReplyQueue = new ReplyQueue({
    onHeadReady: () => {
      for (let place = queue.takeReady(); place !== undefined; place = queue.takeReady()) sent.push(`${place.bytes}`);
    },
    takeHead: (buf, start, end) => {
      if (owner.isBusy) return false;
      sent.push(buf.toString("latin1", start, end));
      return true;
    },
  });
  return { queue, sent, owner };
}

test("replies leave in the order of their places, however they come", () => {
  const { queue, sent } = makeQueue();
  const [first, second, third] = [queue.add(), queue.add(), queue.add()];
  const frame = Buffer.from("..two..one..three");
  second.answerRange(frame, 2, 5);
  expect(sent).toEqual([]);
  expect(queue.heldBytes).toBe(3);
  first.answerRange(frame, 7, 10);
  expect(sent).toEqual(["one", "two"]);
  third.answerRange(frame, 12, 17);
  expect(sent).toEqual(["one", "two", "three"]);
  expect(queue.isEmpty).toBe(true);
  expect(queue.heldBytes).toBe(0);
});

test("a reply that has to wait is a copy", () => {
  const { queue, sent } = makeQueue();
  const [first, second] = [queue.add(), queue.add()];
  const frame = Buffer.from("two");
  second.answerRange(frame, 0, 3);
  frame.fill("x");
  first.answer(Buffer.from("one"));
  expect(sent).toEqual(["one", "two"]);
});

test("an owner that cannot take the head gets it as one that is ready", () => {
  const { queue, sent } = makeQueue({ isBusy: true });
  queue.add().answerRange(Buffer.from("one"), 0, 3);
  expect(sent).toEqual(["one"]);
  expect(queue.isEmpty).toBe(true);
});
