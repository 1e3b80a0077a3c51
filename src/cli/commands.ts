/** The table of commands: help, completion and the README follow it. */
import { BROKER, type Command, COMMON, DASHBOARD, INGEST, INIT, RECORD, STORE, STREAM, TOPIC } from "./command.ts";
import { OWN_COMMANDS } from "./commands_own.ts";
import { RUN_COMMANDS } from "./commands_runs.ts";

export const COMMANDS: readonly Command[] = [
  {
    name: "demo",
    summary: "show the whole way once: fetch users, publish, stream and query them, in ./userpipe-demo",
    details: "Where the API cannot be reached it says so and generates users of the same shape instead.",
    examples: ["userpipe demo", "userpipe demo --generate 200000"],
    settings: ["count", "generate", "url", "logLevel", "logFormat", "quiet"],
    help: { count: "users that it fetches; left out: 1,000" },
    load: async () => (await import("./demo.ts")).demo,
  },
  {
    name: "up",
    summary: "run all of it in one process: init, ingest on a schedule, stream",
    details: "Takes the flags of init, ingest and stream; without --every or --cron it ingests every minute.",
    examples: [
      "userpipe up",
      "userpipe up --every 5m --count 500",
      "userpipe up --brokers 127.0.0.1:9092 --contact-points 127.0.0.1:9042",
    ],
    settings: [
      ...COMMON,
      ...TOPIC,
      "deadLetterTopic",
      ...STORE,
      ...INIT,
      ...INGEST,
      ...STREAM,
      ...DASHBOARD,
      "pipeline",
      "stopTimeout",
    ],
    refused: ["untilCaughtUp", "until", "maxRecords"],
    help: {
      every: "fetch each whole minutes, hours or days: 1m, 6h, 1d; left out, and no --cron: 1m",
      cron: "fetch on a cron expression of five fields",
      dashboard: "where the page is; left out: at 127.0.0.1:8642, or the next port that is free",
    },
    load: async () => (await import("./up.ts")).up,
  },
  {
    name: "init",
    summary: "make the topic, the dead-letter topic, the keyspace and the table where they are not there",
    details:
      "With --schema-registry-url it first registers the JSON Schema of what is published under <topic>-value. Where that " +
      "does not fit what is there, it says field by field how, makes nothing and exits with 2.",
    examples: ["userpipe init", "userpipe init --partitions 8 --retention 30d", "userpipe init --dry-run"],
    settings: [...COMMON, ...TOPIC, "deadLetterTopic", ...STORE, ...INIT, "dryRun", "pipeline"],
    load: async () => (await import("./init.ts")).init,
  },
  {
    name: "ingest",
    summary: "fetch records, check and normalise them, publish them to the topic",
    details: "One run, unless --every or --cron keeps it running. With --every the first run is made at once.",
    examples: [
      "userpipe ingest --count 500",
      "userpipe ingest --every 1m",
      'userpipe ingest --cron "0 6 * * MON-FRI" --time-zone Europe/Berlin',
      "userpipe ingest --file recorded.json",
    ],
    settings: [
      ...COMMON,
      ...TOPIC,
      "deadLetterTopic",
      "group",
      ...STORE,
      ...INGEST,
      ...DASHBOARD,
      "pipeline",
      "stopTimeout",
    ],
    load: async () => (await import("./ingest.ts")).ingest,
  },
  {
    name: "stream",
    summary: "carry the topic into the table until it is stopped",
    details: "A record that is refused goes to the dead-letter topic with its reason; those behind it go on.",
    examples: [
      "userpipe stream",
      "userpipe stream --until-caught-up",
      "userpipe stream --from earliest --group replay",
    ],
    settings: [
      ...COMMON,
      ...TOPIC,
      "deadLetterTopic",
      ...STORE,
      ...STREAM,
      ...RECORD,
      ...DASHBOARD,
      "pipeline",
      "stopTimeout",
    ],
    load: async () => (await import("./stream.ts")).stream,
  },
  {
    name: "query",
    undrained: true,
    summary: "ask the table",
    arguments: "[question] [arguments...]",
    words: ["count", "list", "id", "by"],
    behind: { by: "column" },
    list: {
      title: "Questions",
      terms: {
        "count": "how many rows there are",
        "list [n]": "n rows, 10 where it is left out",
        "id <key>": "one row, by its primary key",
        "by <column> [value]": "how many rows have each value of the column, or that one",
        '--cql "SELECT …"': "any one SELECT",
      },
    },
    examples: [
      "userpipe query count",
      "userpipe query by gender",
      'userpipe query --cql "SELECT first_name, email FROM spark_streams.created_users LIMIT 3"',
    ],
    settings: [...COMMON, ...STORE, "cql", "format", "pipeline"],
    load: async () => (await import("./query.ts")).query,
  },
  {
    name: "peek",
    summary: "show messages of the topic, without joining a consumer group",
    examples: [
      "userpipe peek",
      "userpipe peek --follow",
      "userpipe peek --partition 0 --offset 1000 --max 1",
      "userpipe peek --at 2026-01-31T12:00:00Z --max 20",
    ],
    settings: [
      ...COMMON,
      ...BROKER,
      ...["max", "fromBeginning", "follow", "partition", "offset", "at", "key"] as const,
      "format",
      "pipeline",
    ],
    help: { max: "how many messages; left out: 5, with --follow no limit" },
    load: async () => (await import("./peek.ts")).peek,
  },
  {
    name: "verify",
    answers: true,
    summary: "say whether all of the topic is in the table and the dead letters",
    details: `Compares by id and content, from the topic's first record to its end as it is
when this starts. Of several records of an id the latest counts. Exit code 0
only where nothing is missing or different.

Beside a stream that is running, --until committed leaves out what it has not
carried yet. A row that is newer than its record counts as newer, not as
different. With --ttl, a row that may have expired is not missing.

It cannot know what retention has removed from the topic, and says how much
that is; it does not look for rows that no record of the topic explains.`,
    examples: [
      "userpipe verify",
      "userpipe verify --until committed",
      "userpipe verify --from 2026-01-31T00:00:00Z --format json",
    ],
    settings: [
      ...COMMON,
      ...BROKER,
      "group",
      "deadLetterTopic",
      ...STORE,
      ...["verifyFrom", "verifyUntil", "ttl", "verdictFormat", "pipeline"] as const,
    ],
    load: async () => (await import("./verify.ts")).verify,
  },
  {
    name: "dead-letters",
    alias: "dlq",
    summary: "list the records that were refused, show one whole, or put them through again",
    arguments: "[action] [offset]",
    words: ["show", "replay"],
    list: {
      title: "Actions",
      terms: {
        "(none)": "counts by reason, then the newest that wait",
        "show <offset>": "one whole, with all headers and the value",
        "replay":
          "check again and put through: into the table what was on the topic, to the topic what came from the " +
          "source. What is refused again stays, and the exit code is 1.",
      },
    },
    examples: [
      "userpipe dead-letters",
      "userpipe dead-letters show 17",
      'userpipe dead-letters replay --reason "first_name" --dry-run',
    ],
    settings: [
      ...COMMON,
      ...TOPIC,
      "deadLetterTopic",
      ...STORE,
      ...RECORD,
      ...["reason", "max", "format", "dryRun", "ttl", "outboxMaxBytes", "pipeline", "stopTimeout"] as const,
    ],
    help: { max: "how many are listed; left out: 20" },
    load: async () => (await import("./dead_letters.ts")).deadLetters,
  },
  ...RUN_COMMANDS,
  {
    name: "dashboard",
    summary: "show all of it live on a page in the browser, with buttons to act on it",
    arguments: "[address]",
    details: `At 127.0.0.1:8642, where 8642 is taken at the next port that is free, or at the
address that is named. Any other than this machine's own needs a password. up
shows the page by itself, ingest --every and stream with --dashboard.

/metrics is for Prometheus, /healthz and /readyz are for whoever starts it;
/api is the page's own and may change.`,
    examples: [
      "userpipe dashboard",
      "userpipe dashboard 9000 --dashboard-read-only",
      "userpipe dashboard 0.0.0.0:8642 --dashboard-password-file password --tls-cert cert.pem --tls-key key.pem",
    ],
    settings: [
      ...COMMON,
      ...TOPIC,
      ...["deadLetterTopic", "group"] as const,
      ...STORE,
      ...RECORD,
      ...["url", "ttl", "outboxMaxBytes"] as const,
      ...DASHBOARD,
      "pipeline",
      "stopTimeout",
    ],
    refused: ["dashboard"],
    onlyShows: true,
    load: async () => (await import("./dashboard.ts")).dashboard,
  },
  {
    name: "outbox",
    summary: "show what waits for a Kafka that was out of reach, or forward it",
    arguments: "[flush]",
    words: ["flush"],
    details:
      "ingest and up forward it by themselves as soon as Kafka is back. What waits for a topic that is missing holds " +
      "up no others. flush exits with 1 where records are left or were refused, with 3 where Kafka is away.",
    examples: ["userpipe outbox", "userpipe outbox flush"],
    settings: [
      ...COMMON,
      ...BROKER,
      "deadLetterTopic",
      "outboxMaxBytes",
      "format",
      ...RECORD,
      "pipeline",
      "stopTimeout",
    ],
    load: async () => (await import("./outbox.ts")).outbox,
  },
  {
    name: "doctor",
    answers: true,
    summary: "look at each component, and say what is wrong and what to do",
    details: "Changes nothing. Exits with 0 where all is well, with 1 where it found something.",
    examples: [
      "userpipe doctor",
      "userpipe doctor --brokers 127.0.0.1:9092 --contact-points 127.0.0.1:9042",
      "userpipe doctor --format json",
    ],
    settings: [
      ...COMMON,
      ...TOPIC,
      ...["deadLetterTopic", "group", "replication"] as const,
      ...STORE,
      ...RECORD,
      ...["replicationFactor", "url", "nat", "file", "generate", "findingsFormat", "pipeline"] as const,
    ],
    load: async () => (await import("./doctor.ts")).doctor,
  },
  ...OWN_COMMANDS,
];

/** The command of that name or alias. */
export function commandOf(typed: string | undefined): Command | undefined {
  return COMMANDS.find(({ name, alias }) => typed !== undefined && [name, alias].includes(typed));
}
