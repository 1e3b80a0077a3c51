/** Completion for bash, 3.2 and later. */
import { type Completed, type CompletedCommand, type CompletedFlag, RUN_IDS } from "./completion_table.ts";

export function bashScript({ commands, before }: Completed): string {
  const names = commands.flatMap(({ names }) => names);
  return `# Completion of userpipe for bash. To have it in every shell: eval "$(userpipe completion bash)" in ~/.bashrc
_userpipe() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} IFS=$' \\t\\n' command='' at
  # "--flag=value" comes as three words.
  if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
    ${names.join(" | ")}) command=\${COMP_WORDS[at]}; break ;;
    esac
  done
  case $command in
${commands.map(commandCase).join("\n")}
  *)
${valueCases(before)}
    COMPREPLY=($(compgen -W '${namesOf(before).join(" ")}' -- "$cur"))
    [[ $cur == -* ]] || COMPREPLY=($(compgen -W '${names.join(" ")}' -- "$cur"))
    ;;
  esac
}

_userpipe_paths() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen "$1" -- "$2"))
  compopt -o filenames 2>/dev/null
}

_userpipe_several() {
  local before=''
  [[ $2 == *,* ]] && before=\${2%,*},
  COMPREPLY=($(compgen -P "$before" -W "$1" -- "\${2##*,}"))
}

# Of the record in the data folder: one in a Postgres may be slow to answer.
_userpipe_runs() {
  local folder=() at
  [[ -n $USERPIPE_RUNS ]] && return
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
    --runs) return ;;
    --data-dir)
      folder=(--data-dir "\${COMP_WORDS[at + 1]}")
      [[ \${COMP_WORDS[at + 1]} == = ]] && folder=(--data-dir "\${COMP_WORDS[at + 2]}")
      ;;
    esac
  done
  COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" runs --limit ${RUN_IDS.runs} --format csv --quiet \\
    \${folder[@]+"\${folder[@]}"} 2>/dev/null | tail -n +2 | cut -c 1-${RUN_IDS.letters})" -- "$1"))
}

complete -F _userpipe userpipe
`;
}

function commandCase({ names, words, behind, flags }: CompletedCommand): string {
  const all = namesOf(flags).join(" ");
  const first = words.length === 0
    ? []
    : [`    ((COMP_CWORD > at + 1)) || [[ $cur == -* ]] || COMPREPLY=($(compgen -W '${words.join(" ")}' -- "$cur"))`];
  return [
    `  ${names.join(" | ")})`,
    valueCases(flags, Object.entries(behind).map(behindCase)),
    `    COMPREPLY=($(compgen -W '${all}' -- "$cur"))`,
    ...first,
    "    ;;",
  ].filter((line) => line !== "").join("\n");
}

function behindCase([word, what]: [string, readonly string[] | "run"]): string {
  if (what === "run") return `    ${word}) _userpipe_runs "$cur"; return ;;`;
  return `    ${word}) COMPREPLY=($(compgen -W '${what.join(" ")}' -- "$cur")); return ;;`;
}

/** What follows a flag, or a word. */
function valueCases(flags: readonly CompletedFlag[], words: readonly string[] = []): string {
  const valued = flags.filter(({ value }) => value === "needed");
  const cases = [
    ...words,
    ...valued.filter(({ path }) => path !== undefined).map(pathCase),
    ...valued.filter(({ choices }) => choices.length > 0).map(choicesCase),
    ...others(valued.filter(({ path, choices }) => path === undefined && choices.length === 0)),
  ];
  return cases.length === 0 ? "" : ["    case $prev in", ...cases, "    esac"].join("\n");
}

function pathCase({ name, path }: CompletedFlag): string {
  return `    ${name}) _userpipe_paths ${path === "file" ? "-f" : "-d"} "$cur"; return ;;`;
}

function choicesCase({ name, choices, several }: CompletedFlag): string {
  const words = choices.join(" ");
  if (several) return `    ${name}) _userpipe_several '${words}' "$cur"; return ;;`;
  return `    ${name}) COMPREPLY=($(compgen -W '${words}' -- "$cur")); return ;;`;
}

/** What no shell can know. */
function others(flags: readonly CompletedFlag[]): string[] {
  return flags.length === 0 ? [] : [`    ${namesOf(flags).join(" | ")}) return ;;`];
}

function namesOf(flags: readonly CompletedFlag[]): string[] {
  return flags.map(({ name }) => name);
}
