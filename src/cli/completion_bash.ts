/** Completion for bash, 3.2 and later. */
import type { CompletedCommand, CompletedFlag } from "./completion_table.ts";

export function bashScript(commands: readonly CompletedCommand[]): string {
  return `# Completion of userpipe for bash. To have it in every shell: eval "$(userpipe completion bash)" in ~/.bashrc
_userpipe() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} IFS=$' \\t\\n'
  # "--flag=value" comes as three words.
  if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${commands.flatMap(({ names }) => names).join(" ")} --help --version' -- "$cur"))
    return
  fi
  case \${COMP_WORDS[1]} in
${commands.map(commandCase).join("\n")}
  esac
}

_userpipe_paths() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen "$1" -- "$2"))
  compopt -o filenames 2>/dev/null
}

complete -F _userpipe userpipe
`;
}

function commandCase({ names, words, flags }: CompletedCommand): string {
  const valued = flags.filter(({ value }) => value === "needed");
  const cases = [
    ...valued.filter(({ path }) => path !== undefined).map(pathCase),
    ...valued.filter(({ choices }) => choices.length > 0).map(choicesCase),
    ...others(valued.filter(({ path, choices }) => path === undefined && choices.length === 0)),
  ];
  const all = [...words, ...flags.map(({ name }) => name)].join(" ");
  const lines = cases.length === 0 ? [] : ["    case $prev in", ...cases, "    esac"];
  return [`  ${names.join(" | ")})`, ...lines, `    COMPREPLY=($(compgen -W '${all}' -- "$cur"))`, "    ;;"].join("\n");
}

function pathCase({ name, path }: CompletedFlag): string {
  return `    ${name}) _userpipe_paths ${path === "file" ? "-f" : "-d"} "$cur"; return ;;`;
}

function choicesCase({ name, choices }: CompletedFlag): string {
  return `    ${name}) COMPREPLY=($(compgen -W '${choices.join(" ")}' -- "$cur")); return ;;`;
}

/** What no shell can know. */
function others(flags: readonly CompletedFlag[]): string[] {
  return flags.length === 0 ? [] : [`    ${flags.map(({ name }) => name).join(" | ")}) return ;;`];
}
