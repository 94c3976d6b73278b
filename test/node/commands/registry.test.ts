import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import type { SessionCommand } from "../../../node/commands/command.ts";
import { CommandRegistry, dataCommands } from "../../../node/commands/registry.ts";

function sessionCommand(name: string, arity: number): SessionCommand {
  const common = { flags: [], keys: { kind: "none" }, group: "server", since: "1.0.0", summary: "" } as const;
  return { ...common, scope: "session", name, arity, complexity: "O(1)", execute: () => undefined };
}

const registry = new CommandRegistry([
  ...dataCommands,
  sessionCommand("config|get", -3),
  sessionCommand("config|set", -4),
  sessionCommand("command", -1),
  sessionCommand("command|count", 2),
]);

function resolve(...parts: string[]): string {
  const found = registry.resolve(Argv.of(...parts));
  return typeof found === "string" ? found : `found ${found.name}`;
}

test("every command is found by its name in any case, and by nothing else", () => {
  for (const { name } of dataCommands) {
    const parts = name.split("|");
    for (const form of [parts, parts.map((part) => part.toUpperCase())]) {
      const found = registry.resolve(Argv.of(...form));
      const isFound = typeof found === "string" ? found.includes(`arguments for '${name}'`) : found.name === name;
      expect(isFound, name).toBe(true);
    }
    expect(resolve(`${name}?`)).toContain("unknown command");
  }
});

test("arity is checked", () => {
  expect(resolve("get")).toBe("ERR wrong number of arguments for 'get' command");
  expect(resolve("get", "a", "b")).toBe("ERR wrong number of arguments for 'get' command");
  expect(resolve("GeT", "a")).toBe("found get");
  expect(resolve("mget", "a", "b", "c")).toBe("found mget");
});

test("containers are resolved to their subcommands", () => {
  expect(resolve("CONFIG", "Get", "x")).toBe("found config|get");
  expect(resolve("config")).toBe("ERR wrong number of arguments for 'config' command");
  expect(resolve("config", "get")).toBe("ERR wrong number of arguments for 'config|get' command");
  expect(resolve("config", "nope")).toBe("ERR unknown subcommand 'nope'. Try CONFIG HELP.");
  expect(resolve("command")).toBe("found command");
  expect(resolve("command", "count")).toBe("found command|count");
});

test("a name with a pipe or nothing at all is no command", () => {
  expect(resolve("config|get", "x", "y")).toContain("unknown command");
  expect(resolve("")).toBe("ERR unknown command '', with args beginning with: ");
  expect(resolve("foo", "a", "b")).toBe("ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
});

test("names are there once", () => {
  expect(() => new CommandRegistry([sessionCommand("a", 1), sessionCommand("a", 1)])).toThrow("same name");
  expect(registry.named("config|set")?.arity).toBe(-4);
  expect(registry.all.length).toBe(dataCommands.length + 4);
});
