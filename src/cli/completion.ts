/** `completion`: a script that completes commands, flags and what they take in a shell, made from the table of commands. */
import { EXIT, UserpipeError } from "../errors.ts";
import { bashScript } from "./completion_bash.ts";
import { fishScript } from "./completion_fish.ts";
import { zshScript } from "./completion_zsh.ts";
import type { Context } from "./command.ts";
import { completed } from "./completion_table.ts";

export const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

export async function completion({ args: [shell], terminal }: Context): Promise<number> {
  const script = Object.entries(SCRIPTS).find(([name]) => name === shell)?.[1];
  if (script === undefined) {
    throw new UserpipeError(
      "usage",
      `There is no completion for "${shell}"`,
      `Name one of ${Object.keys(SCRIPTS).join(", ")}`,
    );
  }
  terminal.print(script(completed()).trimEnd());
  return EXIT.done;
}
