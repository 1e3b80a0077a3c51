/** An API that misbehaves in every known way: a run that fails, or a record that is refused, with its reason. */
import assert from "node:assert/strict";
import { CODES, EXIT } from "../../src/errors.ts";
import { type Failure, FAILURES, LARGE_FAILURES, TROUBLES } from "../support/api_faults.ts";
import { EMBEDDED, type FaultCase, faultTests } from "../support/fault_cases.ts";
import type { Outcome } from "../support/fault_report.ts";
import { peakOf } from "../support/peak.ts";
import { type Answer, drip, json, serveRandomUsers, silence } from "../support/randomuser_server.ts";
import { serveBytes } from "../support/raw_server.ts";
import { type ApiRecord, changed, records } from "../support/records.ts";
import type { Rig } from "../support/rig.ts";
import { LONG } from "../support/size.ts";

/** One request may take so long; a run tries four times. */
const TIMEOUT_MS = 30_000;
const TRIES = 4;
/** For the start of the process and the waits between tries. */
const SPARE_MS = 25_000;
/** Whatever is sent. */
const MOST_MB = 250;
const TEN = ["--count", "10", "--seed", "s"];

interface Ran {
  code: number;
  output: string;
  ms: number;
  peakMb: number;
}

/** A run of ingest to its end: never with a defect or a stack trace, never large. */
async function ingest(rig: Rig, url: string, ...args: string[]): Promise<Ran> {
  const began = performance.now();
  await using running = rig.start("ingest", "--url", url, ...args);
  using peak = peakOf(running.pid);
  const code = await running.ended;
  const { output } = running;
  assert.doesNotMatch(output, /defect|^\s+at /m);
  assert.ok(Deno.build.os !== "linux" || (peak.mb > 0 && peak.mb < MOST_MB), `${peak.mb} MB`);
  return { code, output, ms: performance.now() - began, peakMb: peak.mb };
}

/** The run failed with a message and a hint, and left nothing behind. */
async function failed(rig: Rig, ran: Ran, { code, message, again }: Omit<Failure, "answer">): Promise<Outcome> {
  assert.equal(ran.code, CODES[code].exit, ran.output);
  const [, said = "", hint = ""] = /^error: (.*)\n {2}(\S.*)$/m.exec(ran.output) ?? [];
  assert.match(said.replace(` (tried ${TRIES} times)`, ""), message);
  assert.equal(said.includes(`(tried ${TRIES} times)`), again);
  assert.notEqual(hint, "", ran.output);
  assert.deepEqual([await rig.published(), (await rig.letters()).copies], [0, 0]);
  const what = said.replaceAll(/"http:[^"]+"/g, "the server");
  const seen = `exit code ${ran.code}, "${what}"; ${Math.ceil(ran.peakMb)} MB at the most`;
  return { times: again ? TRIES : 1, records: 0, rows: 0, dead: 0, missing: 0, different: 0, seen };
}

const failing: FaultCase[] = Object.entries({ ...FAILURES, ...LARGE_FAILURES }).map(([what, failure]) => ({
  fault: `${what} for good`,
  ends: EMBEDDED,
  work: async (rig) => {
    await rig.init();
    await using server = serveRandomUsers([]);
    server.always(failure.answer);
    const ran = await ingest(rig, server.url, ...TEN);
    assert.equal(server.requests.length, failure.again ? TRIES : 1);
    return await failed(rig, ran, failure);
  },
}));

function* endless(head: string, piece: string): Generator<string> {
  yield head;
  while (true) yield piece;
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

/** What no HTTP server may say. */
const NO_HTTP: Record<string, () => Iterable<string>> = {
  "closes without a word": () => [],
  "speaks something else than HTTP": () => ["SSH-2.0-OpenSSH_9.2\r\n"],
  "sends headers without end": () => endless(HEAD, `X-More: ${"x".repeat(4096)}\r\n`),
  "sends a header without end": () => endless(`${HEAD}X-More: `, "x".repeat(64 * 1024)),
  "sends a chunk of no size": () => [`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, "zz\r\n{}\r\n"],
  "says gzip and sends none": () => [`${HEAD}Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n`, "x".repeat(20)],
};

const unheard: FaultCase[] = Object.entries(NO_HTTP).map(([what, pieces]) => ({
  fault: `a server that ${what}`,
  ends: EMBEDDED,
  work: async (rig) => {
    await rig.init();
    await using server = serveBytes(pieces);
    const ran = await ingest(rig, server.url, ...TEN);
    const outcome = await failed(rig, ran, {
      code: "source-unreachable",
      message: /^Cannot reach ".*": ./,
      again: true,
    });
    assert.ok(server.connections >= TRIES);
    return outcome;
  },
}));

/** Too slow once and well from then on; in the long run too slow for good. */
function slow(what: string, answer: Answer): FaultCase {
  const work: FaultCase["work"] = async (rig) => {
    await rig.init();
    const served = records(10);
    await using server = serveRandomUsers(served);
    if (LONG) server.always(answer);
    else server.next(answer);
    const ran = await ingest(rig, server.url, ...TEN);
    assert.match(ran.output, /no whole answer within 30 s/);
    const tries = LONG ? TRIES : 1;
    assert.ok(ran.ms > tries * TIMEOUT_MS && ran.ms < tries * TIMEOUT_MS + SPARE_MS, `${ran.ms} ms`);
    if (LONG) return failed(rig, ran, { code: "source-unreachable", message: /no whole answer within/, again: true });
    assert.equal(ran.code, EXIT.done, ran.output);
    await rig.drain();
    return { times: 1, seen: "given up after 30 s, and asked again", ...await rig.complete(idsIn(served)) };
  };
  return { fault: what, ends: EMBEDDED, work };
}

function idsIn(served: readonly ApiRecord[]): Set<string> {
  return new Set(served.map(({ login }) => String(login.uuid)));
}

const inTurn: FaultCase = {
  fault: `${Object.keys(TROUBLES).length} kinds of trouble in turn, each page given in the end`,
  ends: EMBEDDED,
  work: async (rig) => {
    const troubles = Object.values(TROUBLES);
    const aPage = TRIES - 1;
    const pages = Math.ceil(troubles.length / aPage);
    const served = records(5_000 * pages);
    await rig.init();
    await using server = serveRandomUsers(served);
    for (let page = 0; page < pages; page++) {
      server.next(...troubles.slice(page * aPage, (page + 1) * aPage), undefined);
    }
    const ran = await ingest(rig, server.url, "--count", String(served.length), "--seed", "s");
    assert.equal(ran.code, EXIT.done, ran.output);
    assert.equal(server.requests.length, pages + troubles.length);
    await rig.drain();
    return { times: troubles.length, seen: "tried again after each", ...await rig.complete(idsIn(served)) };
  },
};

const LARGE = "x".repeat(4 * 1024 * 1024);

/** Records with something else in them than the API has ever given, and what is said of it. */
const ODD: [change: (record: ApiRecord) => unknown, reason: RegExp][] = [
  [(r) => r.gender = 1, /^gender: expected a string, got a number$/],
  [(r) => r.name = [] as never, /^name: expected an object, got an array$/],
  [(r) => r.name.first = null, /^name\.first: expected a string, got null$/],
  [(r) => r.name.last = "\ud800", /^name\.last: /],
  [(r) => r.location = null as never, /^location: expected an object, got null$/],
  [(r) => r.location.street.number = "12", /^location\.street\.number: expected a number, got a string$/],
  [(r) => r.location.city = {}, /^location\.city: expected a string, got an object$/],
  [(r) => r.location.postcode = ["1"], /^location\.postcode: expected a number or a string, got an array$/],
  [(r) => r.email = true, /^email: expected a string, got a boolean$/],
  [(r) => r.login = "me" as never, /^login: expected an object, got a string$/],
  [(r) => delete r.login.uuid, /^login\.uuid: missing$/],
  [(r) => r.login.uuid = "12", /^login\.uuid: /],
  [(r) => r.dob = "1980-02-29" as never, /^dob: expected an object, got a string$/],
  [(r) => r.registered.date = 0, /^registered\.date: expected a string, got a number$/],
  [(r) => r.phone = 5, /^phone: expected a string, got a number$/],
  [(r) => r.picture = null as never, /^picture: expected an object, got null$/],
  [(r) => r.name.first = LARGE, /^Cannot publish a message of \d+ bytes/],
  [(r) => (r.phone = 5, r.nat = LARGE), /^phone: expected a string, got a number$/],
];
const NO_RECORDS: [raw: unknown, reason: RegExp][] = [null, "text", 5, []].map((raw) => [raw, /^expected an object/]);

const odd: FaultCase = {
  fault: `a field of another type, missing or large, in ${ODD.length + NO_RECORDS.length} of 1,000 records`,
  ends: EMBEDDED,
  work: async (rig) => {
    const good = records(1_000 - ODD.length - NO_RECORDS.length);
    const bad = [
      ...ODD.map(([change], n): [unknown, RegExp] => [changed(change, 5_000 + n), ODD[n]![1]]),
      ...NO_RECORDS,
    ];
    await rig.init();
    await using server = serveRandomUsers([]);
    server.always(json({ results: [...good.slice(0, 500), ...bad.map(([raw]) => raw), ...good.slice(500)] }));
    const ran = await ingest(rig, server.url, "--count", "1000", "--seed", "s");
    assert.equal(ran.code, EXIT.found, ran.output);
    assert.match(ran.output, new RegExp(`fetched 1,000, published ${good.length}, refused ${bad.length} `));
    const { letters } = await rig.letters();
    for (const { key, reason } of letters) assert.match(reason, bad[Number(key.split("/").at(-1)) - 500]![1], key);
    await rig.drain();
    return { times: bad.length, seen: "each refused with its reason", ...await rig.complete(idsIn(good), bad.length) };
  },
};

faultTests("API", [
  slow("a body byte by byte, without end", drip(5)),
  slow("no answer", silence),
  inTurn,
  odd,
  ...failing,
  ...unheard,
], { atOnce: 6 });
