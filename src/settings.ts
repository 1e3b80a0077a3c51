/**
 * Every setting once: its flag, its environment variable, its default and its check.
 * A flag wins over the environment, and that over the default; what is wrong is told in one error.
 */
import { UserpipeError } from "./errors.ts";
import { DASHBOARD } from "./settings_dashboard.ts";
import { assertFitting } from "./settings_fit.ts";
import { LOOKS } from "./settings_looks.ts";
import { MOVES } from "./settings_moves.ts";
import { PLACES } from "./settings_places.ts";
import { RUNS } from "./settings_runs.ts";
import type { Setting } from "./settings_types.ts";

export const SETTINGS = { ...PLACES, ...MOVES, ...RUNS, ...LOOKS, ...DASHBOARD };

type Definitions = typeof SETTINGS;
export type SettingName = keyof Definitions;
/** The values of all settings; one without a default may be undefined. */
export type Settings = {
  [K in SettingName]: Definitions[K] extends Setting<infer T, infer D> ? (D extends undefined ? T | undefined : T)
    : never;
};

/** What the command line gave: texts, `true` for a flag without a value, `false` for a negated one. By setting name. */
export type Flags = Partial<Record<string, string | boolean>>;

/**
 * Resolves the named settings; all others have their default.
 * @throws {UserpipeError} `settings`, naming everything that is wrong, or flags that do not go together
 */
export function resolveSettings(
  names: readonly SettingName[],
  flags: Flags,
  env: (name: string) => string | undefined,
): Settings {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, { default: value }] of Object.entries(SETTINGS)) values[key] = value;
  for (const key of names) {
    const { flag, env: variable, parse, parseFlag = parse, secret } = SETTINGS[key] as Setting<unknown, unknown>;
    const fromFlag = flags[key];
    const fromEnv = variable === undefined ? undefined : env(variable) || undefined;
    const given = fromFlag ?? fromEnv;
    if (given === undefined) continue;
    const parsed = (fromFlag === undefined ? parse : parseFlag)(String(given));
    const origin = fromFlag === undefined ? variable! : nameOf(flag);
    if (parsed.ok) values[key] = parsed.value;
    else problems.push(secret ? `${origin}: ${parsed.reason}` : `${origin} is "${given}": ${parsed.reason}`);
  }
  if (problems.length > 0) {
    throw new UserpipeError(
      "settings",
      problems.length === 1 ? problems[0]! : `${problems.length} settings are wrong:\n  ${problems.join("\n  ")}`,
      'Run the command with "--help" to see what each takes',
    );
  }
  assertFitting((name) => flagOf(flags, name), (name) => values[name] !== undefined);
  return values as Settings;
}

/** `--page`, where the command line gave that setting; nothing where it did not. */
export function flagOf(flags: Flags, name: SettingName): string | undefined {
  return flags[name] === undefined ? undefined : nameOf(SETTINGS[name].flag);
}

/** `--brokers` of `--brokers <list>`. */
function nameOf(flag: string): string {
  return flag.split(" ")[0]!;
}
