/**
 * What is wrong with settings that are right each by itself, in common words; and flags that do not go together: one of them would
 * be ignored, and whoever gave it would not know.
 */
import { UserpipeError } from "./errors.ts";
import type { SettingName } from "./settings.ts";

/** The flag of a setting that the command line gave, for example `--page`; of others nothing. */
export type FlagOf = (name: SettingName) => string | undefined;

/** Something wrong with settings, and the one that is shown with it. */
export interface Problem {
  of: SettingName;
  /** `settings`, in the words of the commands that end at it. */
  error: UserpipeError;
}

interface Misfit {
  given: SettingName;
  /** What has no meaning beside it. */
  not: readonly SettingName[];
  because: string;
}

const MISFITS: readonly Misfit[] = [
  {
    given: "file",
    not: ["count", "seed", "page", "nat", "url", "quota"],
    because: "a file is read whole, and no server is asked",
  },
  {
    given: "generate",
    not: ["count", "page", "nat", "url", "quota"],
    because: "it says itself how many records there are, and no server is asked",
  },
  { given: "every", not: ["timeZone"], because: "periods are counted in UTC, and a time zone is that of --cron" },
];

interface Need {
  given: readonly SettingName[];
  /** What they are about. */
  of: SettingName;
  flag: string;
  because: string;
}

const NEEDS: readonly Need[] = [
  { given: ["timeZone"], of: "cron", flag: "--cron", because: "it is the time zone of that expression" },
  { given: ["replication"], of: "brokers", flag: "--brokers", because: "the embedded broker keeps one copy" },
  { given: ["outboxMaxBytes"], of: "brokers", flag: "--brokers", because: "there is no outbox without a Kafka" },
  {
    given: ["replicationFactor", "dataCenter", "consistency", "batchBytes"],
    of: "contactPoints",
    flag: "--contact-points",
    because: "the embedded store is one file",
  },
  { given: ["runsPasswordFile"], of: "runs", flag: "--runs", because: "it is about the connection to that" },
];

/**
 * Variables of the environment are for all commands, so that one that does not fit is no mistake.
 * @param isSet whether a setting has a value, wherever it is from
 */
export function* misfits(flagOf: FlagOf, isSet: (name: SettingName) => boolean): Generator<Problem> {
  for (const { given, not, because } of MISFITS) {
    const flag = flagOf(given);
    if (flag !== undefined) yield* noneOf(not, flag, because, flagOf);
  }
  for (const { given, of, flag, because } of NEEDS) {
    const idle = isSet(of) ? undefined : given.find((name) => flagOf(name) !== undefined);
    if (idle !== undefined) yield { of: idle, error: needed(flagOf(idle)!, [flag], because) };
  }
}

/**
 * @param not what has no meaning beside `given`, which is a flag, or the words of a command
 * @throws {UserpipeError} `settings`, where the command line gave one of them
 */
export function assertNone(not: readonly SettingName[], given: string, because: string, flagOf: FlagOf): void {
  for (const { error } of noneOf(not, given, because, flagOf)) throw error;
}

function* noneOf(not: readonly SettingName[], given: string, because: string, flagOf: FlagOf): Generator<Problem> {
  const others = not.filter((name) => flagOf(name) !== undefined);
  if (others.length === 0) return;
  const named = joined(others.map((name) => flagOf(name)!), "and");
  const error = new UserpipeError(
    "settings",
    `${named} ${others.length === 1 ? "does" : "do"} not fit ${given}: ${because}`,
    `Leave out ${named}${given.startsWith("--") ? `, or ${given}` : ""}`,
  );
  yield { of: others[0]!, error };
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

interface Named {
  flag: string;
  env?: string;
}

/** Of half a thing, wherever it is from. */
export function lacking(given: Named, missing: Named): UserpipeError {
  return new UserpipeError(
    "settings",
    `${called(given)} is of no use without ${called(missing)}`,
    `Give ${called(missing)} too, or leave out ${called(given)}`,
  );
}

/** `--kafka-tls (KAFKA_TLS)`. */
export function called({ flag, env }: Named): string {
  return `${flag.split(" ")[0]} (${env})`;
}

/** `a, b or c`. */
export function joined(names: readonly string[], word: "and" | "or"): string {
  return [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(` ${word} `);
}
