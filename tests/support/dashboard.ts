/** What tests of the page need: its address, a process with a page, a password, a dead letter that can be replayed. */
import { join } from "node:path";
import { openSqliteBroker } from "../../src/broker/sqlite.ts";
import { deadLetterOf, encodeDeadLetter } from "../../src/stream/dead_letters.ts";
import { users } from "../../src/users/pipeline.ts";
import { type Running, start } from "./cli.ts";
import { eventsOf, messageOf } from "./poison.ts";
import { secretOf } from "./secrets.ts";

export const PASSWORD = secretOf("the page's password");

/** The address of the page, once the process has said it. */
export async function urlOf(running: Running): Promise<string> {
  const said = /The page is at (http\S+?)\.\s/;
  await running.printed(said);
  return said.exec(running.output)![1]!;
}

/**
 * Puts a dead letter on the embedded broker's topic, of a record that is good: a replay makes a row of it.
 * @param wrong fields in which it is not
 */
export async function deadLetter(cwd: string, reason: string, wrong: Record<string, unknown> = {}): Promise<void> {
  const [event] = eventsOf(`letter ${Object.keys(wrong)}`, 1);
  const offset = BigInt(7 + Object.keys(wrong).length);
  const refused = { partition: 0, offset, ...messageOf({ ...event!, ...wrong }) };
  const broker = openSqliteBroker({ path: join(cwd, "userpipe-data", "topics.db") });
  try {
    const letter = encodeDeadLetter(deadLetterOf(users.topic, refused, "stream", reason), Date.now());
    await broker.publish(`${users.topic}.dlq`, [letter]);
  } finally {
    await broker.close();
  }
}

/** `up` with its page, one run of 20 records of this server a day, and no second try. */
export function startUp(cwd: string, url: string): Running {
  const schedule = ["--every", "1d", "--url", url, "--count", "20", "--retries", "0"];
  return start(["up", "--dashboard", "127.0.0.1:0", ...schedule], { cwd });
}
