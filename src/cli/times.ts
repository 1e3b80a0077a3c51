/** Times and durations as commands show them: in the time zone of the machine, named where that can be asked. */
import { timeText } from "../ingest/wording.ts";

/** `2026-11-23 09:41:12`, on the clock of this machine. */
export function localTime(ms: number): string {
  return timeText(ms).slice(0, "2026-11-23 09:41:12".length);
}

/** `2026-11-23 08:41:12 UTC`. */
export function utcTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `CET`: that of this machine at that time. */
export function zoneAt(ms: number): string {
  return timeText(ms).slice("2026-11-23 09:41:12 ".length);
}

/** `2026-11-23 09:41:12 CET (2026-11-23 08:41:12 UTC)`; once where they are the same. */
export function bothTimes(ms: number): string {
  return zoneAt(ms) === "UTC" ? utcTime(ms) : `${timeText(ms)} (${utcTime(ms)})`;
}

/** ISO 8601 in UTC, for programs; null where there is none. */
export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

const two = (n: number) => String(n).padStart(2, "0");

/** `0.42s`, `12.3s`, `3m20s`, `2h05m`, `3d04h`: at most 6 characters below 1,000 days. */
export function span(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)}s`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes}m${two(Math.floor((ms % 60_000) / 1000))}s`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  return `${Math.floor(minutes / 1440)}d${two(Math.floor((minutes % 1440) / 60))}h`;
}

/** {@linkcode span} in whole seconds, for what is not measured: `1s`, `48s`, `3m20s`. */
export function wholeSpan(ms: number): string {
  return ms < 60_000 ? `${Math.ceil(ms / 1000)}s` : span(ms);
}
