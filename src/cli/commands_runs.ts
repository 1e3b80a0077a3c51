/** The commands of schedules and runs. */
import { type Command, COMMON, RECORD, STORE, TOPIC } from "./command.ts";

const TARGET = ["brokers", "topic", "pipeline"] as const;

export const RUN_COMMANDS: readonly Command[] = [
  {
    name: "status",
    answers: true,
    undrained: true,
    summary: "show on one screen what stands where: schedule, runs, topic, lag, table, outbox, health",
    details: `Exits with 1 where something is wrong: an end or the record of runs that does
not answer, a topic or table that is not there, a schedule that no process
runs, a last run that failed, was missed or was cut, records in the outbox.
A lag, dead letters and a schedule that is paused are shown and are not wrong.`,
    examples: ["userpipe status", "userpipe status --watch", "userpipe status --format json"],
    settings: [
      ...COMMON,
      ...TOPIC,
      "deadLetterTopic",
      "group",
      ...STORE,
      ...RECORD,
      "watch",
      "statusFormat",
      "pipeline",
    ],
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "runs",
    summary: "list what ran, newest first; show one whole, try one again, sum them up, remove old ones",
    arguments: "[action] [id]",
    words: ["list", "show", "retry", "stats", "prune"],
    behind: { show: "run", retry: "run" },
    details: `The beginning of an id is enough where only one run begins so.

States: queued, running, delivered; to outbox (records wait for Kafka); failed; skipped (due while another run was under
way); missed (due while no process ran); interrupted (its process was killed, or a person stopped it).`,
    list: {
      title: "Actions",
      terms: {
        "(none), list": "the newest runs",
        "show <id>": "one whole: each attempt, each error, the log",
        "retry <id>": "try it again: the same seed and page, as the next attempt of the same run",
        "stats": "success share, p50 and p95 of the duration, records a day; of the last 30 days, or from --since on",
        "prune --older-than 30d": "remove runs that ended longer ago",
      },
    },
    examples: [
      "userpipe runs",
      "userpipe runs --state failed,missed --since 24h",
      "userpipe runs show 3f2a91c0",
      "userpipe runs retry 3f2a91c0 --wait",
      "userpipe runs stats --since 7d",
      "userpipe runs prune --older-than 30d",
    ],
    settings: [
      ...COMMON,
      ...RECORD,
      ...["state", "kind", "since", "limit", "olderThan", "wait", "format"] as const,
      ...TOPIC,
      "pipeline",
      ...["url", "deadLetterTopic", "quota", "outboxMaxBytes", "stopTimeout"] as const,
    ],
    help: {
      topic: "list: only runs of this topic; retry: the topic that the run is of",
      wait: "retry: wait until the run has ended, and say how",
      url: "retry: the run's own address, with what is hidden of it on record",
    },
    load: async () => (await import("./runs.ts")).runs,
  },
  {
    name: "trigger",
    summary: "make a run now: by the process that runs the schedule, or else by this one",
    details: "A schedule that is paused makes it too. With --wait the exit code says how the run ended.",
    examples: ["userpipe trigger", "userpipe trigger --count 500 --wait"],
    settings: [
      ...COMMON,
      ...TOPIC,
      "deadLetterTopic",
      ...RECORD,
      ...["count", "seed", "page", "nat", "url", "wait", "quota", "outboxMaxBytes", "pipeline", "stopTimeout"] as const,
    ],
    help: { count: "records of the run; left out: as many as the schedule's, else 100" },
    load: async () => (await import("./trigger.ts")).trigger,
  },
  {
    name: "pause",
    summary: "hold the schedule, also over restarts",
    details: "Its times go by and are not made up for. userpipe trigger makes runs all the same.",
    examples: ["userpipe pause", "userpipe pause --topic users_created"],
    settings: [...COMMON, ...RECORD, ...TARGET],
    load: async () => (await import("./pause.ts")).pause,
  },
  {
    name: "resume",
    summary: "let a schedule that was paused go on",
    examples: ["userpipe resume"],
    settings: [...COMMON, ...RECORD, ...TARGET],
    load: async () => (await import("./pause.ts")).resume,
  },
  {
    name: "backfill",
    summary: "fetch a range of pages of a seed, one run a page",
    details: `The API gives the same records each time for the same seed, page, count and
nationalities. Started again, it makes only the pages that are not delivered
yet, also after a kill.`,
    examples: [
      "userpipe backfill --seed 2026 --pages 1..100",
      "userpipe backfill --seed 2026 --pages 1..100 --count 5000 --concurrency 4 --nat gb,us",
    ],
    settings: [
      ...COMMON,
      ...TOPIC,
      "deadLetterTopic",
      ...RECORD,
      ...["seed", "pages", "count", "nat", "url", "concurrency"] as const,
      ...["retries", "runTimeout", "notify", "quota", "outboxMaxBytes", "pipeline", "stopTimeout"] as const,
    ],
    help: { count: "records a page, 5,000 at the most; left out: 100" },
    load: async () => (await import("./backfill.ts")).backfill,
  },
];
