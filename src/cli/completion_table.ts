/** The table of commands as a shell's completion wants it: names, words, and of each flag what may follow it. */
import * as PIPELINES from "../pipelines.ts";
import { nameOf, type SettingName, SETTINGS } from "../settings.ts";
import type { Setting } from "../settings_types.ts";
import { type Command, COMMON } from "./command.ts";
import { valueOf } from "./command_first.ts";
import { COMMANDS } from "./commands.ts";

export interface CompletedFlag {
  /** `--format`. */
  name: string;
  help: string;
  /** `optional` is a value that may be left out: `--dashboard [host:port]`. */
  value: "none" | "optional" | "needed";
  /** What the value may be; empty where it is of another kind. */
  choices: readonly string[];
  /** Several of them by commas. */
  several: boolean;
  /** The value is a path. */
  path?: "file" | "folder";
}

export interface CompletedCommand {
  /** Its name, and its alias. */
  names: readonly string[];
  summary: string;
  /** What its first argument may be; empty where it takes none, or any. */
  words: readonly string[];
  /** What comes behind one of these words: some others, or the id of a run on record. */
  behind: Readonly<Record<string, readonly string[] | "run">>;
  flags: readonly CompletedFlag[];
}

export interface Completed {
  commands: readonly CompletedCommand[];
  /** Flags that may stand before the command. */
  before: readonly CompletedFlag[];
}

/** Of a run the beginning of its id is offered, so many letters, of so many runs. */
export const RUN_IDS = { letters: 8, runs: 50 };

const HELP = flag("--help", "print this help");

export function completed(): Completed {
  const commands = COMMANDS.map((command): CompletedCommand => {
    const { name, alias, summary, words = [], behind = {} } = command;
    return {
      names: alias === undefined ? [name] : [name, alias],
      ...{ summary, words, behind: Object.fromEntries(Object.entries(behind).map(wordsBehind)) },
      flags: [...flagsOf(command), HELP],
    };
  });
  const names = commands.map(({ names: [name] }) => name!);
  const help = { names: ["help"], summary: "print the help of a command", words: names, behind: {}, flags: [] };
  const common = flagsOf({ settings: COMMON });
  return { commands: [...commands, help], before: [...common, HELP, flag("--version", "print the version")] };
}

function wordsBehind([word, what]: [string, "column" | "run"]): [string, readonly string[] | "run"] {
  if (what === "run") return [word, "run"];
  const columns = Object.values(PIPELINES).flatMap(({ table }) => table.columns.map(({ name }) => name));
  return [word, [...new Set(columns)]];
}

function flagsOf({ settings, refused = [], help = {} }: Pick<Command, "settings" | "refused" | "help">) {
  return settings.filter((name) => !refused.includes(name)).flatMap((name) => flagOf(name, help[name]));
}

function flagOf(name: SettingName, help?: string): CompletedFlag[] {
  const { flag: form, parse, negated, ...setting } = SETTINGS[name] as Setting<unknown, unknown>;
  const path: CompletedFlag["path"] = form.endsWith("<path>")
    ? "file"
    : form.endsWith("<folder>")
    ? "folder"
    : undefined;
  const choices = name === "pipeline" ? Object.values(PIPELINES).map(({ name }) => name) : parse.choices ?? [];
  const itself = flag(nameOf(form), help ?? setting.help);
  const flags: CompletedFlag[] = [{
    ...itself,
    value: valueOf(form),
    choices,
    several: parse.several ?? false,
    ...path && { path },
  }];
  return negated === undefined ? flags : [...flags, flag(negated.flag, negated.help)];
}

function flag(name: string, help: string): CompletedFlag {
  return { name, help, value: "none", choices: [], several: false };
}
