/** What a setting is, and the kinds of value that it may have: each turns a text into the value, or says what it takes. */
import { isTopicName, TOPIC_NAMES } from "./broker/broker.ts";
import { isSecretName } from "./hidden.ts";
import type { Result } from "./pipeline.ts";

export interface Parse<T> {
  (text: string): Result<T>;
  /** The words that it takes, where there are such. */
  choices?: readonly string[];
  /** Several of them by commas. */
  several?: boolean;
}

/** One setting. `T` is its value's type; a setting without a default may be absent. */
export interface Setting<T, D extends T | undefined> {
  /** Commander's form: `--brokers <list>`. */
  flag: string;
  env?: string;
  default: D;
  help: string;
  parse: Parse<T>;
  /** In place of `parse` for what the command line gave, which every user of the machine may see. */
  parseFlag?: Parse<T>;
  /** No message quotes it. */
  secret?: boolean;
  /** How a secret is shown; hidden whole where it is left out. */
  shownAs?: (given: string) => string;
  /** Of a setting that names a file with a secret: what that is, and the variable that has it in place of a file. */
  holds?: { what: string; env: string };
  /** The flag that says no, for example `--no-dashboard`: its value is the text `false`. */
  negated?: { flag: string; help: string };
}

export function setting<T>(flag: string, env: string | undefined, help: string, parse: Parse<T>): Setting<T, undefined>;
export function setting<T>(
  flag: string,
  env: string | undefined,
  help: string,
  parse: Parse<T>,
  value: T,
): Setting<T, T>;
export function setting<T>(flag: string, env: string | undefined, help: string, parse: Parse<T>, value?: T) {
  return { flag, env, help, parse, default: value };
}

/** A default as a person would write it; nothing where there is none, and of a switch that is off. */
export function defaultText(value: unknown): string {
  if (value === undefined || value === false) return "";
  if (typeof value !== "number") return String(value);
  if (value % 86_400_000 === 0) return `${value / 86_400_000}d`;
  if (value % 1024 ** 3 === 0) return `${value / 1024 ** 3}GiB`;
  if (value % 1_048_576 === 0) return `${value / 1_048_576}MiB`;
  return value >= 10_000 && value % 1000 === 0 ? `${value / 1000}s` : String(value);
}

const ok = <T>(value: T): Result<T> => ({ ok: true, value });
const no = (reason: string): Result<never> => ({ ok: false, reason });

export const text: Parse<string> = (given) => given.trim() === "" ? no("it is empty") : ok(given);

export const boolean: Parse<boolean> = (given) => {
  if (["true", "1", "yes"].includes(given)) return ok(true);
  if (["false", "0", "no"].includes(given)) return ok(false);
  return no("it takes true or false");
};

/** A keyspace or table name as CQL takes it unquoted. */
export const name: Parse<string> = (given) =>
  /^[a-z][a-z0-9_]{0,47}$/.test(given)
    ? ok(given)
    : no("it takes lower-case letters, digits and _, a letter first, 48 at most");

export const topicName: Parse<string> = (given) => isTopicName(given) ? ok(given) : no(`it takes ${TOPIC_NAMES}`);

export function integer(least: number, most: number): Parse<number> {
  return (given) => {
    const value = /^-?\d+(_\d+)*$/.test(given) ? Number(given.replaceAll("_", "")) : NaN;
    return value >= least && value <= most ? ok(value) : no(`it takes a whole number from ${least} to ${most}`);
  };
}

export function choice<const T extends string>(...values: T[]): Parse<T> {
  const parse: Parse<T> = (given) => {
    const found = values.find((value) => value === given);
    return found === undefined ? no(`it takes ${values.slice(0, -1).join(", ")} or ${values.at(-1)}`) : ok(found);
  };
  return Object.assign(parse, { choices: values });
}

/** Several by commas, each one of `values`; a space in one may be written as `-`. */
export function choices<const T extends string>(values: readonly T[]): Parse<T[]> {
  const one = choice(...values);
  const parse: Parse<T[]> = (given) => {
    const found: T[] = [];
    for (const part of given.split(",").map((part) => part.trim())) {
      const parsed = one(values.find((value) => value.replaceAll(" ", "-") === part) ?? part);
      if (!parsed.ok) return parsed;
      found.push(parsed.value);
    }
    return ok(found);
  };
  return Object.assign(parse, { choices: values.map((value) => value.replaceAll(" ", "-")), several: true });
}

const CONSISTENCIES = [
  "ANY",
  "ONE",
  "TWO",
  "THREE",
  "QUORUM",
  "ALL",
  "LOCAL_QUORUM",
  "EACH_QUORUM",
  "LOCAL_ONE",
] as const;

export const consistency: Parse<string> = Object.assign(
  (given: string) => choice(...CONSISTENCIES)(given.toUpperCase()),
  { choices: CONSISTENCIES },
);

/** `100`, a count, or `5%`, a share in percent. */
export const countOrShare: Parse<{ count: number } | { percent: number }> = (given) => {
  const [, digits, fraction = "", sign] = /^(\d{1,15})(\.\d+)?(%?)$/.exec(given.trim()) ?? [];
  const value = Number(`${digits}${fraction}`);
  if (sign === "%" && value <= 100) return ok({ percent: value });
  return sign === "" && fraction === "" ? ok({ count: value }) : no("it takes a number, or a share up to 100%: 50, 5%");
};

/**
 * `host[:port]`, by commas; an IPv6 address in brackets.
 * @param login where user and password belong, which some write in front of the host
 */
export function list(defaultPort: number, login: string): Parse<string[]> {
  return (given) => {
    if (given.includes("@")) return no(`user and password do not belong in it. Write host:port, and set ${login}`);
    const entries = given.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
    if (entries.length === 0) return no("it takes host:port, several by commas");
    const bad = entries.find((entry) =>
      !/^(\[[0-9a-fA-F:.%]+\]|[^\s:/[\]]+)(:\d{1,5})?$/.test(entry) || portOf(entry) > 65_535
    );
    if (bad !== undefined) return no(`"${bad}" is not host:port`);
    return ok(entries.map((entry) => /:\d+$/.test(entry) ? entry : `${entry}:${defaultPort}`));
  };
}

function portOf(entry: string): number {
  return Number(/:(\d+)$/.exec(entry)?.[1] ?? 1);
}

const UNITS_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `500ms`, `30s`, `1m`, `6h`, `1d`, `2w`: in ms. */
export const duration: Parse<number> = (given) => {
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d|w)$/.exec(given.trim()) ?? [];
  if (amount === undefined) return no("it takes a number and a unit: 30s, 1m, 6h, 1d");
  if (Number(amount) === 0) return no("it takes a time above 0: 1m, 6h, 1d");
  const value = Number(amount) * UNITS_MS[unit!]!;
  return value <= 100 * 366 * UNITS_MS.d! ? ok(value) : no("it takes a hundred years at the most");
};

/** A duration, or `forever`, which is −1. */
export const period: Parse<number> = Object.assign(
  (given: string) => given.trim() === "forever" ? ok(-1) : duration(given),
  { choices: ["forever"] },
);

const UNITS_BYTES: Record<string, number> = { "": 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** `65536`, `64KiB`, `16MiB`, `1GiB`. */
export const bytes: Parse<number> = (given) => {
  const [, amount, unit] = /^(\d+)\s*(B|KiB|MiB|GiB|TiB)?$/.exec(given.trim()) ?? [];
  const value = Number(amount) * (UNITS_BYTES[unit ?? ""] ?? NaN);
  return value >= 1024 && Number.isSafeInteger(value)
    ? ok(value)
    : no("it takes a size of 1KiB or more: 64KiB, 16MiB, 1GiB");
};

/**
 * A point in time as ms since the epoch, from ms or an ISO 8601 date with its zone (`2026-01-31T12:00:00Z`; without
 * a time it is midnight UTC), or one of `words`.
 */
export function instant<const W extends string = never>(...words: W[]): Parse<W | { timestamp: number }> {
  const also = words.length === 0 ? "" : `${words.join(", ")}, `;
  const wrong = `it takes ${also}ms since 1970 or a time with its zone: 2026-01-31T12:00:00Z`;
  const parse: Parse<W | { timestamp: number }> = (given) => {
    const word = words.find((one) => one === given);
    if (word !== undefined) return ok(word);
    if (/^\d{1,16}$/.test(given)) return ok({ timestamp: Number(given) });
    if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(given)) return no(wrong);
    const timestamp = Date.parse(given);
    return Number.isNaN(timestamp) ? no(wrong) : ok({ timestamp });
  };
  return Object.assign(parse, { choices: words });
}

/** As {@linkcode instant}, or a duration, which is so long ago. */
export const ago: Parse<{ timestamp: number }> = (given) => {
  const since = duration(given);
  if (since.ok) return ok({ timestamp: Date.now() - since.value });
  const at = instant()(given);
  return at.ok ? at : no("it takes how long ago (30m, 24h, 7d), or a time with its zone: 2026-01-31T12:00:00Z");
};

/** `1..100`, or one page. */
export const pageRange: Parse<{ first: number; last: number }> = (given) => {
  const [, first, last = first] = /^(\d{1,5})(?:\.\.(\d{1,5}))?$/.exec(given.trim()) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (range.first >= 1 && range.first <= range.last && range.last <= 10_000) return ok(range);
  return no("it takes pages from 1 to 10000, the lower first: 1..100");
};

/** `20000/5m`: so many in so long. */
export const rate: Parse<{ records: number; windowMs: number }> = (given) => {
  const [, records, window = ""] = /^(\d{1,9})\/(\w+)$/.exec(given.trim()) ?? [];
  const parsed = duration(window);
  if (parsed.ok && Number(records) > 0) return ok({ records: Number(records), windowMs: parsed.value });
  return no("it takes a number and a time: 20000/5m");
};

export const webAddress: Parse<string> = (given) =>
  /^https?:$/.test(urlOf(given)?.protocol ?? "") ? ok(given) : no("it takes a web address: https://host/path");

/**
 * For a flag: without a password, and without what its query calls a secret.
 * @param variable where the whole address may stand: `USERPIPE_URL`
 * @param password where a password may stand in place of it
 */
export const webAddressInTheOpen =
  (variable: string, password = `set ${variable} to the whole address`): Parse<string> => (given) => {
    const url = urlOf(given);
    if ((url?.password ?? "") !== "") return seenByAll("a password", password);
    const name = [...url?.searchParams.keys() ?? []].find(isSecretName);
    return name === undefined
      ? webAddress(given)
      : seenByAll(`its query's "${name}"`, `set ${variable} to the whole address`);
  };

export const databaseUrl: Parse<string> = (given) => {
  const url = urlOf(given);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === "") {
    return no("it takes the address of a Postgres: postgres://user@host:5432/database");
  }
  return ok(given);
};

export const databaseUrlWithoutPassword: Parse<string> = (given) => {
  const url = urlOf(given);
  if (url !== null && (url.password !== "" || url.searchParams.has("password"))) {
    return seenByAll(
      "a password",
      "set USERPIPE_RUNS to the whole address, PGPASSWORD to the password, or name a file with --runs-password-file",
    );
  }
  return databaseUrl(given);
};

function seenByAll(what: string, instead: string) {
  return no(`${what} on the command line can be seen by every user of the machine. Leave it out, and ${instead}`);
}

function urlOf(given: string): URL | null {
  return URL.parse(given.trim());
}
