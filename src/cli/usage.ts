/** What is wrong with a command line that commander refuses, and what was perhaps meant. */
import type { CommanderError } from "commander";
import { UserpipeError } from "../errors.ts";
import { nameOf, SETTINGS } from "../settings.ts";
import { joined } from "../settings_fit.ts";
import type { Setting } from "../settings_types.ts";
import type { Command } from "./command.ts";
import { commandOf, COMMANDS } from "./commands.ts";
import { commandHere, flagHere } from "./other_words.ts";
import { didYouMean } from "./similar.ts";

/** @param args with the command in front */
export function refusedLine(
  { code, message }: Pick<CommanderError, "code" | "message">,
  args: readonly string[],
): UserpipeError {
  const command = commandOf(args[0]);
  const [, quoted = ""] = /'([^']*)'/.exec(message) ?? [];
  if (code === "commander.unknownCommand") return unknownCommand(quoted);
  if (code === "commander.unknownOption") return unknownFlag(quoted, command);
  return new UserpipeError("usage", wordsOf(code, message, quoted, command), hinted(undefined, helpOf(command)));
}

function wordsOf(code: string, message: string, quoted: string, command: Command | undefined): string {
  const said = command === undefined ? "userpipe" : `userpipe ${command.name}`;
  const [, last] = / but got \d+: (?:.*, )?(.*)\.$/.exec(message) ?? [];
  if (code === "commander.excessArguments") return `"${said}" has an argument too many: "${last}"`;
  if (code === "commander.optionMissingArgument") return `"${nameOf(quoted)}" wants a value: ${quoted}`;
  if (code === "commander.missingArgument") return `"${said}" wants <${quoted}>: ${joined(command?.words ?? [], "or")}`;
  return message.replace(/^error: /, "").replaceAll("\n", " ");
}

export function unknownCommand(typed: string): UserpipeError {
  const names = COMMANDS.flatMap(({ name, alias }) => [name, ...alias === undefined ? [] : [alias]]);
  const guess = commandHere(typed) ?? didYouMean(typed, [...names, "help"]);
  return new UserpipeError("usage", `There is no command "${typed}"`, hinted(guess, "userpipe --help"));
}

function unknownFlag(given: string, command: Command | undefined): UserpipeError {
  const flag = given.split("=")[0]!;
  const hint = hinted(guessFlag(flag, command), helpOf(command));
  if (command !== undefined) {
    return new UserpipeError("usage", `"userpipe ${command.name}" has no flag "${flag}"`, hint);
  }
  if (!flagsOf(COMMANDS).includes(flag)) return new UserpipeError("usage", `There is no flag "${flag}"`, hint);
  return new UserpipeError("usage", `"${flag}" is given, and no command`, hinted(undefined, helpOf(command)));
}

function guessFlag(flag: string, command: Command | undefined): string | undefined {
  const taken = flagsOf(command === undefined ? COMMANDS : [command]);
  const here = flag === "-v" && command === undefined ? "--version" : flagHere(flag, taken);
  if (here !== undefined) return `Did you mean "${here}"?`;
  const others = COMMANDS.filter((other) => other.unlisted === undefined && flagsOf([other]).includes(flag));
  if (others.length > 0) return `It is a flag of ${listed(others.map(({ name }) => `"${name}"`))}.`;
  return didYouMean(flag, [...taken, "--help", "--version"]);
}

function flagsOf(commands: readonly Command[]): string[] {
  return commands.flatMap(({ settings, refused = [] }) =>
    settings.filter((name) => !refused.includes(name)).flatMap((name) => {
      const { flag, negated } = SETTINGS[name] as Setting<unknown, unknown>;
      return [nameOf(flag), ...negated === undefined ? [] : [negated.flag]];
    })
  );
}

/** More commands than these are not worth naming. */
const NAMED = 4;

function listed(names: readonly string[]): string {
  return names.length > NAMED ? `${names.slice(0, NAMED).join(", ")} and others` : joined(names, "and");
}

function helpOf(command: Command | undefined): string {
  return command === undefined ? "userpipe --help" : `userpipe ${command.name} --help`;
}

function hinted(guess: string | undefined, help: string): string {
  const see = `See "${help}" for what there is`;
  return guess === undefined ? see : `${guess}${/[.?]$/.test(guess) ? "" : "."} ${see}`;
}
