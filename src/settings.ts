/**
 * Every setting once: its flag, its environment variable, its default and its check.
 * A flag wins over the environment, and that over the default; what is wrong is told in one error.
 */
import { UserpipeError } from "./errors.ts";
import { hasLogin } from "./hidden.ts";
import type { Result } from "./pipeline.ts";
import { DASHBOARD } from "./settings_dashboard.ts";
import { misfits, type Problem } from "./settings_fit.ts";
import { LOOKS } from "./settings_looks.ts";
import { MOVES } from "./settings_moves.ts";
import { LOGS, MADE, PLACES } from "./settings_places.ts";
import { REGISTRY, registryProblems } from "./settings_registry.ts";
import { RUNS } from "./settings_runs.ts";
import { SECURITY, securityProblems } from "./settings_secure.ts";
import type { Setting } from "./settings_types.ts";

export const SETTINGS = {
  ...PLACES,
  ...MADE,
  ...SECURITY,
  ...REGISTRY,
  ...MOVES,
  ...RUNS,
  ...LOOKS,
  ...DASHBOARD,
  ...LOGS,
};

export const LOG_GROUP = "Logs, and how it ends";

/** The settings by what they are of: help and `userpipe settings` show them under these words. */
export const GROUPS: Record<string, Record<string, unknown>> = {
  "Places": PLACES,
  "What init makes": MADE,
  "Secure connections": SECURITY,
  "The schema registry": REGISTRY,
  "What is fetched, and how it is carried": MOVES,
  "Schedules, runs and their record": RUNS,
  "What is shown": LOOKS,
  "The page": DASHBOARD,
  [LOG_GROUP]: LOGS,
};

/** The words of {@linkcode GROUPS} that a setting stands under. */
export function groupOf(name: SettingName): string {
  return Object.keys(GROUPS).find((title) => name in GROUPS[title]!)!;
}

type Definitions = typeof SETTINGS;
export type SettingName = keyof Definitions;
/** The values of all settings; one without a default may be undefined. */
export type Settings = {
  [K in SettingName]: Definitions[K] extends Setting<infer T, infer D> ? (D extends undefined ? T | undefined : T)
    : never;
};

export type Environment = (name: string) => string | undefined;

/** That of the process. */
export const environment: Environment = (name) => Deno.env.get(name);

/** What the command line gave: texts, `true` for a flag without a value, `false` for a negated one. By setting name. */
export type Flags = Partial<Record<string, string | boolean>>;

/**
 * Resolves the named settings; all others have their default.
 * @throws {UserpipeError} `settings`, naming everything that is wrong, or flags that do not go together
 */
export function resolveSettings(
  names: readonly SettingName[],
  flags: Flags,
  env: Environment,
): Settings {
  const values = resolveGood(names, flags, env);
  const wrong = wrongValues(names, flags, env);
  if (wrong.length > 0) throw allOf(wrong, SEE_HELP);
  for (const { error } of problemsTogether(names, values, flags, env)) throw error;
  return values;
}

const SEE_HELP = 'Run the command with "--help" to see what each takes';

/** What is wrong with each by itself. */
export function wrongValues(names: readonly SettingName[], flags: Flags, env: Environment): Problem[] {
  return names.flatMap((of) => {
    const problem = givenOf(of, flags, env)?.problem;
    return problem === undefined ? [] : { of, error: new UserpipeError("settings", problem, SEE_HELP) };
  });
}

/** What is wrong with settings that are right each by itself, where a command would take all of `names`. */
export function* problemsTogether(
  names: readonly SettingName[],
  values: Record<string, unknown>,
  flags: Flags,
  env: Environment,
): Generator<Problem> {
  const flag = flagOf.bind(null, flags);
  yield* misfits(flag, (name) => values[name] !== undefined);
  yield* securityProblems(names, values, flag, env);
  yield* registryProblems(names, values, flag, env);
}

/** One error of several problems, or that of the only one. @param hint what to do about several */
export function allOf([first, ...others]: readonly Problem[], hint: string): UserpipeError {
  if (others.length === 0) return first!.error;
  const lines = [first!, ...others].map(({ error }) =>
    error.hint === SEE_HELP ? error.message : `${error.message}. ${error.hint}`
  );
  return new UserpipeError("settings", `${lines.length} settings are wrong:\n  ${lines.join("\n  ")}`, hint);
}

/** As {@linkcode resolveSettings}, but what is wrong has its default: for a command that says itself what is. */
export function resolveGood(names: readonly SettingName[], flags: Flags, env: Environment): Settings {
  const values: Record<string, unknown> = defaults();
  for (const key of names) {
    const parsed = givenOf(key, flags, env)?.parsed;
    if (parsed?.ok) values[key] = parsed.value;
  }
  return values as Settings;
}

/** Of a setting what the command line or the environment says. */
export interface Given {
  text: string;
  /** The flag, or the variable. */
  origin: string;
  byFlag: boolean;
  parsed: Result<unknown>;
  /** Where it is wrong: one line, with no secret in it. */
  problem?: string;
  /** Where it is wrong: whether the text may have a secret in it. */
  hidden?: boolean;
}

/** @returns undefined where neither says anything */
export function givenOf(name: SettingName, flags: Flags, env: Environment): Given | undefined {
  const { flag, env: variable, parse, parseFlag = parse, secret } = SETTINGS[name] as Setting<unknown, unknown>;
  const fromFlag = flags[name];
  const fromEnv = variable === undefined ? undefined : env(variable) || undefined;
  if (fromFlag === undefined && fromEnv === undefined) return undefined;
  const text = String(fromFlag ?? fromEnv);
  const byFlag = fromFlag !== undefined;
  const origin = byFlag ? nameOf(flag) : variable!;
  const parsed = (byFlag ? parseFlag : parse)(text);
  if (parsed.ok) return { text, origin, byFlag, parsed };
  const hidden = secret || hasLogin(text);
  const problem = hidden ? `${origin}: ${parsed.reason}` : `${origin} is "${text}": ${parsed.reason}`;
  return { text, origin, byFlag, parsed, problem, hidden };
}

function defaults(): Record<string, unknown> {
  return Object.fromEntries(Object.entries(SETTINGS).map(([name, setting]) => [name, setting.default]));
}

/** `--page`, where the command line gave that setting; nothing where it did not. */
export function flagOf(flags: Flags, name: SettingName): string | undefined {
  return flags[name] === undefined ? undefined : nameOf(SETTINGS[name].flag);
}

/** `--brokers` of `--brokers <list>`. */
export function nameOf(flag: string): string {
  return flag.split(" ")[0]!;
}
