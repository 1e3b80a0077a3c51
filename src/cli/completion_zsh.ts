/** Completion for zsh. */
import type { CompletedCommand, CompletedFlag } from "./completion_table.ts";

export function zshScript(commands: readonly CompletedCommand[]): string {
  const described = commands.flatMap(({ names, summary }) =>
    names.map((name) => `      ${quoted(`${name}:${summary}`)}`)
  );
  return `#compdef userpipe
# Completion of userpipe for zsh. To have it in every shell: eval "$(userpipe completion zsh)" in ~/.zshrc, behind compinit
_userpipe() {
  local curcontext="$curcontext" state line
  _arguments -C \\
    '(-)'{-h,--help}'[print this help]' \\
    '(-)'{-V,--version}'[print the version]' \\
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

if [[ $funcstack[1] == _userpipe ]]; then
  _userpipe "$@"
else
  compdef _userpipe userpipe
fi
`;
}

function commandCase({ names, words, flags }: CompletedCommand): string {
  const first = words.length === 0 ? [] : [quoted(`1:word:(${words.join(" ")})`), quoted("*:argument:")];
  const specs = [...flags.map(specOf), ...first].map((spec) => `        ${spec}`);
  return [`    ${names.join(" | ")})`, "      _arguments \\", specs.join(" \\\n"), "      ;;"].join("\n");
}

function specOf({ name, help, value, choices, path }: CompletedFlag): string {
  const begin = `${name}${value === "needed" ? "=" : ""}[${help.replace(/[[\]\\]/g, "\\$&")}]`;
  if (value === "none") return quoted(begin);
  const action = path === "file"
    ? "_files"
    : path === "folder"
    ? "_files -/"
    : choices.length > 0
    ? `(${choices.join(" ")})`
    : "";
  return quoted(`${begin}${value === "optional" ? "::" : ":"}${name.slice(2)}:${action}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
