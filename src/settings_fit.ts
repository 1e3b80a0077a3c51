/** Flags that do not go together: one of them would be ignored, and whoever gave it would not know. */
import { UserpipeError } from "./errors.ts";
import type { SettingName } from "./settings.ts";

/** The flag of a setting that the command line gave, for example `--page`; of others nothing. */
export type FlagOf = (name: SettingName) => string | undefined;

interface Misfit {
  given: SettingName;
  /** What has no meaning beside it. */
  not: readonly SettingName[];
  because: string;
}

const MISFITS: readonly Misfit[] = [
  {
    given: "file",
    not: ["count", "seed", "page", "nat", "url"],
    because: "a file is read whole, and no server is asked",
  },
  {
    given: "generate",
    not: ["count", "page", "nat", "url"],
    because: "it says itself how many records there are, and no server is asked",
  },
  { given: "every", not: ["timeZone"], because: "periods are counted in UTC, and a time zone is that of --cron" },
];

/**
 * Variables of the environment are for all commands, so that one that does not fit is no mistake.
 * @param isSet whether a setting has a value, wherever it is from
 * @throws {UserpipeError} `settings`
 */
export function assertFitting(flagOf: FlagOf, isSet: (name: SettingName) => boolean): void {
  for (const { given, not, because } of MISFITS) {
    const flag = flagOf(given);
    if (flag !== undefined) assertNone(not, flag, because, flagOf);
  }
  if (flagOf("timeZone") !== undefined && !isSet("cron")) {
    throw needed("--time-zone", ["--cron"], "it is the time zone of that expression");
  }
}

/**
 * @param not what has no meaning beside `given`, which is a flag, or the words of a command
 * @throws {UserpipeError} `settings`, where the command line gave one of them
 */
export function assertNone(not: readonly SettingName[], given: string, because: string, flagOf: FlagOf): void {
  const others = not.flatMap((name) => flagOf(name) ?? []);
  if (others.length === 0) return;
  const named = joined(others, "and");
  throw new UserpipeError(
    "settings",
    `${named} ${others.length === 1 ? "does" : "do"} not fit ${given}: ${because}`,
    `Leave out ${named}${given.startsWith("--") ? `, or ${given}` : ""}`,
  );
}

/** Of a flag that does nothing without one of others. */
export function needed(flag: string, others: readonly string[], because: string): UserpipeError {
  const named = joined(others, "or");
  return new UserpipeError(
    "settings",
    `${flag} does nothing without ${named}: ${because}`,
    `Give ${named}, or leave out ${flag}`,
  );
}

function joined(names: readonly string[], word: "and" | "or"): string {
  return [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(` ${word} `);
}
