/** Settings of schedules, of runs and of their record. */
import { hostAlone, withoutSecrets } from "./hidden.ts";
import { RUN_STATES, type RunKind } from "./runs/runs.ts";
import {
  ago,
  boolean,
  choice,
  choices,
  databaseUrl,
  databaseUrlWithoutPassword,
  duration,
  integer,
  pageRange,
  period,
  rate,
  setting,
  text,
  webAddress,
  webAddressInTheOpen,
} from "./settings_types.ts";

const KINDS = ["scheduled", "manual", "backfill"] as const satisfies readonly RunKind[];

export const RUNS = {
  runs: {
    ...setting(
      "--runs <url>",
      "USERPIPE_RUNS",
      "record of runs in Postgres: postgres://user@host/database; left out: a file of the data folder",
      databaseUrl,
    ),
    parseFlag: databaseUrlWithoutPassword,
    secret: true,
    shownAs: withoutSecrets,
  },
  runsPasswordFile: {
    ...setting(
      "--runs-password-file <path>",
      "USERPIPE_RUNS_PASSWORD_FILE",
      "file with the password of --runs; left out: the one in USERPIPE_RUNS, else PGPASSWORD",
      text,
    ),
    holds: { what: "password of the record of runs", env: "PGPASSWORD" },
  },
  every: setting(
    "--every <period>",
    "USERPIPE_EVERY",
    "keep running, each whole minutes, hours or days: 1m, 6h, 1d",
    duration,
  ),
  cron: setting("--cron <expression>", "USERPIPE_CRON", "keep running on a cron expression of five fields", text),
  timeZone: setting("--time-zone <zone>", "USERPIPE_TIME_ZONE", "time zone of --cron", text, "UTC"),
  catchUp: setting(
    "--catch-up",
    "USERPIPE_CATCH_UP",
    "make one run at the start for the times that were missed",
    boolean,
    false,
  ),
  retries: setting(
    "--retries <n>",
    "USERPIPE_RETRIES",
    "further attempts of a run that failed, after 10 s at first and 5 min at the most; left out: none",
    integer(0, 100),
  ),
  runTimeout: setting("--run-timeout <time>", "USERPIPE_RUN_TIMEOUT", "limit of one attempt; left out: none", duration),
  quota: setting(
    "--quota <n/time>",
    "USERPIPE_QUOTA",
    "what a server is asked for at the most, over all processes of the record: 20000/5m; left out: the API's own limit",
    rate,
  ),
  notify: {
    ...setting(
      "--notify <url>",
      "USERPIPE_NOTIFY",
      "JSON goes there by POST when a run fails, is missed, or is the first to succeed again",
      webAddress,
    ),
    parseFlag: webAddressInTheOpen("USERPIPE_NOTIFY"),
    secret: true,
    shownAs: hostAlone,
  },
  runsMaxAge: setting(
    "--runs-max-age <time>",
    "USERPIPE_RUNS_MAX_AGE",
    "how long a run stays on record, or forever",
    period,
    90 * 86_400_000,
  ),
  runsMaxCount: setting(
    "--runs-max-count <n>",
    "USERPIPE_RUNS_MAX_COUNT",
    "how many runs stay on record, the newest; left out: 100,000",
    integer(1, 1_000_000_000),
  ),

  // runs
  state: setting("--state <list>", undefined, `only ${RUN_STATES.join(", ")}; several by commas`, choices(RUN_STATES)),
  kind: setting("--kind <list>", undefined, "only scheduled, manual or backfill; several by commas", choices(KINDS)),
  since: setting(
    "--since <time>",
    undefined,
    "of that time or later: 24h (ago), or 2026-01-31T12:00:00Z",
    ago,
  ),
  limit: setting("--limit <n>", undefined, "how many runs; left out: 20", integer(1, 1_000_000)),
  olderThan: setting("--older-than <time>", undefined, "runs that ended longer ago: 30d", duration),

  // trigger and backfill
  wait: setting("--wait", undefined, "wait until the run has ended, and say how", boolean, false),
  pages: setting("--pages <range>", undefined, "pages of the seed: 1..100", pageRange),
  concurrency: setting("--concurrency <n>", "USERPIPE_CONCURRENCY", "pages under way at once", integer(1, 64), 2),

  // status
  watch: setting("--watch", undefined, "keep it live until it is stopped", boolean, false),
  statusFormat: setting(
    "--format <format>",
    undefined,
    "table or json (one object); left out: table on a terminal, json elsewhere",
    choice("table", "json"),
  ),
};
