/** Numbers, durations, sizes and times as people read them: each with its unit. */

const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const TENTHS = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const SHARE = new Intl.NumberFormat("en", { maximumFractionDigits: 1, style: "percent" });

/** `12,345`; a dash where it is not known. @param {number | string | null | undefined} n */
export function grouped(n) {
  if (n === null || n === undefined) return "–";
  return GROUPED.format(typeof n === "string" ? BigInt(n) : n);
}

/** `1 record`, `12,345 records`. @param {number} n @param {string} what */
export function counted(n, what) {
  return `${grouped(n)} ${what}${n === 1 ? "" : "s"}`;
}

/** A number without its unit: `0.4`, `12.3`, `1,204`. @param {number | null} n */
export function short(n) {
  if (n === null) return "–";
  return n < 100 ? TENTHS.format(n) : GROUPED.format(n);
}

/** Never rounded up to all of them. @param {number} part from 0 to 1 */
export function share(part) {
  return percent(part === 1 ? 1 : Math.min(0.999, part));
}

/** @param {number} part from 0 to 1 */
export function percent(part) {
  return SHARE.format(part);
}

/** `830 B`, `1.2 KiB`, `34 MiB`. @param {number | null} n */
export function bytes(n) {
  if (n === null) return "–";
  if (n < 1024) return `${grouped(n)} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let size = n / 1024;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${short(size)} ${units[unit]}`;
}

/** `0.4 ms`, `12 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. @param {number | null} ms */
export function span(ms) {
  if (ms === null) return "–";
  if (ms < 1000) return `${ms < 10 ? TENTHS.format(ms) : GROUPED.format(ms)} ms`;
  if (ms < 60_000) return `${TENTHS.format(Math.floor(ms / 100) / 10)} s`;
  return pairOf(ms);
}

/** {@linkcode span} in whole seconds, for what goes by. @param {number} ms */
export function wholeSpan(ms) {
  return ms < 60_000 ? `${Math.max(0, Math.ceil(ms / 1000))} s` : pairOf(ms);
}

/** @param {number} ms */
function pairOf(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return pair(minutes, "min", Math.floor((ms % 60_000) / 1000), "s");
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? pair(hours, "h", minutes % 60, "min") : pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** @param {number} a @param {string} of @param {number} b @param {string} and */
function pair(a, of, b, and) {
  return b === 0 ? `${a} ${of}` : `${a} ${of} ${b} ${and}`;
}

const two = (/** @type {number} */ n) => String(n).padStart(2, "0");

/** `09:41:12` of today, `11-22 09:41:12` of another day, in the browser's time zone. @param {number} ms */
export function clock(ms) {
  const date = new Date(ms);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (date.toDateString() === new Date().toDateString()) return time;
  const year = date.getFullYear() === new Date().getFullYear() ? "" : `${date.getFullYear()}-`;
  return `${year}${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** `09:41:12.345`. @param {number} ms */
export function exactClock(ms) {
  return `${clock(ms)}.${String(Math.floor(ms) % 1000).padStart(3, "0")}`;
}

/** As a `datetime` attribute and a title. @param {number} ms */
export function iso(ms) {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

/** As much of an id as tells runs apart. @param {string} id */
export function shortId(id) {
  return id.slice(0, 8);
}

/** @param {string} text */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** JSON in lines where it is some, else the text as it is. @param {string} text */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
