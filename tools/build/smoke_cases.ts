/** What every executable is asked to do before it is kept: each command, with what it needs to do its work. */

/** How many records the first run makes: enough for the worker to batch. */
export const ROWS = 1_000;

/** Nothing listens there. */
const NOWHERE = "127.0.0.1:1";

export interface Case {
  args: string[];
  /** What it may end with; by default 0. */
  codes?: number[];
  /** What its standard output has to match. */
  prints?: RegExp;
}

/** @param api the address of a server with the API's shape */
export function beforeUp(api: string): Case[] {
  return [
    { args: ["init"], prints: /topic "users_created"/ },
    { args: ["ingest", "--generate", String(ROWS)] },
    // What carries is a worker, whose code is embedded by itself.
    { args: ["stream", "--until-caught-up"] },
    { args: ["query", "count", "--format", "csv"], prints: new RegExp(`^count\n${ROWS}\n$`) },
    { args: ["peek", "--max", "1"], prints: /"email"/ },
    { args: ["verify"] },
    { args: ["dead-letters"] },
    { args: ["outbox", "--brokers", NOWHERE] },
    { args: ["backfill", "--seed", "smoke", "--pages", "1..2", "--count", "5", "--url", api] },
    { args: ["trigger", "--count", "5", "--url", api, "--wait"] },
    { args: ["runs"], prints: /"delivered"/ },
    { args: ["doctor", "--url", api] },
    { args: ["settings"], prints: /--topic = users_created/ },
    { args: ["completion", "bash"], prints: /complete -F/ },
    { args: ["demo", "--generate", "100"], prints: /100 rows/ },
    // That they cannot reach anything shows that the drivers are there and load.
    { args: ["init", "--brokers", NOWHERE], codes: [3] },
    { args: ["query", "count", "--contact-points", NOWHERE], codes: [3] },
    { args: ["runs", "--runs", `postgres://nobody@${NOWHERE}/nothing`], codes: [3] },
  ];
}

/** While `up` runs with the page at `page`. */
export function besideUp(page: string): Case[] {
  return [
    { args: ["healthcheck", page], prints: /store/ },
    { args: ["pause"] },
    { args: ["resume"] },
    { args: ["status"], prints: /users_created/ },
  ];
}

/** Those that keep running until they are ended, each with a page of its own at any port that is free. */
export const KEPT: Record<"up" | "dashboard", (api: string) => string[]> = {
  up: (api) => ["up", "--dashboard", "127.0.0.1:0", "--every", "1d", "--count", "5", "--url", api],
  dashboard: () => ["dashboard", "127.0.0.1:0"],
};
