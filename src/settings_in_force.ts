/** What each setting is and what says so, with secrets hidden: the rows of `userpipe settings`. Nothing in here ends at a wrong one. */
import { messageOf } from "./errors.ts";
import { HIDDEN, withoutSecrets } from "./hidden.ts";
import { type Environment, type Flags, givenOf, GROUPS, nameOf, type SettingName, SETTINGS } from "./settings.ts";
import { defaultText, type Setting } from "./settings_types.ts";

export interface InForce {
  /** One of {@linkcode GROUPS}, or {@linkcode RUNTIME}. */
  group: string;
  /** Null of a variable that is no setting of userpipe's own. */
  name: SettingName | null;
  /** `--brokers`, or the variable. */
  setting: string;
  environment: string | null;
  /** A secret is {@linkcode HIDDEN} as far as it is one. Null where nothing says anything. */
  value: string | null;
  /** What holds where `value` is null, in words. */
  otherwise: string | null;
  /** What says so, in words: `flag`, `environment KAFKA_BROKERS`, `file "password"`, `default`. */
  from: string;
  secret: boolean;
  /** What is wrong with it, with no secret in it. */
  error: string | null;
}

/** The group of variables that the runtime reads by itself. */
export const RUNTIME = "What the runtime reads by itself";

/** Such variables, and how each is shown. They are listed where they are set, in small letters too. */
const VARIABLES: Record<string, (value: string) => string> = {
  HTTP_PROXY: withoutSecrets,
  HTTPS_PROXY: withoutSecrets,
  ALL_PROXY: withoutSecrets,
  NO_PROXY: String,
  OTEL_DENO: String,
  OTEL_EXPORTER_OTLP_ENDPOINT: withoutSecrets,
  OTEL_EXPORTER_OTLP_HEADERS: () => HIDDEN,
};

export interface InForceOptions {
  flags: Flags;
  env: Environment;
  readFile: (path: string) => Promise<string>;
}

/** All settings of all commands in the order of their definition, then what the runtime reads. */
export async function settingsInForce(options: InForceOptions): Promise<InForce[]> {
  const rows: InForce[] = [];
  for (const [group, settings] of Object.entries(GROUPS)) {
    for (const name of Object.keys(settings) as SettingName[]) {
      rows.push({ group, name, ...await rowOf(name, options) });
    }
  }
  return [...rows, ...ofRuntime(options.env)];
}

type Row = Omit<InForce, "group" | "name">;

async function rowOf(name: SettingName, options: InForceOptions): Promise<Row> {
  const definition = SETTINGS[name] as Setting<unknown, unknown>;
  const { flag, env: variable, default: value, secret = false, shownAs = () => HIDDEN, holds, help } = definition;
  const otherwise = /left out: (.*)$/s.exec(help)?.[1] ?? null;
  const row = {
    setting: nameOf(flag),
    environment: variable ?? null,
    value: defaultText(value) || (value === false ? "false" : null),
    otherwise,
    from: value === undefined && otherwise === null ? "not set" : "default",
    secret: secret || holds !== undefined,
    error: null,
  };
  const given = givenOf(name, options.flags, options.env);
  if (holds !== undefined) return { ...row, ...await secretOf(holds, given?.text, given?.origin, options) };
  if (given === undefined) return row;
  const { text, origin, byFlag, problem = null } = given;
  const shown = secret ? (problem === null ? shownAs(text) : HIDDEN) : text;
  return { ...row, value: shown, from: byFlag ? "flag" : `environment ${origin}`, error: problem };
}

/** A secret: that of the file, where one is named, else that of the variable. */
async function secretOf(
  { what, env: variable }: NonNullable<Setting<unknown, unknown>["holds"]>,
  path: string | undefined,
  origin: string | undefined,
  { env, readFile }: InForceOptions,
): Promise<Partial<Row>> {
  if (path === undefined) return env(variable) ? { value: HIDDEN, from: `environment ${variable}` } : {};
  const named = { value: HIDDEN, from: `file "${path}", which ${origin} names` };
  try {
    if ((await readFile(path)).trim() !== "") return named;
    return { ...named, error: `The file of the ${what}, "${path}", is empty` };
  } catch (error) {
    return { ...named, error: `Cannot read the ${what} in "${path}": ${messageOf(error)}` };
  }
}

function ofRuntime(env: Environment): InForce[] {
  return Object.entries(VARIABLES).flatMap(([upper, shown]) =>
    [upper, upper.toLowerCase()].flatMap((variable): InForce[] => {
      const value = env(variable);
      if (!value) return [];
      return [{
        ...{ group: RUNTIME, name: null, setting: variable, environment: variable, value: shown(value) },
        ...{ otherwise: null, from: `environment ${variable}`, secret: shown !== String, error: null },
      }];
    })
  );
}
