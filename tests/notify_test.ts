/** Notices: what is sent when, and that a service which is away or slow costs a run nothing. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { Notifier, type NotifierOptions } from "../src/ingest/notify.ts";
import { runOnce } from "../src/ingest/run.ts";
import { until } from "./support/cli.ts";
import { secretOf } from "./support/secrets.ts";
import {
  ask,
  DrivenClock,
  hundred,
  keeping,
  MINUTE,
  type Rig,
  TARGET,
  timetableIs,
  withRig,
} from "./support/schedule.ts";

const TOKEN = secretOf("the token of --notify");

interface Sent {
  event: string;
  text: string;
  run?: { id: string; state: string };
  [more: string]: unknown;
}

/** Takes notices on loopback, or answers as it is told. */
function service(answer: (tries: number) => Response | Promise<Response> = () => new Response("ok")) {
  const sent: Sent[] = [];
  let tries = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    assert.equal(request.headers.get("content-type"), "application/json");
    const body = await request.json();
    const response = await answer(++tries);
    if (response.ok) sent.push(body);
    return response;
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/hook/${TOKEN}?key=${TOKEN}`,
    sent,
    tries: () => tries,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function notifier(rig: Rig, url: string, also: Partial<NotifierOptions> = {}): Notifier {
  return new Notifier({ url, runs: rig.runs, target: TARGET, backoff: { firstMs: 2, maxMs: 4 }, ...also });
}

function fails(rig: Rig): void {
  rig.gives(async function* () {
    yield 10;
    throw new UserpipeError("source-unreachable", "it is away", "wait for it");
  });
}

Deno.test("a run that failed is told of once, behind its last attempt, and so is the first that succeeds again", () =>
  withRig(async (rig) => {
    await using hook = service();
    const notify = notifier(rig, hook.url);
    const options = rig.options({ notify, retries: 2 });
    const runs = [];
    for (const good of [true, false, false, true, true]) {
      if (good) rig.gives(hundred);
      else fails(rig);
      runs.push(await runOnce(options, ask()));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await notify.close();
    const told = hook.sent.map(({ event, run }) => [event, run?.id]);
    assert.deepEqual(told, [["failed", runs[1]!.id], ["failed", runs[2]!.id], ["recovered", runs[3]!.id]]);
    const { at, run, ...rest } = hook.sent[0]!;
    assert.ok(Math.abs(Date.parse(String(at)) - Date.now()) < 60_000);
    assert.deepEqual(rest, {
      event: "failed",
      text: "A run failed: it is away",
      pipeline: "users",
      topic: "t",
      error: { code: "source-unreachable", hint: "wait for it" },
    });
    const { ms: _, ...told1 } = run as Record<string, unknown>;
    const { id, source, seed } = runs[1]!;
    const counts = { fetched: 10, published: 10, refused: 0 };
    const expected = { id, kind: "manual", state: "failed", source, seed, scheduled: null, attempts: 3, ...counts };
    assert.deepEqual(told1, { ...expected, page: 1 });
  }));

Deno.test("missed times are told of in one notice", () =>
  withRig(async (rig) => {
    await using hook = service();
    const notify = notifier(rig, hook.url);
    const clock = new DrivenClock();
    const run = rig.options({ notify });
    await keeping(rig, clock, { run }, () => timetableIs(rig.runs, clock.time, ["0 delivered"]));
    clock.go(4);
    const first = clock.time - 3 * MINUTE;
    await keeping(rig, clock, { run }, () =>
      until(
        () => hook.sent.length === 1,
        30_000,
        () => "nothing is told",
      ));
    await notify.close();
    const { at: _, ...notice } = hook.sent[0]!;
    const [from, to] = [first, first + 2 * MINUTE].map((time) => new Date(time).toISOString());
    const text = `3 runs were missed: ${from} to ${to}`;
    const of = { pipeline: "users", topic: "t" };
    assert.deepEqual(notice, { event: "missed", text, ...of, count: 3, first: from, last: to });
  }));

Deno.test("a service that refuses is tried three times, and one that hangs is given up; the run is none the later", () =>
  withRig(async (rig) => {
    await using flaky = service((tries) => new Response("", { status: tries < 3 ? 503 : 200 }));
    await using broken = service(() => new Response("", { status: 500 }));
    let end = () => {};
    const ended = new Promise<void>((resolve) => end = resolve);
    await using hanging = service(() => ended.then(() => new Response("", { status: 500 })));
    fails(rig);
    const all = [notifier(rig, flaky.url), notifier(rig, broken.url), notifier(rig, hanging.url, { timeoutMs: 500 })];
    for (const notify of all) assert.equal((await runOnce(rig.options({ notify }), ask())).state, "failed");
    assert.ok(hanging.tries() < 3, "a run waited for its notice");
    await until(
      () => flaky.sent.length === 1 && broken.tries() === 3 && hanging.tries() === 3,
      30_000,
      () => `${flaky.sent.length} came, ${broken.tries()} and ${hanging.tries()} tries`,
    );
    for (const notify of all) await notify.close();
    assert.deepEqual([flaky.tries(), broken.tries(), hanging.tries()], [3, 3, 3]);
    end();
  }));

Deno.test("nobody listens there: the run fails no further, and the address is not in the log", () =>
  withRig(async (rig) => {
    fails(rig);
    const notify = notifier(rig, `http://127.0.0.1:1/hook/${TOKEN}?key=${TOKEN}`);
    const report = await runOnce(rig.options({ notify }), ask());
    await notify.close();
    assert.equal(report.state, "failed");
  }));
