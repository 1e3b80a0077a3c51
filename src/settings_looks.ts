/** Settings of what only looks: `query`, `peek`, `dead-letters` and `verify`. */
import { boolean, choice, instant, integer, setting, text } from "./settings_types.ts";

export const LOOKS = {
  // query, peek and dead-letters
  format: setting(
    "--format <format>",
    undefined,
    "table, json, ndjson or csv; left out: table on a terminal, ndjson elsewhere",
    choice("table", "json", "ndjson", "csv"),
  ),
  cql: setting("--cql <select>", undefined, "any one SELECT", text),
  max: setting(
    "--max <n>",
    undefined,
    "how many to show",
    integer(1, 1_000_000_000),
  ),
  fromBeginning: setting("--from-beginning", undefined, "the oldest messages instead of the newest", boolean, false),
  follow: setting("--follow", undefined, "go on with what arrives", boolean, false),
  partition: setting("--partition <n>", undefined, "one partition only", integer(0, 1_000_000)),
  offset: setting("--offset <n>", undefined, "from this offset of --partition", integer(0, Number.MAX_SAFE_INTEGER)),
  at: setting("--at <time>", undefined, "from the first message of that time or later", instant()),
  reason: setting("--reason <text>", undefined, "only dead letters with this text in their reason", text),
  dryRun: setting("--dry-run", undefined, "print what would be done and change nothing", boolean, false),
  key: setting("--key <key>", undefined, "only messages of this key", text),

  // doctor
  findingsFormat: setting(
    "--format <format>",
    undefined,
    "table, json, ndjson or csv; left out: lines to read, in a pipe too",
    choice("table", "json", "ndjson", "csv"),
  ),

  // verify
  verifyFrom: setting(
    "--from <where>",
    undefined,
    "earliest, or the first record of that time or later",
    instant("earliest"),
    "earliest",
  ),
  verifyUntil: setting(
    "--until <where>",
    undefined,
    "end (the topic's, as it is now), committed (where --group stands), or the first record of that time or later",
    instant("end", "committed"),
    "end",
  ),
  verdictFormat: setting(
    "--format <format>",
    undefined,
    "table or json (one object); left out: table on a terminal, json elsewhere",
    choice("table", "json"),
  ),

  // settings
  settingsFormat: setting(
    "--format <format>",
    undefined,
    "table, lines or json; left out: table on a terminal, lines elsewhere",
    choice("table", "lines", "json"),
  ),
};
