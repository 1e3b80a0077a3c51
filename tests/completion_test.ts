/** Completion: bash really completes by the script; of zsh and fish, where they are there, that they can read theirs. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { completed } from "../src/cli/completion_table.ts";
import { COMMANDS } from "../src/cli/commands.ts";
import { succeeds, userpipe, withFolder } from "./support/cli.ts";

/** What bash offers for the last of these words. */
async function offers(script: string, cwd: string, ...words: string[]): Promise<string[]> {
  const ask =
    `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _userpipe; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const args = ["--norc", "-c", ask, "bash", script, ...words];
  const { stdout, stderr } = await new Deno.Command("bash", { args, cwd }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).split("\n").filter((word) => word !== "");
}

Deno.test("bash completes commands, words, flags, choices and paths", () =>
  withFolder(async (cwd) => {
    const script = join(cwd, "userpipe.bash");
    await Deno.writeTextFile(script, await succeeds(["completion", "bash"], { cwd }));
    await Deno.mkdir(join(cwd, "data folder"));
    await Deno.writeTextFile(join(cwd, "data.json"), "");
    const bash = (...words: string[]) => offers(script, cwd, "userpipe", ...words);
    assert.deepEqual(await bash("que"), ["query"]);
    const all = await bash("");
    for (const { name } of COMMANDS) assert.ok(all.includes(name), name);
    assert.deepEqual(await bash("ru"), ["runs"]);
    assert.deepEqual(await bash("runs", "re"), ["retry"]);
    assert.deepEqual(await bash("query", "c"), ["count"]);
    assert.deepEqual(await bash("query", "--form"), ["--format"]);
    assert.deepEqual((await bash("query", "--format", "")).toSorted(), ["csv", "json", "ndjson", "table"]);
    assert.deepEqual(await bash("query", "--format", "=", "nd"), ["ndjson"]);
    assert.deepEqual((await bash("query", "--format", "=")).length, 4);
    assert.deepEqual(await bash("status", "--format", "js"), ["json"]);
    assert.deepEqual(await bash("runs", "--state", "to"), ["to-outbox"]);
    assert.deepEqual(await bash("stream", "--from", "ea"), ["earliest"]);
    assert.deepEqual((await bash("ingest", "--file", "dat")).toSorted(), ["data folder", "data.json"]);
    assert.deepEqual(await bash("query", "--data-dir", "dat"), ["data folder"]);
    assert.deepEqual(await bash("query", "--cql", "S"), []);
    assert.deepEqual(await bash("dlq", "rep"), ["replay"]);
    assert.deepEqual(await bash("help", "quer"), ["query"]);
    assert.deepEqual(await bash("up", "--no-d"), ["--no-dashboard"]);
    assert.deepEqual(await bash("up", "--until"), [], "what up refuses is not offered");
    assert.deepEqual(await bash("nonsense", ""), []);
  }));

for (const shell of ["zsh", "fish"]) {
  const there = await isThere(shell);
  Deno.test({
    name: `${shell} can read its script${there ? "" : ` (skipped: there is no ${shell})`}`,
    ignore: !there,
    fn: () =>
      withFolder(async (cwd) => {
        const script = join(cwd, "script");
        await Deno.writeTextFile(script, await succeeds(["completion", shell], { cwd }));
        const { success, stderr } = await new Deno.Command(shell, { args: ["-n", script] }).output();
        assert.ok(success, new TextDecoder().decode(stderr));
      }),
  });
}

Deno.test("each script has every command and every flag that its help lists", () =>
  withFolder(async (cwd) => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const script = await succeeds(["completion", shell], { cwd });
      for (const { names, flags } of completed()) {
        for (const name of names) assert.ok(script.includes(name), `${shell} ${name}`);
        for (const { name } of flags) {
          assert.ok(script.includes(shell === "fish" ? `-l ${name.slice(2)} ` : name), name);
        }
      }
    }
    const { code, stderr } = await userpipe(["completion", "tcsh"], { cwd });
    assert.deepEqual([code, /no completion for "tcsh".*\n.*bash, zsh, fish/.test(stderr)], [2, true], stderr);
    const none = await userpipe(["completion"], { cwd });
    assert.deepEqual(
      [none.code, /"userpipe completion" wants <shell>: bash, zsh or fish/.test(none.stderr)],
      [2, true],
      none.stderr,
    );
  }));

async function isThere(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
