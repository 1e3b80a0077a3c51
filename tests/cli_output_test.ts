/** What commands print beside their results: what differs, what is empty or not there, and what their help says. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { COMMANDS } from "../src/cli/commands.ts";
import { COMPILED_FLAGS, ROOT } from "../tools/build/options.ts";
import { ownEnvironment, succeeds, userpipe, withFolder } from "./support/cli.ts";

Deno.test("init says where a topic that is there is not what the flags ask for, and leaves it as it is", () =>
  withFolder(async (cwd) => {
    await succeeds(["init", "--partitions", "1"], { cwd });
    const differs = (printed: string) => printed.split("\n").filter((line) => line.startsWith("differs"));
    assert.deepEqual(differs(await succeeds(["init"], { cwd })), []);
    const printed = await succeeds(["init", "--partitions", "3", "--retention", "1d"], { cwd });
    assert.deepEqual(differs(printed), [
      'differs   topic "users_created" has 1 partition (asked for: 3 partitions), kept for 7 days (asked for: kept for ' +
      "1 day), and is left as it is",
    ]);
    assert.match(printed, /\n {10}The embedded broker keeps a topic as it was made: .*--topic.*--data-dir/);
    const dry = await succeeds(["init", "--partitions", "3", "--dry-run"], { cwd });
    assert.equal(differs(dry).length, 1);
    assert.equal((await succeeds(["peek", "--partition", "0"], { cwd })).length, 0);
  }));

Deno.test("what steers a terminal is escaped in the name of a folder or file too, and a line end makes no line", () =>
  withFolder(async (cwd) => {
    const [folder, file] = ["a\nb\x1b[31m", "no\nsuch\x1b[2J"];
    for (
      const args of [
        ["init", "--dry-run"],
        ["init"],
        ["doctor", "--generate", "1"],
        ["ingest", "--file", file],
        ["ingest", "--generate", "1", "--seed", "a\x1bb"],
        ["status", "--format", "table"],
        ["runs", "--format", "table"],
        ["query", "count", "--consistency", file],
      ]
    ) {
      const { stdout, stderr } = await userpipe([...args, "--data-dir", folder], { cwd });
      const printed = stdout + stderr;
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(printed, /\x1b|^b\\|^such/m, args.join(" "));
      if (args[0] === "init" || args[0] === "doctor") assert.match(printed, /a(\\u000a|\\n)b\\u001b\[31m/);
    }
  }));

Deno.test("looking at ends that are not there makes none", () =>
  withFolder(async (cwd) => {
    for (
      const args of [["peek"], ["verify"], ["dead-letters"], ["query", "count"], ["stream"], ["init", "--dry-run"]]
    ) {
      await userpipe(args, { cwd });
      assert.deepEqual(await Array.fromAsync(Deno.readDir(cwd)), [], args.join(" "));
    }
  }));

Deno.test("what is empty says so", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    const table = async (...args: string[]) => await succeeds([...args, "--format", "table"], { cwd });
    assert.match(await table("peek"), /\n\(0 messages\)\n$/);
    assert.match(await table("query", "list"), /\n\(0 rows\)\n$/);
    const { stdout, stderr } = await userpipe(["dead-letters", "--format", "table"], { cwd });
    assert.equal(stdout, "");
    assert.match(stderr, /^No dead letters wait in "users_created\.dlq"/);
  }));

Deno.test("peek --follow shows a line a message where peek shows a table", () =>
  withFolder(async (cwd) => {
    await succeeds(["init", "--partitions", "1"], { cwd });
    await succeeds(["ingest", "--generate", "3"], { cwd });
    const follow = ["peek", "--follow", "--from-beginning", "--max", "3"];
    const lines = (await succeeds([...follow, "--format", "table"], { cwd })).trimEnd().split("\n");
    assert.match(lines[0]!, /^at +timestamp +key +value$/);
    assert.equal(lines.length, 4);
    for (const [n, line] of lines.slice(1).entries()) {
      assert.match(line, new RegExp(`^0/${n} +20\\S+Z +[0-9a-f-]{11}…  \\{"id":`));
    }
    const [first] = (await succeeds(follow, { cwd })).split("\n");
    assert.equal(JSON.parse(first!).offset, 0);
  }));

Deno.test("the help says what is true of the command", () =>
  withFolder(async (cwd) => {
    const up = await succeeds(["up", "--help"], { cwd });
    for (const flag of ["--until", "--max-records"]) assert.ok(!up.includes(flag), flag);
    assert.ok(up.includes("--from"));
    assert.match(await succeeds(["demo", "--help"], { cwd }), /--count.*1,000/);
    assert.match(await succeeds(["ingest", "--help"], { cwd }), /--count.*\s+.*100/);
  }));

Deno.test("every command has examples of itself, and is in the README's list", async () => {
  const readme = await Deno.readTextFile(join(ROOT, "README.md"));
  for (const { name, examples } of COMMANDS) {
    assert.match(readme, new RegExp(`^\\| .*\`${name}\`.* \\|`, "m"), name);
    assert.ok(examples.length > 0, name);
    for (const example of examples) assert.ok(example.startsWith(`userpipe ${name}`), example);
  }
});

Deno.test("where the log is asked for as JSON, all of standard error is lines of it: notes and errors too", () =>
  withFolder(async (cwd) => {
    for (
      const [args, env, level, message] of [
        [["runs", "--format", "table", "--log-format", "json"], {}, "INFO", /^No runs are on record\.$/],
        [["runs", "show", "a"], { USERPIPE_LOG_FORMAT: "json" }, "ERROR", /^No run on record begins with "a"$/],
        [["ingest", "--log-format=json", "--every", "1"], {}, "ERROR", /--every is "1"/],
        [["ingest", "--log-format=json", "--evry", "1"], {}, "ERROR", /has no flag "--evry"/],
        [["ingest", "--every", "1m"], { USERPIPE_LOG_FORMAT: "json" }, "ERROR", /topic "users_created"/],
      ] as [string[], Record<string, string>, string, RegExp][]
    ) {
      const { stderr } = await userpipe(args, { cwd, env });
      const lines = stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
      assert.equal(lines.at(-1)!.level, level, stderr);
      assert.match(lines.at(-1)!.message, message);
      if (level === "ERROR") assert.equal(typeof lines.at(-1)!.hint, "string");
    }
  }));

Deno.test("a reader that leaves early does not turn what a command found into nothing found", () =>
  withFolder(async (cwd) => {
    const args = ["run", ...COMPILED_FLAGS, "--config", join(ROOT, "deno.json"), join(ROOT, "main.ts")];
    for (const command of ["doctor", "status"]) {
      const env = { ...ownEnvironment(), KAFKA_BROKERS: "127.0.0.1:1" };
      const options = { cwd, env, clearEnv: true, stdout: "piped", stderr: "null" } as const;
      const child = new Deno.Command(Deno.execPath(), { args: [...args, command], ...options }).spawn();
      await child.stdout.cancel();
      assert.equal((await child.status).code, 1, command);
    }
  }));
