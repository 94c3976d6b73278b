import { expect, it } from "vitest";
import { ReplyWriter } from "../../../node/resp/reply.ts";
import { RunReplies } from "../../../node/server/run-replies.ts";

function setUp() {
  const answers: string[] = [];
  const replies = new RunReplies(
    {
      isWanted: true,
      hold: () => {},
      release: () => {},
      answer: ({ first, lengths, buf, start, epoch }) => {
        const size = lengths.reduce((sum, length) => sum + length, 0);
        answers.push(`${first} [${lengths}] ${buf.toString("latin1", start, start + size)} ${epoch}`);
      },
    },
    9,
  );
  const turn = new ReplyWriter();
  turn.raw(Buffer.from("of others"));
  const add = (index: number, text: string) => {
    const start = turn.length;
    turn.raw(Buffer.from(text));
    replies.add(index, start, turn.length);
  };
  return { answers, replies, turn, add };
}

it("answers together what lies together, after the turn", () => {
  const { answers, replies, turn, add } = setUp();
  expect(replies.isEmpty).toBe(true);
  add(0, "+a");
  add(1, "");
  add(3, "+c");
  turn.raw(Buffer.from("of others"));
  add(4, "+d");
  expect(answers).toEqual([]);
  replies.onTurnEnd(turn, undefined);
  expect(answers).toEqual(["0 [2,0] +a 9", "3 [2] +c 9", "4 [2] +d 9"]);
});

it("makes replies errors where the turn was undone, and refusals not", () => {
  const { answers, replies, turn, add } = setUp();
  add(0, "+a");
  add(1, "");
  replies.onTurnEnd(turn, "ERR gone");
  expect(answers).toEqual(["0 [11,0] -ERR gone\r\n 9"]);
});

it("answers what waits by itself, once", () => {
  const { answers, replies } = setUp();
  replies.responderOf(5).refuse(12);
  const late = replies.responderOf(6);
  late.reply(Buffer.from("..+late"), 2, 7);
  late.refuse(1);
  expect(answers).toEqual(["5 [0]  12", "6 [5] +late 0"]);
});
