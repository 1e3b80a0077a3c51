/** What a shell's own completion offers for lines, by the script of `userpipe completion`. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ownEnvironment } from "./cli.ts";
import { COMPILED_FLAGS, ROOT } from "../../tools/build/options.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

/** Between the offers of two lines. */
const END = "-- end of what is offered --";

const BASH = `source "$1"; shift
for line; do
  COMP_WORDS=($line); [[ $line == *' ' ]] && COMP_WORDS+=("")
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  _userpipe
  printf '%s\\n' "\${COMPREPLY[@]}" '${END}'
done`;

const FISH = `source $argv[1]; for line in $argv[2..-1]; complete -C $line; echo '${END}'; end`;

/** An interactive zsh in a terminal of its own, whose \`compadd\` also writes down what matches. */
const ZSH = `zmodload zsh/zpty
script=$1 out=$2; shift 2
: > $out
zpty -b shell "exec zsh -f -i"
zpty -w shell "PS1= LISTMAX=100000; autoload -U compinit && compinit -u -D; source \${(q)script}
compadd() {
  [[ \\\${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]] && { builtin compadd \\"\\$@\\"; return }
  local -a hits; builtin compadd -A hits \\"\\$@\\"; print -rl -- \\$hits >> \${(q)out}; builtin compadd \\"\\$@\\"
}
ended() { print -r -- '${END}' >> \${(q)out}; zle kill-whole-line }
zle -N ended; bindkey '^T' ended; print -r -- '${END}' >> \${(q)out}"
ends=1
for line; do
  until (( \$(grep -c -e '^${END}' $out) >= ends )); do zpty -r -t shell _ ; sleep 0.02; done
  zpty -w -n shell "$line"$'\\t\\x14'
  ((ends++))
done
until (( \$(grep -c -e '^${END}' $out) >= ends )); do zpty -r -t shell _ ; sleep 0.02; done
zpty -d shell
sed 1d $out`;

/**
 * Beside `script` is the `userpipe` that it calls.
 * @returns for each line what is offered, without repetition, sorted
 */
export async function offered(
  shell: Shell,
  script: string,
  cwd: string,
  lines: readonly string[],
): Promise<string[][]> {
  const args = {
    bash: ["--norc", "-c", BASH, "bash", script, ...lines],
    zsh: ["-f", "-c", ZSH, "zsh", script, join(dirname(script), "zsh-offers"), ...lines],
    fish: ["--no-config", "-c", FISH, script, ...lines],
  }[shell];
  const env = { ...ownEnvironment(), PATH: `${dirname(script)}:${Deno.env.get("PATH")}`, TERM: "xterm" };
  const { stdout, stderr } = await new Deno.Command(shell, { args, cwd, env, clearEnv: true }).output();
  assert.equal(new TextDecoder().decode(stderr), "", shell);
  const all = new TextDecoder().decode(stdout).split(`${END}\n`).slice(0, -1);
  assert.equal(all.length, lines.length, shell);
  return all.map((text) => [...new Set(text.split("\n").map(wordOf).filter((word) => word !== ""))].toSorted());
}

/** Without fish's description, zsh's quotes, what stands before a comma, and the slash behind a folder. */
function wordOf(offer: string): string {
  return offer.split("\t")[0]!.replaceAll("\\", "").replace(/^.*,/, "").replace(/\/$/, "").trim();
}

/** Puts a `userpipe` that runs from source into `folder`. */
export async function installIn(folder: string): Promise<void> {
  const words = [Deno.execPath(), "run", ...COMPILED_FLAGS, "--config", join(ROOT, "deno.json"), join(ROOT, "main.ts")];
  const quoted = words.map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(join(folder, "userpipe"), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
}

export async function isThere(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
