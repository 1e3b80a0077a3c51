/** Completion for zsh. */
import { type Completed, type CompletedCommand, type CompletedFlag, RUN_IDS } from "./completion_table.ts";

export function zshScript({ commands, before }: Completed): string {
  const described = commands.flatMap(({ names, summary }) =>
    names.map((name) => `      ${quoted(`${name}:${summary}`)}`)
  );
  return `#compdef userpipe
# Completion of userpipe for zsh. To have it in every shell: eval "$(userpipe completion zsh)" in ~/.zshrc, behind compinit
_userpipe() {
  local curcontext="$curcontext" state line
  # All that was typed: further on, words has what is behind the command.
  local -a userpipe_words=("\${words[@]}")
  _arguments -C \\
${before.map((flag) => `    ${specOf(flag)} \\`).join("\n")}
    '1: :->command' \\
    '*:: :->arguments'
  case $state in
  command)
    local -a commands
    commands=(
${described.join("\n")}
    )
    _describe command commands
    ;;
  arguments)
    case $words[1] in
${commands.map(commandCase).join("\n")}
    esac
    ;;
  esac
}

# Of the record in the data folder: one in a Postgres may be slow to answer.
_userpipe_runs() {
  local -a folder ids
  local at=\${userpipe_words[(I)--data-dir]}
  [[ -n $USERPIPE_RUNS || -n \${userpipe_words[(r)--runs*]} ]] && return
  ((at > 0)) && folder=(--data-dir "\${(Q)userpipe_words[at + 1]}")
  folder+=(\${(Q)userpipe_words[(r)--data-dir=*]})
  ids=(\${(f)"$(\${(Q)userpipe_words[1]} runs --limit ${RUN_IDS.runs} --format csv --quiet $folder 2>/dev/null |
    tail -n +2 | cut -c 1-${RUN_IDS.letters})"})
  compadd -V runs -a ids
}

if [[ $funcstack[1] == _userpipe ]]; then
  _userpipe "$@"
else
  compdef _userpipe userpipe
fi
`;
}

function commandCase({ names, words, behind, flags }: CompletedCommand): string {
  const second = Object.entries(behind).map(behindCase).join(" ");
  const first = words.length === 0 ? [] : [
    quoted(`1:word:(${words.join(" ")})`),
    ...second === "" ? [] : [quoted("2: :->behind")],
    quoted("*:argument:"),
  ];
  const specs = [...flags.map(specOf), ...first].map((spec) => `        ${spec}`);
  return [
    `    ${names.join(" | ")})`,
    `      _arguments${second === "" ? "" : " -C"} \\`,
    specs.join(" \\\n"),
    ...second === "" ? [] : [`      [[ $state == behind ]] && case $line[1] in ${second} esac`],
    "      ;;",
  ].join("\n");
}

function behindCase([word, what]: [string, readonly string[] | "run"]): string {
  return `${word}) ${what === "run" ? "_userpipe_runs" : `compadd ${what.join(" ")}`} ;;`;
}

const SHORT: Record<string, string> = { "--help": "-h", "--version": "-V" };

function specOf({ name, help, value, choices, several, path }: CompletedFlag): string {
  const text = `[${help.replace(/[[\]\\]/g, "\\$&")}]`;
  const short = SHORT[name];
  if (short !== undefined) return `'(-)'{${short},${name}}${quoted(text)}`;
  const begin = `${name}${value === "needed" ? "=" : ""}${text}`;
  if (value === "none") return quoted(begin);
  const action = path === "file" ? "_files" : path === "folder" ? "_files -/" : choicesOf(choices, several);
  return quoted(`${begin}${value === "optional" ? "::" : ":"}${name.slice(2)}:${action}`);
}

function choicesOf(choices: readonly string[], several: boolean): string {
  if (choices.length === 0) return "";
  return several ? `_values -s , value ${choices.join(" ")}` : `(${choices.join(" ")})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
