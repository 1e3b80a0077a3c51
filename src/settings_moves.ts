/** Settings of what is fetched (`ingest`) and of how it is carried (`stream`). */
import { withoutSecrets } from "./hidden.ts";
import {
  boolean,
  bytes,
  countOrShare,
  duration,
  instant,
  integer,
  setting,
  text,
  webAddress,
  webAddressInTheOpen,
} from "./settings_types.ts";

export const MOVES = {
  count: setting("--count <n>", "USERPIPE_COUNT", "records a run fetches; left out: 100", integer(1, 50_000_000)),
  seed: setting("--seed <text>", undefined, "the same seed gives the same records", text),
  page: setting("--page <n>", undefined, "page of the seed to begin with", integer(1, 10_000), 1),
  nat: setting("--nat <list>", "USERPIPE_NAT", "nationalities, for example gb,us", text),
  url: {
    ...setting("--url <url>", "USERPIPE_URL", "another server with the API's shape", webAddress),
    parseFlag: webAddressInTheOpen("USERPIPE_URL"),
    secret: true,
    shownAs: withoutSecrets,
  },
  file: setting("--file <path>", undefined, "recorded responses, an array or lines of JSON; - for stdin", text),
  generate: setting("--generate <n>", undefined, "generate records instead of fetching", integer(1, 1_000_000_000)),
  outboxMaxBytes: setting(
    "--outbox-max-bytes <size>",
    "USERPIPE_OUTBOX_MAX_BYTES",
    "what the outbox keeps at the most while Kafka is away",
    bytes,
    1024 ** 3,
  ),

  // stream
  from: setting(
    "--from <where>",
    undefined,
    "committed, earliest, latest or a timestamp; all but the first seek once at each start",
    instant("committed", "earliest", "latest"),
    "committed",
  ),
  untilCaughtUp: setting("--until-caught-up", undefined, "end at what is the topic's end at the start", boolean, false),
  until: setting("--until <timestamp>", undefined, "end at the first record of that time or later", instant()),
  maxRecords: setting("--max-records <n>", undefined, "end after so many records", integer(1, Number.MAX_SAFE_INTEGER)),
  maxRate: setting("--max-rate <n>", "USERPIPE_MAX_RATE", "records a second at the most", integer(1, 10_000_000)),
  ttl: setting("--ttl <time>", "CASSANDRA_TTL", "how long a row lives; left out: for ever", duration),
  maxInFlightBytes: setting(
    "--max-in-flight-bytes <size>",
    "USERPIPE_MAX_IN_FLIGHT_BYTES",
    "records read and not yet stored, at the most",
    bytes,
    16 * 1024 * 1024,
  ),
  batchBytes: setting(
    "--batch-bytes <size>",
    "CASSANDRA_BATCH_BYTES",
    "size of a batch for Cassandra; left out: what it takes without a warning in its log",
    bytes,
  ),
  workers: setting("--workers <n>", "USERPIPE_WORKERS", "threads that share the partitions", integer(1, 64), 1),
  maxRefused: setting(
    "--max-refused <n>",
    "USERPIPE_MAX_REFUSED",
    "end with exit code 4 past so many refused records, or past a share of 1,000 or more: 50, 5%",
    countOrShare,
  ),
};
