import { describe, expect, test } from "vitest";
import { type OptionLayer, type OptionTable, type OptionValues, readOptions } from "../../../node/base/options.ts";
import { createProgram } from "../../../operator/cli/program.ts";

const options = {
  watchNamespace: { kind: "list", default: [], help: "namespaces" },
  name: { kind: "text", default: "nobody", help: "a name" },
} as const satisfies OptionTable;

/** What a process is given by this command line and environment. */
async function given(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<OptionValues<typeof options>> {
  const seen: OptionValues<typeof options>[] = [];
  const program = createProgram({
    version: "0",
    environment,
    signal: new AbortController().signal,
    processes: [
      {
        name: "work",
        summary: "works",
        options,
        run: async (layers: readonly OptionLayer[]) => void seen.push(readOptions(options, layers)),
      },
    ],
  } as unknown as Parameters<typeof createProgram>[0]);
  await program.parseAsync(["node", "pika", "work", ...args]);
  const [first] = seen;
  if (seen.length !== 1 || first === undefined) throw new Error("the verb runs once");
  return first;
}

describe("options of a process", () => {
  test("a list joins what is repeated and what commas separate", async () => {
    const args = ["--watch-namespace", "a", "--watch-namespace", "b, c", "--name", "x"];
    expect(await given(args)).toEqual({ watchNamespace: ["a", "b", "c"], name: "x" });
  });

  test("a list on the command line replaces the environment's", async () => {
    const environment = { PIKA_WATCH_NAMESPACE: "d,e" };
    expect((await given([], environment)).watchNamespace).toEqual(["d", "e"]);
    expect((await given(["--watch-namespace", "a"], environment)).watchNamespace).toEqual(["a"]);
  });

  test("of another option given twice the last counts", async () => {
    expect((await given(["--name", "x", "--name", "y"])).name).toBe("y");
  });
});

test("up refuses what is no endpoint of etcd, as wrong usage", async () => {
  const program = createProgram({ version: "0", environment: {}, processes: [] } as unknown as Parameters<
    typeof createProgram
  >[0]);
  const errors: string[] = [];
  for (const command of program.commands)
    command.exitOverride().configureOutput({ writeErr: (text) => errors.push(text) });
  const args = ["node", "pika", "up", "-f", "x.yaml", "--etcd", "http://a:2379", "--etcd", "b:2379"];
  await expect(program.parseAsync(args)).rejects.toMatchObject({ code: "commander.invalidArgument" });
  expect(errors.join("")).toContain("http://host:port or https://host:port is allowed");
});
