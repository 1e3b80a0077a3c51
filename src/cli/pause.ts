/** `pause` and `resume`: hold a schedule, also over restarts, and let it go on. Runs by hand are made all the same. */
import { EXIT, UserpipeError } from "../errors.ts";
import { scheduleName } from "../ingest/schedule.ts";
import { targetOf } from "../open.ts";
import type { Settings } from "../settings.ts";
import type { Context } from "./command.ts";
import { withRunsThere } from "./ends.ts";
import { nextLines } from "./next_times.ts";

export const pause = (context: Context) => hold(context, true);
export const resume = (context: Context) => hold(context, false);

async function hold({ settings, flagOf, terminal }: Context, paused: boolean): Promise<number> {
  const target = targetOf(settings);
  const name = scheduleName(target);
  return await withRunsThere(settings, async (runs) => {
    const before = (await runs.schedules()).find((schedule) => schedule.name === name);
    // A variable of the environment may be meant for other commands.
    const other = flagOf("brokers") !== undefined && before?.target.broker !== target.broker;
    if (before === undefined || other || !await runs.pause(name, paused)) throw noSchedule(name, settings, other);
    const was = before.pausedAt !== null;
    const [word, already] = paused ? ["paused", ", as it was already"] : ["resumed", ", which was not paused"];
    terminal.print(`${word.padEnd(9)} ${name}: ${before.text}${was === paused ? already : ""}`);
    if (paused) {
      terminal.note(
        "It stays so until userpipe resume, also over restarts; userpipe trigger makes a run all the same.",
      );
    } else if (!before.led) {
      terminal.note("No process runs it: start one with userpipe ingest --every 1m or userpipe up.");
    } else {
      for (const line of nextLines(before.definition, Date.now(), 1)) terminal.print(`next      ${line}`);
    }
    return EXIT.done;
  });
}

function noSchedule(name: string, { dataDir, runs }: Settings, ofKafka: boolean): UserpipeError {
  return new UserpipeError(
    "usage",
    `No schedule "${name}"${ofKafka ? " of a Kafka" : ""} is on record${runs === undefined ? ` in ${dataDir}` : ""}`,
    "userpipe ingest --every 1m or userpipe up puts one there; its topic is the one of --topic",
  );
}
