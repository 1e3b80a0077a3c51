/** Flags may stand before the command too: `userpipe --quiet status`. */
import { nameOf, SETTINGS } from "../settings.ts";
import type { Setting } from "../settings_types.ts";
import { commandOf } from "./commands.ts";

/** Of each flag whether a value follows it. */
type Value = "none" | "optional" | "needed";

export function valueOf(flag: string): Value {
  const kind = flag.split(" ")[1];
  return kind === undefined ? "none" : kind.startsWith("[") ? "optional" : "needed";
}

/**
 * The same arguments with the command in front; one behind a flag that is none stays where it is. `stream help` is
 * `stream --help`.
 */
export function commandFirst(args: readonly string[]): readonly string[] {
  const at = placeOfCommand(args);
  const line = at === 0 ? args : [args[at]!, ...args.slice(0, at), ...args.slice(at + 1)];
  return line.length === 2 && line[1] === "help" && line[0] !== "help" ? [line[0]!, "--help"] : line;
}

function placeOfCommand(args: readonly string[]): number {
  const values = valuesOfFlags();
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (!arg.startsWith("-")) return at;
    const value = values.get(arg.split("=")[0]!);
    if (value === undefined) return 0;
    const apart = !arg.includes("=") && at + 1 < args.length;
    if (apart && (value === "needed" || value === "optional" && !mayBeCommand(args[at + 1]!))) at++;
  }
  return 0;
}

function valuesOfFlags(): Map<string, Value> {
  const values = new Map<string, Value>([["--help", "none"], ["-h", "none"]]);
  for (const { flag, negated } of Object.values(SETTINGS) as Setting<unknown, unknown>[]) {
    values.set(nameOf(flag), valueOf(flag));
    if (negated !== undefined) values.set(negated.flag, "none");
  }
  return values;
}

function mayBeCommand(arg: string): boolean {
  return arg.startsWith("-") || commandOf(arg) !== undefined;
}
