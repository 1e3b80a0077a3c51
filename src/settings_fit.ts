/** Flags that do not go together: one of them would be ignored, and whoever gave it would not know. */
import { UserpipeError } from "./errors.ts";
import type { SettingName } from "./settings.ts";

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
 * @param flagOf the flag of a setting that the command line gave, for example `--page`; of others nothing
 * @throws {UserpipeError} `settings`
 */
export function assertFitting(flagOf: (name: SettingName) => string | undefined): void {
  for (const { given, not, because } of MISFITS) {
    const flag = flagOf(given);
    const others = not.flatMap((name) => flagOf(name) ?? []);
    if (flag === undefined || others.length === 0) continue;
    const named = [others.slice(0, -1).join(", "), others.at(-1)].filter(Boolean).join(" and ");
    throw new UserpipeError(
      "settings",
      `${named} ${others.length === 1 ? "does" : "do"} not fit ${flag}: ${because}`,
      `Leave out ${named}, or ${flag}`,
    );
  }
}
