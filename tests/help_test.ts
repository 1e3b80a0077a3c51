/** Help: it fits where it is shown, lists the flags that the command takes, and tells the defaults that hold. */
import assert from "node:assert/strict";
import { COMMANDS } from "../src/cli/commands.ts";
import { flowed, TIE } from "../src/cli/help.ts";
import { programOf } from "../src/cli/program.ts";
import { nameOf, type SettingName, SETTINGS } from "../src/settings.ts";
import { defaultText, type Setting } from "../src/settings_types.ts";

/** What each command prints as its help, by its name; that of the program under "". */
function helps(width: number): Map<string, string> {
  const program = programOf(async () => {}, width);
  return new Map([program, ...program.commands].map((command) => {
    let text = "";
    command.configureOutput({ writeOut: (piece) => text += piece }).outputHelp();
    return [command === program ? "" : command.name(), text];
  }));
}

for (const width of [80, 120, 40]) {
  Deno.test(`help fits ${width} columns, but for what cannot be broken`, () => {
    for (const [name, text] of helps(width)) {
      assert.ok(!text.includes(TIE), name);
      for (const line of text.split("\n")) {
        // An address, a variable's name with its default, or the text of an example.
        const whole = line.trim();
        const unbreakable = width < 80 &&
          (!whole.includes(" ") || /^(--|userpipe )|\(?(env|default) |^Usage: /.test(whole));
        assert.ok(line.length <= width || unbreakable, `${name}, ${line.length} columns: ${line}`);
        assert.equal(line, line.trimEnd(), name);
      }
    }
  });
}

Deno.test("no line of a help ends early: text flows, whatever its line ends in the source are", () => {
  const text = helps(80).get("verify")!;
  const lines = text.slice(text.indexOf("Compares"), text.indexOf("Schedules")).split("\n\n")[0]!.split("\n");
  assert.ok(lines.length > 2);
  lines.slice(0, -1).forEach((line, n) => {
    assert.ok(line.length + 1 + lines[n + 1]!.split(" ")[0]!.length > 80, line);
  });
  assert.equal(flowed("a b\nc  d", 3), "a b\nc d");
  assert.equal(flowed(`a b${TIE}c`, 3), "a\nb c");
});

Deno.test("help lists each flag that the command takes with its default, and none that it refuses", () => {
  const texts = helps(120);
  for (const { name, settings, refused = [], unlisted = [], help = {} } of COMMANDS) {
    const text = texts.get(name)!;
    for (const setting of settings) {
      const { flag, default: value } = SETTINGS[setting] as Setting<unknown, unknown>;
      const at = text.search(new RegExp(`^  ${nameOf(flag)}( |$)`, "m"));
      const hidden = ([...refused, ...unlisted] as SettingName[]).includes(setting);
      assert.equal(at === -1, hidden, `${name} ${flag}`);
      if (hidden || help[setting] !== undefined || defaultText(value) === "") continue;
      const itsOwn = text.slice(at + 2).split(/\n {2}-|\n\n/)[0]!;
      assert.ok(itsOwn.includes(`default ${defaultText(value)}`), `${name} ${flag}: ${itsOwn}`);
    }
  }
});

Deno.test("a long example is broken where a shell goes on", () => {
  const text = helps(80).get("dashboard")!;
  const example = text.slice(text.lastIndexOf("  userpipe dashboard 0.0.0.0"));
  assert.ok(example.includes(" \\\n      --"), example);
  const whole = COMMANDS.find(({ name }) => name === "dashboard")!.examples.at(-1);
  assert.equal(example.replaceAll(/ \\\n +/g, " ").trim(), whole);
});
