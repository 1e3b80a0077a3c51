/** What cron expressions mean, by a second library: croner's answers against cron-parser's for thousands of schedules. */
import assert from "node:assert/strict";
import { CronExpressionParser } from "cron-parser";
import { cronSchedule } from "../src/ingest/schedule.ts";
import { sized } from "./support/size.ts";

const SCHEDULES = sized(2_000, 10_000);
const DAY_MS = 86_400_000;
const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"];
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/** The same numbers each time. */
function numbers(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(seed / 2 ** 32 * below);
  };
}

/** A field of an expression: `*`, steps, a value, a range, a list, a name. */
function field(random: (below: number) => number, least: number, most: number, names?: readonly string[]): string {
  const value = () => least + random(most - least + 1);
  const range = () => [value(), value()].sort((a, b) => a - b).join("-");
  const step = () => 1 + random(Math.ceil((most - least) / 2));
  switch (random(10)) {
    case 0:
      return `*/${step()}`;
    case 1:
      return range();
    case 2:
      return `${range()}/${step()}`;
    case 3:
      return [...new Set([value(), value(), value()])].sort((a, b) => a - b).join(",");
    case 4:
      return names === undefined ? String(value()) : names[value() - least]!;
    case 5:
    case 6:
      return String(value());
    default:
      return "*";
  }
}

function expression(random: (below: number) => number): string {
  const fields = [field(random, 0, 59), field(random, 0, 23)];
  return [...fields, field(random, 1, 31), field(random, 1, 12, MONTHS), field(random, 0, 6, DAYS)].join(" ");
}

/** What a zone is ahead of UTC at a time, in ms. */
function offset(zone: string, time: number): number {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(time);
  const [, sign, hours = 0, minutes = 0] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(parts.at(-1)!.value)!;
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

/** Whether the zone's clocks change within a day of it: the libraries differ in what they do with what is skipped then. */
function changes(zone: string, time: number): boolean {
  return offset(zone, time - DAY_MS) !== offset(zone, time + DAY_MS);
}

/** The next times by the other library; none where it says that none comes. */
function others(text: string, tz: string, from: number): number[] {
  try {
    const parsed = CronExpressionParser.parse(text, { currentDate: new Date(from), tz });
    return [parsed.next().getTime(), parsed.next().getTime()];
  } catch {
    return [];
  }
}

function ours(text: string, zone: string, from: number): number[] {
  try {
    const { next } = cronSchedule(text, zone);
    const first = next(from)!;
    return [first, next(first)!];
  } catch {
    return [];
  }
}

Deno.test(`croner and cron-parser name the same times of ${SCHEDULES} schedules`, () => {
  const random = numbers(1);
  let [compared, never, atChanges] = [0, 0, 0];
  for (let n = 0; n < SCHEDULES; n++) {
    const [text, zone] = [expression(random), ZONES[random(ZONES.length)]!];
    const from = Date.parse("2026-01-01T00:00:00Z") + random(4 * 365 * 1440) * 60_000;
    const [own, other] = [ours(text, zone, from), others(text, zone, from)];
    if (own.length === 0 && other.length === 0) never++;
    else if (String(own) === String(other)) compared++;
    else if ([from, ...own, ...other].some((time) => changes(zone, time))) atChanges++;
    else assert.fail(`"${text}" in ${zone} behind ${new Date(from).toISOString()}: ${own} and ${other}`);
  }
  assert.ok(compared > SCHEDULES * 0.99, `${compared} were the same, ${never} never come, ${atChanges} at a change`);
});
