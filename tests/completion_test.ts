/** Completion: bash, and zsh and fish where they are there, really complete by their scripts, and all of them the same. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { completed } from "../src/cli/completion_table.ts";
import { users } from "../src/pipelines.ts";
import { COMMANDS } from "../src/cli/commands.ts";
import { succeeds, userpipe, withFolder } from "./support/cli.ts";
import { installIn, isThere, offered, SHELLS } from "./support/shells.ts";

const COLUMNS = users.table.columns.map(({ name }) => name).toSorted();
const FORMATS = ["csv", "json", "ndjson", "table"];

/** A line, and what is offered for its last word. */
const LINES: readonly (readonly [line: string, ...offers: string[]])[] = [
  ["userpipe que", "query"],
  ["userpipe ru", "runs"],
  ["userpipe --quiet sta", "status"],
  ["userpipe --data-dir other sta", "status"],
  ["userpipe --log-level ", "debug", "error", "info", "warning"],
  ["userpipe runs re", "retry"],
  ["userpipe query c", "count"],
  ["userpipe query ", "by", "count", "id", "list"],
  ["userpipe query by ", ...COLUMNS],
  ["userpipe query by ge", "gender"],
  ["userpipe query --form", "--format"],
  ["userpipe query --format ", ...FORMATS],
  ["userpipe status --format js", "json"],
  ["userpipe runs --state to", "to-outbox"],
  ["userpipe runs --state failed,mi", "missed"],
  ["userpipe stream --from ea", "earliest"],
  ["userpipe init --retention f", "forever"],
  ["userpipe ingest --kafka-sasl-mechanism ", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
  ["userpipe query --consistency LOCAL", "LOCAL_ONE", "LOCAL_QUORUM"],
  ["userpipe query --pipeline ", "users"],
  ["userpipe ingest --file dat", "data folder", "data.json"],
  ["userpipe init --kafka-ca-file dat", "data folder", "data.json"],
  ["userpipe query --data-dir dat", "data folder"],
  ["userpipe query --cql S"],
  ["userpipe dlq rep", "replay"],
  ["userpipe help quer", "query"],
  ["userpipe up --no-d", "--no-dashboard"],
  // What up refuses is not offered.
  ["userpipe up --until"],
];

for (const shell of SHELLS) {
  const there = await isThere(shell);
  Deno.test({
    name: `${shell} completes commands, words, flags, values, columns, paths and runs${
      there ? "" : ` (skipped: there is no ${shell})`
    }`,
    ignore: !there && Deno.env.get("CI") !== "true",
    fn: () =>
      withFolder(async (cwd) => {
        const bin = join(cwd, "bin");
        await Deno.mkdir(bin);
        await installIn(bin);
        const script = join(bin, "script");
        await Deno.writeTextFile(script, await succeeds(["completion", shell], { cwd }));
        await Deno.mkdir(join(cwd, "data folder"));
        await Deno.writeTextFile(join(cwd, "data.json"), "");
        const asked = (...lines: string[]) => offered(shell, script, cwd, lines);
        const all = await asked("userpipe ", "userpipe runs show ", ...LINES.map(([line]) => line));
        const [commands, noRuns, ...others] = all;
        for (const { name } of COMMANDS) assert.ok(commands!.includes(name), name);
        assert.deepEqual(noRuns, [], "there is no data folder");
        for (const [n, [line, ...expected]] of LINES.entries()) assert.deepEqual(others[n], expected, line);

        await succeeds(["init"], { cwd });
        await succeeds(["ingest", "--generate", "1"], { cwd });
        await Deno.mkdir(join(cwd, "empty"));
        const [run] = (await succeeds(["runs", "--format", "ndjson"], { cwd })).split("\n");
        const id = JSON.parse(run!).id.slice(0, 8);
        assert.deepEqual(
          await asked(
            "userpipe runs show ",
            `userpipe runs retry ${id.slice(0, 2)}`,
            "userpipe --data-dir userpipe-data runs show ",
            "userpipe --data-dir empty runs show ",
            "userpipe runs --runs postgres://host/runs show ",
          ),
          [[id], [id], [id], [], []],
        );
      }),
  });
}

Deno.test("bash completes what stands behind an equals sign, which it takes as a word of its own", () =>
  withFolder(async (cwd) => {
    const script = join(cwd, "script");
    await Deno.writeTextFile(script, await succeeds(["completion", "bash"], { cwd }));
    const lines = ["userpipe query --format = nd", "userpipe query --format ="];
    assert.deepEqual(await offered("bash", script, cwd, lines), [["ndjson"], FORMATS]);
  }));

Deno.test("each script has every command and every flag that its help lists", () =>
  withFolder(async (cwd) => {
    for (const shell of SHELLS) {
      const script = await succeeds(["completion", shell], { cwd });
      for (const { names, flags } of completed().commands) {
        for (const name of names) assert.ok(script.includes(name), `${shell} ${name}`);
        for (const { name } of flags) {
          assert.ok(script.includes(shell === "fish" ? `-l ${name.slice(2)} ` : name), name);
        }
      }
    }
    const { code, stderr } = await userpipe(["completion", "tcsh"], { cwd });
    assert.deepEqual([code, /no completion for "tcsh".*\n.*bash, zsh, fish/.test(stderr)], [2, true], stderr);
    const none = await userpipe(["completion"], { cwd });
    const wanted = /"userpipe completion" wants <shell>: bash, zsh or fish/.test(none.stderr);
    assert.deepEqual([none.code, wanted], [2, true], none.stderr);
  }));
