/** The table of commands as a shell's completion wants it: names, words, and of each flag what may follow it. */
import { SETTINGS } from "../settings.ts";
import type { Setting } from "../settings_types.ts";
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
  /** The value is a path. */
  path?: "file" | "folder";
}

export interface CompletedCommand {
  /** Its name, and its alias. */
  names: readonly string[];
  summary: string;
  /** What its first argument may be; empty where it takes none, or any. */
  words: readonly string[];
  flags: readonly CompletedFlag[];
}

const HELP: CompletedFlag = { name: "--help", help: "print this help", value: "none", choices: [] };

export function completed(): CompletedCommand[] {
  const commands = COMMANDS.map(({ name, alias, summary, words = [], settings, refused = [], help = {} }) => {
    const flags = settings.filter((name) => !refused.includes(name)).flatMap((name) => {
      const setting = SETTINGS[name] as Setting<unknown, unknown>;
      return flagsOf(setting, help[name] ?? setting.help);
    });
    return { names: alias === undefined ? [name] : [name, alias], summary, words, flags: [...flags, HELP] };
  });
  const words = commands.map(({ names: [name] }) => name!);
  return [...commands, { names: ["help"], summary: "print the help of a command", words, flags: [] }];
}

function flagsOf({ flag, parse, negated }: Setting<unknown, unknown>, help: string): CompletedFlag[] {
  const [name, kind] = flag.split(" ");
  const value = valueOf(flag);
  const path = kind === "<path>" ? "file" : kind === "<folder>" ? "folder" : undefined;
  const flags: CompletedFlag[] = [{ name: name!, help, value, choices: parse.choices ?? [], ...path && { path } }];
  if (negated !== undefined) flags.push({ name: negated.flag, help: negated.help, value: "none", choices: [] });
  return flags;
}
