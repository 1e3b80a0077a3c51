/** Every way that an API is known to answer in trouble, and some more: what it does, and what has to be said of it. */
import type { Code } from "../../src/errors.ts";
import {
  type Answer,
  blocked,
  bomb,
  cutBody,
  cutConnection,
  fewer,
  flood,
  json,
  notThere,
  quota,
  redirect,
  text,
  trouble,
} from "./randomuser_server.ts";
import { records } from "./records.ts";

const RECORDS = records(30);

/** Answers behind which another try is worth it. */
export const TROUBLES: Record<string, Answer> = {
  "429": quota(),
  "429 with a short Retry-After": quota("0"),
  "429 with a Retry-After that is past": quota("Wed, 21 Oct 2015 07:28:00 GMT"),
  "500 with an error": trouble(500),
  "503 with an error": trouble(503),
  "an empty list of results": json({ results: [], info: {} }),
  "200 with an error": json({ error: "Uh oh, something has gone wrong." }),
  "fewer records than asked for": fewer(RECORDS, 3),
  "a truncated body": cutBody(RECORDS),
  "a connection that is cut in the middle": cutConnection,
  "an HTML page with status 200": text("<!doctype html><html></html>"),
  "an empty body": text(""),
  "a body that is not UTF-8": text(new Uint8Array([0x7b, 0xff, 0x7d])),
  "results that are no list": json({ results: { 0: "x" } }),
};

export interface Failure {
  answer: Answer;
  code: Code;
  message: RegExp;
  /** Whether it is asked again before the run fails. */
  again: boolean;
}

function unreachable(answer: Answer, message: RegExp, again = true): Failure {
  return { answer, code: "source-unreachable", message, again };
}

function badAnswer(answer: Answer, message: RegExp, again = false): Failure {
  return { answer, code: "source-answer", message, again };
}

/** Answers that, given for good, end a run that asks for the first ten records of the seed "s". */
export const FAILURES: Record<string, Failure> = {
  "429": unreachable(quota(), /takes no more requests for now \(429: .*too many requests/),
  "500": unreachable(trouble(500), /is in trouble \(500: the answer is an error: Uh oh/),
  "a long Retry-After": unreachable(quota("7200"), /\(429: .*\), and asks to wait 7200 s$/, false),
  "403 in HTML": badAnswer(blocked, /refuses the request \(403: an HTML page\)$/),
  "404 in plain text": badAnswer(notThere, /is not there \(404: That version does not exist\)$/),
  "400": badAnswer(() => new Response("no\r\nsuch\u0000query", { status: 400 }), /\(400: no such query\)$/),
  "no results": badAnswer(json({ results: [] }), /200 without records: its list "results" is empty/, true),
  "200 with an error": badAnswer(json({ error: "Uh oh" }), /200 without records: the answer is an error: Uh oh/, true),
  "results of another type": badAnswer(json({ results: "many" }), /200 without records: no list "results" in it/, true),
  "fewer": badAnswer(fewer(RECORDS, 3), /answers with 7 of the 10 records that were asked for/, true),
  "a truncated body": badAnswer(cutBody(RECORDS), /what is not JSON: (Unterminated|Unexpected|Expected)/, true),
  "a body that is not UTF-8": badAnswer(text(new Uint8Array([0x7b, 0xff, 0x7d])), /what is not JSON: .*valid/, true),
  "an HTML page": badAnswer(text("<html></html>"), /answers with what is not JSON: an HTML page/, true),
  "a connection that is cut": unreachable(cutConnection, /the connection was cut in the middle of the answer/),
  "a circle": badAnswer(redirect("/api/1.4/?results=10&page=1&seed=s"), /redirects in a circle, back to/),
  "a redirect to a file": badAnswer(redirect("file:///etc/passwd"), /redirects to "file:.*", which is no web address/),
  "a body without end": badAnswer(flood(), /answers with more than \d+ MiB$/),
  "an error without end": badAnswer(flood(500), /answers with more than \d+ MiB$/),
  "a gzip bomb of 1 GiB": badAnswer(bomb(1024), /answers with more than \d+ MiB$/),
  "a brotli bomb of 1 GiB": badAnswer(bomb(1024, "br"), /answers with more than \d+ MiB$/),
};

/** Those that only a limit of more than their bytes lets through as far as that. */
export const LARGE_FAILURES: Record<string, Failure> = {
  "10 MiB of empty objects": badAnswer(
    text(`{"results":[${"{},".repeat(10 * 1024 * 1024 / 3)}{}]}`),
    /answers with more than 500000 values$/,
  ),
  "values 100,000 deep": badAnswer(
    text(`{"results":${"[".repeat(1e5)}${"]".repeat(1e5)}}`),
    /answers with values more than 1000 deep$/,
  ),
};
