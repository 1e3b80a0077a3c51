/** The command line as a person types it: flags before the command, words of other programs, and what was perhaps meant. */
import assert from "node:assert/strict";
import { commandFirst } from "../src/cli/command_first.ts";
import { COMMANDS } from "../src/cli/commands.ts";
import { commandHere, flagHere } from "../src/cli/other_words.ts";
import { didYouMean, similar } from "../src/cli/similar.ts";
import { refusedLine, unknownCommand } from "../src/cli/usage.ts";

Deno.test("flags may stand before the command, with their values", () => {
  for (
    const [typed, taken] of [
      ["--quiet status", "status --quiet"],
      ["--data-dir status status", "status --data-dir status"],
      ["--log-format=json --brokers b:9092 peek --max 3", "peek --log-format=json --brokers b:9092 --max 3"],
      ["--dashboard up --every 1m", "up --dashboard --every 1m"],
      ["--dashboard 9000 up", "up --dashboard 9000"],
      ["--help stream", "stream --help"],
      ["stream help", "stream --help"],
      ["help help", "help help"],
      ["query list 3", "query list 3"],
      // What is no flag is told as it stands.
      ["--evry 1m ingest", "--evry 1m ingest"],
      ["--quiet", "--quiet"],
      ["--data-dir status", "--data-dir status"],
      ["-V", "-V"],
      ["-- status", "-- status"],
      ["", ""],
    ] as const
  ) {
    const words = (line: string) => line.split(" ").filter((word) => word !== "");
    assert.deepEqual(commandFirst(words(typed)), words(taken), typed);
  }
});

Deno.test("of words that are near the nearest is a guess, and of words that are not none", () => {
  const names = COMMANDS.map(({ name }) => name);
  for (
    const [typed, ...meant] of [
      ["steam", "stream"],
      ["Verfy", "verify"],
      ["igenst", "ingest"],
      ["deadletters", "dead-letters"],
      ["xyzzy"],
    ]
  ) assert.deepEqual(similar(typed!, names), meant, typed);
  assert.equal(didYouMean("pas", ["past", "pass"]), 'Did you mean "past" or "pass"?');
  assert.equal(didYouMean("x", ["stream"]), undefined);
});

Deno.test("commands and flags of other programs lead to ours, which are there", () => {
  const named = [..."topics consumer-groups dags consume logs cqlsh webserver unpause submit version".split(" ")];
  for (const word of named) {
    const [, command] = /"userpipe ([a-z-]+)/.exec(commandHere(word)!)!;
    assert.ok(command!.startsWith("--") || COMMANDS.some(({ name }) => name === command), word);
    assert.match(unknownCommand(word).hint, /^".*See "userpipe --help" for what there is$/);
  }
  for (const { name, alias } of COMMANDS) {
    for (const own of [name, alias]) if (own !== undefined) assert.equal(commandHere(own), undefined, own);
  }
  assert.match(unknownCommand("services").hint, /deno task services down/);
  assert.equal(flagHere("--bootstrap-server", ["--topic", "--brokers"]), "--brokers");
  assert.equal(flagHere("--bootstrap-server", ["--topic"]), undefined);
});

Deno.test("a flag that the command does not have is told with one that it has, or with the commands that have it", () => {
  const hint = (flag: string, ...args: string[]) =>
    refusedLine({ code: "commander.unknownOption", message: `error: unknown option '${flag}'` }, args).hint;
  assert.match(hint("--json", "query"), /^Did you mean "--format json"\?/);
  assert.match(hint("--limit", "peek"), /^Did you mean "--max"\?/);
  assert.match(hint("--every", "init"), /^It is a flag of "up" and "ingest"\./);
  assert.match(hint("--evry=1m", "ingest"), /^Did you mean "--every"\? See "userpipe ingest --help"/);
  assert.match(hint("--until-caught-up", "up"), /^It is a flag of "stream"\./);
  assert.match(hint("-v"), /^Did you mean "--version"\?/);
  assert.equal(hint("--xyzzy", "up"), 'See "userpipe up --help" for what there is');
});
