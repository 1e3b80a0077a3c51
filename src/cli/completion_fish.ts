/** Completion for fish, 3.2 and later. */
import { type Completed, type CompletedCommand, type CompletedFlag, RUN_IDS } from "./completion_table.ts";

export function fishScript({ commands, before }: Completed): string {
  const names = commands.flatMap(({ names }) => names).join(" ");
  const none = `complete -c userpipe -n ${quoted(`not __fish_seen_subcommand_from ${names}`)}`;
  return `# Completion of userpipe for fish. To have it in every shell: userpipe completion fish > ~/.config/fish/completions/userpipe.fish
# Of the record in the data folder: one in a Postgres may be slow to answer.
function __userpipe_runs
  set -l words (commandline -opc)
  if set -q USERPIPE_RUNS; or contains -- --runs $words
    return
  end
  set -l folder
  if set -l at (contains -i -- --data-dir $words)
    set folder --data-dir $words[(math $at + 1)]
  end
  string match -r '^--data-dir=.*' -- $words | read -l joined
  and set folder $joined
  $words[1] runs --limit ${RUN_IDS.runs} --format csv --quiet $folder 2>/dev/null | tail -n +2 | cut -c 1-${RUN_IDS.letters}
end

function __userpipe_words
  printf '%s\\n' $argv
end

complete -c userpipe -f
${before.map((flag) => `${none} ${flagOf(flag)}`).join("\n")}
${commands.flatMap((command) => linesOf(command, none)).join("\n")}
`;
}

function linesOf({ names, summary, words, behind, flags }: CompletedCommand, none: string): string[] {
  const seen = `__fish_seen_subcommand_from ${names.join(" ")}`;
  const begin = `complete -c userpipe -n`;
  const first = `${seen}; and not __fish_seen_subcommand_from ${words.join(" ")}`;
  return [
    ...names.map((name) => `${none} -a ${quoted(name)} -d ${quoted(summary)}`),
    ...words.length === 0 ? [] : [`${begin} ${quoted(first)} -a ${quoted(words.join(" "))}`],
    ...Object.entries(behind).map(([word, what]) => {
      const list = what === "run" ? "(__userpipe_runs)" : what.join(" ");
      return `${begin} ${quoted(`${seen}; and __fish_prev_arg_in ${word}`)} -a ${quoted(list)}`;
    }),
    ...flags.map((flag) => `${begin} ${quoted(seen)} ${flagOf(flag)}`),
  ];
}

const SHORT: Record<string, string> = { "--help": "-s h ", "--version": "-s V " };

function flagOf(flag: CompletedFlag): string {
  const { name, help } = flag;
  return [`${SHORT[name] ?? ""}-l ${name.slice(2)}`, ...valueOf(flag), `-d ${quoted(help)}`].join(" ");
}

function valueOf({ value, choices, several, path }: CompletedFlag): string[] {
  if (value !== "needed") return [];
  if (path === "file") return ["-r", "-F"];
  if (path === "folder") return ["-x", "-a", quoted("(__fish_complete_directories)")];
  const words = choices.join(" ");
  if (several) return ["-x", "-a", quoted(`(__fish_complete_list , '__userpipe_words ${words}')`)];
  return choices.length === 0 ? ["-x"] : ["-x", "-a", quoted(words)];
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
