/** Cron expressions and time zones as people write them: what of one is wrong, and how it should look. */
import { Cron } from "croner";
import { UserpipeError } from "../errors.ts";
import { edits } from "../similar.ts";

export const EXAMPLE = 'As in --cron "0 6 * * MON-FRI": minute, hour, day of the month, month, weekday';

/** In their order, with what each takes. */
const FIELDS = [
  ["minute", "0 to 59"],
  ["hour", "0 to 23"],
  ["day of the month", "1 to 31, or L for the last"],
  ["month", "1 to 12, or JAN to DEC"],
  ["weekday", "0 to 7 (0 and 7 are Sunday), or SUN to SAT"],
] as const;

const PLACES = ["first", "second", "third", "fourth", "fifth"];

/** Names that stand for five fields. */
const NAMED = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/i;

/** @throws {UserpipeError} `settings` */
export function readCron(expression: string, timeZone: string): Cron {
  const text = expression.trim();
  const fields = text.split(/\s+/);
  if (text.startsWith("@") && !NAMED.test(text)) {
    throw wrong(
      `--cron "${expression}" is no name of a schedule`,
      "Take @hourly, @daily, @weekly, @monthly or @yearly",
    );
  }
  if (!NAMED.test(text) && fields.length !== FIELDS.length) {
    const has = text === "" ? "is empty" : `has ${fields.length} field${fields.length === 1 ? "" : "s"}`;
    throw wrong(`--cron "${expression}" ${has}, and exactly five are needed`, EXAMPLE);
  }
  try {
    return new Cron(text, { timezone: timeZone, mode: "5-part" });
  } catch (error) {
    throw wrongField(expression, fields, error);
  }
}

/** Its parser's own words are of fields and modes that are not taken here. */
function wrongField(expression: string, fields: readonly string[], cause: unknown): UserpipeError {
  const at = fields.findIndex((field, i) => !isTaken(FIELDS.map((_, n) => n === i ? field : "*").join(" ")));
  if (at === -1) return wrong(`--cron "${expression}" is not understood`, EXAMPLE, cause);
  const [name, takes] = FIELDS[at]!;
  const what = `--cron "${expression}": its ${PLACES[at]} field is the ${name}, and "${fields[at]}" is none`;
  return wrong(what, `It takes ${takes}; * for each, 1-5, 1,3 or */2. ${EXAMPLE}`, cause);
}

function isTaken(expression: string): boolean {
  try {
    new Cron(expression, { mode: "5-part" });
    return true;
  } catch {
    // Whoever asks says what is wrong.
    return false;
  }
}

/** @throws {UserpipeError} `settings` */
export function assertTimeZone(name: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const near = Intl.supportedValuesOf("timeZone").find((zone) => similar(zone, name));
    const meant = near === undefined ? "" : `Did you mean ${near}? `;
    throw wrong(`--time-zone "${name}" is no time zone`, `${meant}As in --time-zone Europe/Berlin, or UTC`, error);
  }
}

/** The same letters but for capitals and signs, its city alone, or one letter more, less, other or in its neighbour's place. */
function similar(zone: string, name: string): boolean {
  const [a, b] = [zone, name].map((each) => each.toLowerCase().replace(/[^a-z]/g, "")) as [string, string];
  return a === b || (b.length >= 4 && (a.endsWith(b) || edits(a, b) === 1));
}

function wrong(what: string, hint: string, cause?: unknown): UserpipeError {
  return new UserpipeError("settings", what, hint, { cause });
}
