/** A program of the test cluster as a child process: slow on demand, and never longer lived than who started it. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { Child } from "./child.ts";
import { missingCommands } from "./tool-cache.ts";

describe.runIf(process.platform === "linux" && missingCommands(["setpriv"]).length === 0)("a child", () => {
  const folder = mkdtempSync(join(tmpdir(), "pika-child-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("that is slow goes on, and is quick again", async () => {
    const log = join(folder, "slow.log");
    const child = new Child(["sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.02; done; echo done; cat"], { log });
    const stop = child.slowDown({ runMs: 20, pauseMs: 20 });
    await waitFor(() => child.lastWords.includes("5"));
    stop();
    await waitFor(() => child.lastWords.includes("done"));
    await child.end();
    expect(child.isRunning).toBe(false);
  });

  test("ends with a starter that is killed", async () => {
    const code = `import { Child } from ${JSON.stringify(join(import.meta.dirname, "child.ts"))};
      const child = new Child(["sh", "-c", "echo $$; exec sleep 600"], { log: ${JSON.stringify(join(folder, "dies.log"))} });
      setInterval(() => /\\d\\n/.test(child.lastWords) && process.stdout.write(child.lastWords), 20);`;
    const starter = spawn(process.execPath, ["--input-type=module-typescript", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = (await once(starter.stdout, "data")) as [Buffer];
    const pid = Number.parseInt(said.toString(), 10);
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    starter.kill("SIGKILL");
    await waitFor(() => !existsSync(`/proc/${pid}`));
  });

  test("that cannot start says why", async () => {
    const child = new Child(["/nowhere/at-all"], { log: join(folder, "none.log") });
    await waitFor(() => !child.isRunning);
    expect(child.lastWords).toContain("/nowhere/at-all");
  });
});
