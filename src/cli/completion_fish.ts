/** Completion for fish. */
import type { CompletedCommand, CompletedFlag } from "./completion_table.ts";

export function fishScript(commands: readonly CompletedCommand[]): string {
  return [
    "# Completion of userpipe for fish. To have it in every shell: userpipe completion fish > ~/.config/fish/completions/userpipe.fish",
    "complete -c userpipe -f",
    "complete -c userpipe -n __fish_use_subcommand -s h -l help -d 'print this help'",
    "complete -c userpipe -n __fish_use_subcommand -s V -l version -d 'print the version'",
    ...commands.flatMap(linesOf),
    "",
  ].join("\n");
}

function linesOf({ names, summary, words, flags }: CompletedCommand): string[] {
  const named = names.map((name) =>
    `complete -c userpipe -n __fish_use_subcommand -a ${quoted(name)} -d ${quoted(summary)}`
  );
  const begin = `complete -c userpipe -n ${quoted(`__fish_seen_subcommand_from ${names.join(" ")}`)}`;
  const first = words.length === 0 ? [] : [`${begin} -a ${quoted(words.join(" "))}`];
  return [...named, ...first, ...flags.map((flag) => `${begin} ${flagOf(flag)}`)];
}

function flagOf({ name, help, value, choices, path }: CompletedFlag): string {
  return [`-l ${name.slice(2)}`, ...valueOf({ value, choices, path }), `-d ${quoted(help)}`].join(" ");
}

function valueOf({ value, choices, path }: Pick<CompletedFlag, "value" | "choices" | "path">): string[] {
  if (value !== "needed") return [];
  if (path === "file") return ["-r", "-F"];
  if (path === "folder") return ["-x", "-a", quoted("(__fish_complete_directories)")];
  return choices.length === 0 ? ["-x"] : ["-x", "-a", quoted(choices.join(" "))];
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
