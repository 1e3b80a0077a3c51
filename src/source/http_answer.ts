/**
 * What an HTTP answer is: a page's records, or a failure in words, with whether another try may give them. Every
 * way that the API is known to answer in trouble has a line here.
 */
import { type Code, messageOf } from "../errors.ts";
import type { Pipeline } from "../pipeline.ts";
import { badAnswer, RequestFailed } from "./http_failure.ts";
import type { Answer } from "./http_request.ts";
import { tooMuchJson } from "./json_shape.ts";
import { oneLine } from "./wording.ts";

/** A server that asks for a longer wait is not waited for. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Of one answer; 5,000 users have 230,000. */
const MAX_VALUES = 500_000;

/** Of an answer that says what is wrong. */
const MAX_SAID_BYTES = 4_096;

const LATER = "Its server is in trouble: try again later";

/** What an answer gives. */
export interface Given {
  /** As many as were asked for. */
  records: unknown[];
  /** How many there are in it. */
  count: number;
  /** Which it says they are of. */
  seed?: string;
}

/**
 * Exactly `asked` records: with a seed a short answer is an answer cut short, and the rest would be missed in silence.
 * @throws {RequestFailed}
 */
export function givenIn(answer: Answer, pipeline: Pipeline, asked: number): Given {
  const { status } = answer;
  if (status < 200 || status > 299) throw statusFailure(answer, pipeline);
  const body = jsonOf(answer);
  const records = pipeline.unwrap(body);
  if (!records.ok) {
    const what = `answers ${status} without records: ${reasonIn(body, answer, pipeline)}`;
    throw badAnswer(answer, what, LATER, { again: true });
  }
  const { length } = records.value;
  if (length < asked) {
    const what = `answers with ${length} of the ${asked} records that were asked for`;
    throw badAnswer(answer, what, `Try again later, or ask for ${length} with --count`, { again: true });
  }
  const wanted = length === asked ? records.value : records.value.slice(0, asked);
  return { records: wanted, count: length, seed: pipeline.seedOf?.(body) };
}

function jsonOf(answer: Answer): unknown {
  const { body } = answer;
  const tooMuch = tooMuchJson(body, MAX_VALUES);
  if (tooMuch !== undefined) {
    const hint = "Look at the address, or ask for fewer records with --count";
    throw badAnswer(answer, `answers with ${tooMuch}`, hint, { again: false });
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    const text = new TextDecoder().decode(body);
    const hidden = answer.hide(text);
    // The parser quotes a piece of the text, and that may be one of a secret.
    const what = isHtml(body) ? "an HTML page" : hidden === text ? messageOf(error) : hidden;
    throw badAnswer(answer, `answers with what is not JSON: ${oneLine(what)}`, LATER, { again: true });
  }
}

function statusFailure(answer: Answer, pipeline: Pipeline): RequestFailed {
  const { status, headers } = answer;
  const { says, hint, again, code } = meaningOf(status);
  const detail = detailOf(answer, pipeline);
  const afterMs = again ? retryAfterMs(headers.get("retry-after")) : 0;
  const tooLong = afterMs > MAX_RETRY_AFTER_MS;
  const wait = tooLong ? `, and asks to wait ${Math.ceil(afterMs / 1000)} s` : "";
  const what = `${says} (${status}${detail === "" ? "" : `: ${detail}`})${wait}`;
  const { error } = badAnswer(answer, what, tooLong ? `Try again in ${spanText(afterMs)}` : hint, {
    again,
    code,
  });
  return new RequestFailed(error, again && !tooLong, afterMs, status === 429);
}

function meaningOf(status: number): { says: string; hint: string; again: boolean; code: Code } {
  if (status === 429) {
    const hint = "Wait some minutes, or ask for fewer records with --count";
    return { says: "takes no more requests for now", hint, again: true, code: "source-unreachable" };
  }
  if (status >= 500 || status === 408) {
    return { says: "is in trouble", hint: LATER, again: true, code: "source-unreachable" };
  }
  if (status === 401 || status === 403) {
    const hint =
      "Its host blocks this address or asks for a key: try from another network, or read records from --file";
    return { says: "refuses the request", hint, again: false, code: "source-answer" };
  }
  if (status === 404 || status === 410) {
    const hint = "Look at --url: it names the whole address of the API, its version too";
    return { says: "is not there", hint, again: false, code: "source-answer" };
  }
  return { says: "gives no records", hint: "Look at --url and what it asks for", again: false, code: "source-answer" };
}

/** What the server says about it, in a line. */
function detailOf(answer: Answer, pipeline: Pipeline): string {
  const { body, hide } = answer;
  if (isHtml(body)) return "an HTML page";
  const text = new TextDecoder().decode(body.subarray(0, 2 * MAX_SAID_BYTES));
  try {
    return oneLine(reasonIn(JSON.parse(text), answer, pipeline));
  } catch {
    // Cut behind it, so that no secret is cut and not known again.
    return oneLine(hide(text).slice(0, MAX_SAID_BYTES));
  }
}

/** Why `body` has no records, with what is secret hidden; nothing where it has some. */
function reasonIn(body: unknown, { hide }: Answer, pipeline: Pipeline): string {
  // Before the pipeline quotes and cuts them.
  const hidden = (_: string, value: unknown) => typeof value === "string" ? hide(value) : value;
  const records = pipeline.unwrap(JSON.parse(JSON.stringify(body), hidden));
  return records.ok ? "" : hide(records.reason);
}

function isHtml(body: Uint8Array): boolean {
  return /^\s*<(!doctype|html)/i.test(new TextDecoder().decode(body.subarray(0, 256)));
}

/** A wait in the unit that fits it, rounded up: `5 minutes`. */
function spanText(ms: number): string {
  const [unitMs, unit] = SPANS.find(([span]) => ms > 2 * span) ?? SPANS.at(-1)!;
  return `${Math.ceil(ms / unitMs)} ${unit}`;
}

const SPANS = [[86_400_000, "days"], [3_600_000, "hours"], [60_000, "minutes"], [1_000, "seconds"]] as const;

/** `Retry-After` is in seconds, or a date. */
function retryAfterMs(header: string | null): number {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return ms > 0 ? ms : 0;
}
