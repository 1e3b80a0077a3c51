/** What the documents tell a reader to type works, prints what stands there, and names nothing that is not there. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { COMMANDS } from "../src/cli/commands.ts";
import { SETTINGS } from "../src/settings.ts";
import type { Setting } from "../src/settings_types.ts";
import { ROOT } from "../tools/build/options.ts";
import { blocksOf, DOCUMENTS, textOf, unfenced } from "./support/documents.ts";

const settings = Object.values(SETTINGS) as Setting<unknown, unknown>[];

Deno.test("every code block of the documents is run, or says why not", () => {
  for (const document of DOCUMENTS) {
    assert.deepEqual(unfenced(document), [], `${document}: code outside a fence`);
    for (const { where, kind, of } of blocksOf(document)) {
      assert.ok(kind !== undefined, `${where}: nothing says whether it is run`);
      if (kind === "run by") assert.ok(existsSync(join(ROOT, of)), `${where}: there is no ${of}`);
      if (kind === "not run") assert.ok(of.length > 10, `${where}: it does not say why`);
    }
  }
});

/** Of other programs, or of the project's own tools. */
const OTHER_FLAGS = new Set([
  "--help",
  "--version",
  "--wait",
  "--check",
  "--all",
  "--target",
  "--profile",
  "--postgres",
  "--registry",
  "--now",
]);

Deno.test("every flag that the README names is one of a command", () => {
  const known = new Set(
    settings.flatMap(({ flag, negated }) => [flag, negated?.flag]).map((flag) => flag?.split(" ")[0]),
  );
  const named = [...textOf("README.md").matchAll(/(?<=[`\s(])--[a-z][a-z-]+/g)].map(([flag]) => flag);
  assert.ok(named.length > 50);
  assert.deepEqual([...new Set(named)].filter((flag) => !known.has(flag) && !OTHER_FLAGS.has(flag)), []);
});

/** Read by the program, and no setting. */
const OTHER_VARIABLES = ["USERPIPE_FAULT"];

Deno.test("every variable that the documents name is one of a setting, or read somewhere", async () => {
  const known = new Set([...settings.flatMap(({ env, holds }) => [env, holds?.env]), ...OTHER_VARIABLES]);
  const tools = await Array.fromAsync(sources("tests", "tools"), (path) => textOf(path));
  const isRead = (name: string) => known.has(name) || tools.some((text) => text.includes(name));
  for (const document of DOCUMENTS) {
    const named = [...textOf(document).matchAll(/\b(?:USERPIPE|KAFKA|CASSANDRA)_[A-Z_]+[A-Z]/g)].map(([name]) => name);
    assert.deepEqual([...new Set(named)].filter((name) => !isRead(name)), [], document);
  }
});

async function* sources(...folders: string[]): AsyncGenerator<string> {
  for (const folder of folders) {
    for await (const { name, isDirectory } of Deno.readDir(join(ROOT, folder))) {
      if (isDirectory) yield* sources(join(folder, name));
      else if (name.endsWith(".ts")) yield join(folder, name);
    }
  }
}

Deno.test("the README's table of settings is as the code has them", () => {
  const rows = textOf("README.md").split("\n## Settings\n")[1]!.split("\n## ")[0]!
    .split("\n").filter((line) => line.startsWith("| `--")).map((line) => line.split(" | "));
  assert.ok(rows.length > 15);
  for (const [flags, variables, fallback] of rows) {
    const named = [...flags!.matchAll(/--[a-z-]+/g)].map(([flag]) => flag).filter((flag) => !flag.startsWith("--no-"));
    const found = named.map((flag) => settings.filter((each) => each.flag.split(" ")[0] === flag));
    for (const [index, candidates] of found.entries()) {
      assert.ok(candidates.length > 0, named[index]);
      assert.ok(candidates.some(({ env }) => env !== undefined && variables!.includes(`\`${env}\``)), named[index]);
      for (const { default: value } of candidates) {
        if (typeof value === "string") assert.ok(fallback!.includes(`\`${value}\``), `${named[index]}: ${value}`);
      }
    }
  }
});

Deno.test("every command that the README calls is there", () => {
  const names = new Set(COMMANDS.flatMap(({ name, alias }) => [name, alias]));
  const typed = blocksOf("README.md").map(({ text }) => text).join("\n");
  const called = [
    ...textOf("README.md").matchAll(/`(?:\.\/)?userpipe ([a-z][a-z-]*)/g),
    ...typed.matchAll(/^(?:\$ )?(?:\.\/)?userpipe ([a-z][a-z-]*)/gm),
  ].map(([, name]) => name!);
  assert.ok(called.length > 20);
  assert.deepEqual([...new Set(called)].filter((name) => !names.has(name)), []);
});

Deno.test("every flag in the README's table of commands is one that its command takes", () => {
  const rows = textOf("README.md").split("\n## Commands\n")[1]!.split("\n## ")[0]!
    .split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split(" | "));
  assert.ok(rows.length > 15);
  for (const [names, what] of rows) {
    const own = [...names!.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name!);
    for (const [, code] of what!.matchAll(/`([^`]+)`/g)) {
      // `ingest --every` stands in the row of another command.
      const [first] = code!.split(" ");
      const named = COMMANDS.some(({ name }) => name === first) ? [first!] : own;
      const taken = COMMANDS.filter(({ name }) => named.includes(name)).flatMap(({ settings }) => settings)
        .map((name) => (SETTINGS[name] as Setting<unknown, unknown>).flag.split(" ")[0]);
      const flags = code!.match(/(?<!\S)--[a-z-]+/g) ?? [];
      assert.deepEqual(flags.filter((flag) => !taken.includes(flag)), [], `${names}: ${code}`);
    }
  }
});

Deno.test("every file that the documents link to is there", () => {
  for (const document of [...DOCUMENTS, "CHANGELOG.md", "docs/faults.md"]) {
    const links = [...textOf(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path!);
    for (const path of links) assert.ok(existsSync(join(ROOT, dirname(document), path)), `${document}: ${path}`);
  }
});
