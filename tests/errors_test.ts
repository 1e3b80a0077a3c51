/** Wrong usage, settings, files and questions: two lines that say what happened to what and what to do, and the right exit code. */
import assert from "node:assert/strict";
import { userpipe, withFolder } from "./support/cli.ts";
import { failsAsItShould, type Wrong } from "./support/wrong.ts";

const WRONG: (Wrong & { name: string })[] = [
  {
    name: "no such command",
    args: ["strem"],
    message: /no command "strem"/,
    hint: /Did you mean "stream"\? See "userpipe --help"/,
    code: 2,
  },
  {
    name: "help of no such command",
    args: ["dags", "--help"],
    message: /no command "dags"/,
    hint: /"userpipe runs" lists what ran/,
    code: 2,
  },
  {
    name: "no such flag",
    args: ["stream", "--max-rat", "3"],
    message: /"userpipe stream" has no flag "--max-rat"/,
    hint: /"--max-rate"\? See "userpipe stream --help"/,
    code: 2,
  },
  {
    name: "a flag without its value",
    args: ["--quiet", "stream", "--group"],
    message: /"--group" wants a value: --group <name>/,
    hint: /userpipe stream --help/,
    code: 2,
  },
  {
    name: "an argument too many",
    args: ["stream", "now"],
    message: /"userpipe stream" has an argument too many: "now"/,
    hint: /userpipe stream --help/,
    code: 2,
  },
  {
    name: "a flag and no command",
    args: ["--quiet"],
    message: /"--quiet" is given, and no command/,
    hint: /userpipe --help/,
    code: 2,
  },
  {
    name: "a bad period",
    args: ["ingest", "--every", "1"],
    message: /--every is "1": it takes/,
    hint: /--help/,
    code: 2,
  },
  {
    name: "a period that is no whole minutes",
    args: ["ingest", "--every", "90s"],
    message: /--every 90s/,
    hint: /1m, 6h, 1d/,
    code: 2,
  },
  {
    name: "a schedule that never comes",
    args: ["ingest", "--cron", "0 0 31 2 *"],
    message: /0 0 31 2 \*/,
    hint: /weekday/,
    code: 2,
  },
  {
    name: "two schedules",
    args: ["ingest", "--every", "1m", "--cron", "* * * * *"],
    message: /two schedules/,
    hint: /Leave one out/,
    code: 2,
  },
  {
    name: "two sources",
    args: ["ingest", "--file", "x", "--generate", "1"],
    message: /two sources/,
    hint: /Leave one out/,
    code: 2,
  },
  {
    name: "flags that do not fit the source",
    args: ["ingest", "--generate", "5", "--page", "2"],
    message: /--page does not fit --generate/,
    hint: /Leave out --page, or --generate/,
    code: 2,
  },
  {
    name: "a name that no topic may have",
    args: ["peek", "--topic", "a/b"],
    message: /--topic is "a\/b": it takes 1 to 249 letters/,
    hint: /--help/,
    code: 2,
  },
  {
    name: "a topic whose dead-letter topic would have too long a name",
    args: ["init", "--topic", "x".repeat(246)],
    message: /"x{246}\.dlq" is not a name that a topic may have/,
    hint: /--dead-letter-topic/,
    code: 2,
  },
  {
    name: "a bad environment variable",
    args: ["stream"],
    env: { KAFKA_BROKERS: "a b" },
    message: /KAFKA_BROKERS is "a b"/,
    hint: /--help/,
    code: 2,
  },
  {
    name: "no such pipeline",
    args: ["init", "--pipeline", "cats"],
    message: /no pipeline "cats"/,
    hint: /"users"/,
    code: 2,
  },
  {
    name: "an address that is none",
    args: ["ingest", "--url", "randomuser"],
    message: /--url: it takes a web address/,
    hint: /./,
    code: 2,
  },
  {
    name: "a schedule without its topic",
    args: ["ingest", "--every", "1m", "--generate", "1"],
    message: /topic "users_created"/,
    hint: /userpipe init/,
    code: 2,
  },
  {
    name: "a backfill without its topic",
    args: ["backfill", "--seed", "a", "--pages", "1..3"],
    message: /topic "users_created"/,
    hint: /userpipe init/,
    code: 2,
  },
  {
    name: "a page that is more than the quota",
    before: [["init"]],
    args: ["ingest", "--every", "1m", "--quota", "10/1m", "--count", "100"],
    message: /One page of 100 records is more than https:\/\/randomuser\.me allows \(10 records in 1 min\)/,
    hint: /--count, or name another --quota/,
    code: 2,
  },
  {
    name: "a file that is not JSON",
    before: [["init"]],
    files: { "page.html": "<html></html>" },
    args: ["ingest", "--file", "page.html"],
    message: /"page\.html".*not JSON/,
    hint: /./,
    code: 2,
  },
  {
    name: "an empty file",
    before: [["init"]],
    files: { "empty.json": "" },
    args: ["ingest", "--file", "empty.json"],
    message: /"empty\.json".*empty/,
    hint: /./,
    code: 2,
  },
  {
    name: "stdin that is not JSON",
    before: [["init"]],
    stdin: "hello",
    args: ["ingest", "--file", "-"],
    message: /not JSON/,
    hint: /./,
    code: 2,
  },
  {
    name: "a query that is no question",
    args: ["query", "everything"],
    message: /no question "everything"/,
    hint: /count, list, id, by/,
    code: 2,
  },
  { name: "a query without a question", args: ["query"], message: /no question/, hint: /count, list, id, by/, code: 2 },
  {
    name: "an id that is not a UUID",
    args: ["query", "id", "42"],
    message: /"42" is not a UUID/,
    hint: /query --help/,
    code: 2,
  },
  {
    name: "no such column",
    before: [["init"]],
    args: ["query", "by", "age"],
    message: /no column "age"/,
    hint: /first_name/,
    code: 2,
  },
  {
    name: "a statement that is no SELECT",
    before: [["init"]],
    args: ["query", "--cql", "DROP TABLE created_users"],
    message: /SELECT/,
    hint: /./,
    code: 2,
  },
  {
    name: "a function that only CQL has",
    before: [["init"]],
    args: ["query", "--cql", "SELECT token(id) FROM created_users"],
    message: /token/,
    hint: /./,
    code: 2,
  },
  {
    name: "an offset without a partition",
    args: ["peek", "--offset", "3"],
    message: /--offset/,
    hint: /--partition/,
    code: 2,
  },
  {
    name: "no such partition",
    before: [["init"]],
    args: ["peek", "--partition", "99"],
    message: /no partition 99/,
    hint: /0 to 3/,
    code: 2,
  },
  {
    name: "a stream that ends, in up",
    args: ["up", "--until-caught-up"],
    message: /up keeps running/,
    hint: /Leave them out/,
    code: 2,
  },
];

for (const wrong of WRONG) Deno.test(`${wrong.name}: "userpipe ${wrong.args.join(" ")}"`, () => failsAsItShould(wrong));

Deno.test("without a command the help is printed, and the exit code is 2", () =>
  withFolder(async (cwd) => {
    const { code, stderr } = await userpipe([], { cwd });
    assert.equal(code, 2);
    assert.match(stderr, /Usage: userpipe/);
  }));

Deno.test("several wrong settings are named in one error", () =>
  withFolder(async (cwd) => {
    const { code, stderr } = await userpipe(["ingest", "--count", "x", "--every", "y"], { cwd });
    assert.equal(code, 2);
    for (const part of ["2 settings are wrong", '--count is "x"', '--every is "y"']) {
      assert.ok(stderr.includes(part), stderr);
    }
  }));
