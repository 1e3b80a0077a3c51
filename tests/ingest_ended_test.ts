/** What a single ingest says and ends with that was cut, had records refused, or could not record its end. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { runOnce, type RunReport } from "../src/ingest/run.ts";
import { start, succeeds, userpipe, withFolder } from "./support/cli.ts";
import { serveRandomUsers, silence } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";
import { ask, hundred, withRig } from "./support/schedule.ts";
import { failsAsItShould } from "./support/wrong.ts";

for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
  Deno.test(`an ingest that ${signal} cuts before it has its count drains, and ends with ${code}`, () =>
    withFolder(async (cwd) => {
      await using server = serveRandomUsers(records(10));
      let asked = () => {};
      const first = new Promise<void>((resolve) => asked = resolve);
      server.always((request) => (asked(), silence(request, server)));
      await succeeds(["init"], { cwd });
      await using running = start(["ingest", "--url", server.url, "--count", "10"], { cwd });
      await first;
      running.signal(signal);
      assert.equal(await running.ended, code, running.output);
      assert.match(running.output, /^interrupted fetched 0, published 0/m);
    }));
}

Deno.test("a file is interrupted where a signal cut it, and delivered where it had come to its end", () =>
  withRig(async (rig) => {
    const file = ask({ sourceKind: "file" });
    const inside = new AbortController();
    rig.gives(async function* () {
      yield 50;
      inside.abort();
    });
    const cut = await runOnce(rig.options({ own: true, signal: inside.signal }), file);
    assert.deepEqual([cut.state, cut.published], ["interrupted", 50]);
    const behind = new AbortController();
    rig.gives(hundred);
    const publisher = {
      publish: async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        behind.abort();
        return "broker" as const;
      },
    };
    const whole = await runOnce(rig.options({ own: true, publisher, signal: behind.signal }), file);
    assert.deepEqual([whole.state, whole.published], ["delivered", 100]);
  }));

Deno.test("a run whose end cannot be recorded says what it did, and then why", () =>
  withRig(async (rig) => {
    const full = new UserpipeError("data-folder", "the disk is full", "Make room");
    const runs = { ...rig.runs, end: () => Promise.reject(full) };
    const said: RunReport[] = [];
    const options = rig.options({ runs, own: true, onUnrecorded: (report) => said.push(report) });
    await assert.rejects(runOnce(options, ask()), full);
    assert.deepEqual(said.map(({ state, fetched, published }) => [state, fetched, published]), [[
      "delivered",
      100,
      100,
    ]]);
  }));

Deno.test("an ingest that was killed is named at the next one, once, with how to make it again", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    const args = ["ingest", "--generate", "20", "--seed", "s1"];
    const killed = await userpipe(args, { cwd, env: { USERPIPE_FAULT: "after-publish" } });
    assert.notEqual(killed.code, 0);
    const said = /from the generator was interrupted: make it again with "userpipe ingest --generate 20 --seed s1"/;
    assert.match((await userpipe(["ingest", "--generate", "1"], { cwd })).stderr, said);
    assert.doesNotMatch((await userpipe(["ingest", "--generate", "1"], { cwd })).stderr, said);
  }));

Deno.test("an ingest with refusals says where they are seen", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    const lines = [...records(2), { no: "user" }].map((each) => JSON.stringify(each));
    const ended = await userpipe(["ingest", "--file", "-"], { cwd, stdin: lines.join("\n") });
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stdout, /^delivered fetched 3, published 2, refused 1/);
    assert.match(ended.stderr, /userpipe dead-letters/);
  }));

Deno.test("a wrong point to die at is a wrong setting", () =>
  failsAsItShould({
    args: ["ingest", "--generate", "1"],
    env: { USERPIPE_FAULT: "nowhere" },
    message: /USERPIPE_FAULT is "nowhere"/,
    hint: /after-publish/,
    code: 2,
  }));
