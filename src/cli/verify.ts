/** `verify`: whether all of the topic is in the table and the dead letters, as a table for people or one JSON object. */
import { EXIT } from "../errors.ts";
import { notComparedText } from "../ingest/outbox_wording.ts";
import { namesOf } from "../open.ts";
import { shownText } from "../query/format.ts";
import { verify as compare, type VerifyProgress } from "../query/verify.ts";
import type { Kind, Verdict } from "../query/verify_verdict.ts";
import { needed } from "../settings_fit.ts";
import type { Context } from "./command.ts";
import { withEnds } from "./ends.ts";
import { waitingHere } from "./outbox_waiting.ts";
import { counted, grouped, seldom, type Terminal } from "./terminal.ts";

const KINDS: readonly Kind[] = ["missing", "different", "newer", "dead"];

export async function verify({ settings, flagOf, terminal, stop }: Context): Promise<number> {
  const { pipeline, topic, deadLetterTopic } = namesOf(settings);
  const { group, verifyFrom: from, verifyUntil: until, ttl: ttlMs } = settings;
  const named = flagOf("group");
  if (named !== undefined && until !== "committed") {
    throw needed(named, ["--until committed"], "everything up to the topic's end is compared");
  }
  try {
    return await withEnds(settings, async (broker, store) => {
      const ends = { pipeline, broker, store, topic, deadLetterTopic };
      const onProgress = progressOn(terminal);
      const verdict = await compare({ ...ends, group, from, until, ttlMs, signal: stop, onProgress });
      const waiting = notComparedText(topic, await waitingHere(settings));
      if (waiting !== undefined) verdict.unknown.push(waiting);
      const format = settings.verdictFormat ?? (terminal.interactive ? "table" : "json");
      if (format === "json") terminal.print(JSON.stringify(plain(verdict)));
      else printVerdict(verdict, group, terminal);
      return verdict.ok ? EXIT.done : EXIT.found;
    });
  } catch (error) {
    if (error !== stop.reason) throw error;
    terminal.note("Stopped before the end: nothing can be said.");
    return EXIT.found;
  } finally {
    terminal.clear();
  }
}

function progressOn(terminal: Terminal): (progress: VerifyProgress) => void {
  return seldom(({ doing, done, total }) => {
    const of = doing === "reading" ? "records of the topic read" : "ids looked up in the table";
    terminal.show(`${Math.floor(100 * done / Math.max(1, total))} % · ${grouped(done)} of ${grouped(total)} ${of}`);
  });
}

/** Offsets as numbers, which JSON has. */
function plain({ ranges, ...verdict }: Verdict): unknown {
  const partitions = ranges.map(({ partition, ...offsets }) => {
    const { from, until, removed, gone, left } = offsets;
    const numbers = Object.entries({ from, until, removed, gone, left }).map(([name, n]) => [name, Number(n)]);
    return { partition, ...Object.fromEntries(numbers) };
  });
  return { ...verdict, partitions };
}

function printVerdict(verdict: Verdict, group: string, terminal: Terminal): void {
  const { ok, records, superseded, expired, ahead, first, ranges, unknown } = verdict;
  const line = (name: string, count: number, more = "") =>
    terminal.print(`${name.padEnd(10)} ${grouped(count).padStart(13)}${more && `   ${more}`}`);
  const older = superseded > 0 ? `, ${grouped(superseded)} of them older copies of another` : "";
  line("records", records, `in ${counted(ranges.length, "partition")}${older}`);
  line("rows", verdict.rows);
  for (const kind of KINDS) line(kind, verdict[kind]);
  if (expired > 0) line("expired", expired, "or never written");
  printFindings(first, terminal);
  if (ahead > 0) {
    terminal.print(
      `${
        grouped(ahead)
      } of the missing and different are past the position of the group "${group}": its stream has not ` +
        "carried them yet. --until committed leaves them out.",
    );
  }
  for (const sentence of unknown) terminal.print(sentence);
  if (ok && records === 0) terminal.print("There is no record to compare.");
  else terminal.print(ok ? "Nothing is missing or different." : "It is not all there.");
}

/** The first of each kind, by name. */
function printFindings(first: Verdict["first"], terminal: Terminal): void {
  for (const kind of KINDS) {
    if (first[kind].length > 0) terminal.print(`The first that are ${kind}:`);
    for (const { id, partition, offset, what } of first[kind]) {
      terminal.print(`  ${shownText(id ?? "no key")}, partition ${partition}, offset ${offset}: ${shownText(what)}`);
    }
  }
}
