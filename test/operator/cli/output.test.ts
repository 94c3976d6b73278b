import { describe, expect, test } from "vitest";
import { formatBytes, Output } from "../../../operator/cli/output.ts";

function setUp(isTty: boolean) {
  const written: string[] = [];
  const output = new Output({ isTty, columns: 12, write: (text) => written.push(text) });
  return { output, text: () => written.join("") };
}

describe("Output", () => {
  test("on a terminal the status line is written over and lines go above it", () => {
    const { output, text } = setUp(true);
    output.status("starting a long way");
    output.line("note");
    output.status("");
    expect(text()).toBe("starting a \r\x1b[Knote\nstarting a \r\x1b[K");
  });

  test("elsewhere a status is a line, once for each change", () => {
    const { output, text } = setUp(false);
    output.status("a");
    output.status("a");
    output.status("b");
    output.status("");
    expect(text()).toBe("a\nb\n");
  });

  test("tables align their columns", () => {
    const { output, text } = setUp(false);
    output.table(["NAME", "N"], [["demo-nodes-0", "3"]]);
    expect(text()).toBe("NAME          N\ndemo-nodes-0  3\n");
  });
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [12_345_678, "12.3 MB"],
  [99_960_000, "100 MB"],
  [999_600_000, "1.0 GB"],
])("formatBytes(%d) is %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
