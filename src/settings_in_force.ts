/** What each setting is and what says so, with secrets hidden: the rows of `userpipe settings`. */
import { HIDDEN, withoutSecrets } from "./hidden.ts";
import {
  type Environment,
  type Flags,
  type Given,
  givenOf,
  GROUPS,
  nameOf,
  type SettingName,
  SETTINGS,
} from "./settings.ts";
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
  /** What is wrong with it, with no secret in it, and what to do. Whoever checks them fills it in. */
  error: string | null;
  hint: string | null;
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
}

/** All settings of all commands in the order of their definition, then what the runtime reads. */
export function settingsInForce(options: InForceOptions): InForce[] {
  const rows: InForce[] = [];
  for (const [group, settings] of Object.entries(GROUPS)) {
    for (const name of Object.keys(settings) as SettingName[]) {
      rows.push({ group, name, ...rowOf(name, options) });
    }
  }
  return [...rows, ...ofRuntime(options.env)];
}

type Row = Omit<InForce, "group" | "name">;

function rowOf(name: SettingName, options: InForceOptions): Row {
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
    hint: null,
  };
  const given = givenOf(name, options.flags, options.env);
  if (holds !== undefined) return { ...row, ...secretOf(holds, given, options) };
  if (given === undefined) return row;
  const { text, origin, byFlag, parsed, hidden } = given;
  const shown = hidden ? HIDDEN : secret && parsed.ok ? shownAs(text) : text;
  return { ...row, value: shown, from: byFlag ? "flag" : `environment ${origin}` };
}

/** A secret: that of the file, where one is named, else that of the variable. */
function secretOf(
  { env: variable }: NonNullable<Setting<unknown, unknown>["holds"]>,
  file: Given | undefined,
  { env }: InForceOptions,
): Partial<Row> {
  if (file !== undefined) return { value: HIDDEN, from: `file "${file.text}", which ${file.origin} names` };
  return env(variable) ? { value: HIDDEN, from: `environment ${variable}` } : {};
}

function ofRuntime(env: Environment): InForce[] {
  return Object.entries(VARIABLES).flatMap(([upper, shown]) =>
    [upper, upper.toLowerCase()].flatMap((variable): InForce[] => {
      const value = env(variable);
      if (!value) return [];
      return [{
        ...{ group: RUNTIME, name: null, setting: variable, environment: variable, value: shown(value) },
        ...{ otherwise: null, from: `environment ${variable}`, secret: shown !== String, error: null, hint: null },
      }];
    })
  );
}
