/** How ingest says times and what went wrong, for people. */
import { UserpipeError } from "../errors.ts";

/** In local time, to the second, with its zone: `2026-01-31 12:00:00 CET`. */
export function timeText(ms: number): string {
  return TIME.format(ms);
}

const TIME = new Intl.DateTimeFormat("sv-SE", {
  ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  timeZoneName: "short",
});

/** An operating error with its hint; what a defect threw as it is. */
export function failureText(error: unknown): string {
  if (error instanceof UserpipeError) return `${error.message}. ${error.hint}`;
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** `40 s`, `3 min 20 s`. */
export function wholeSeconds(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
