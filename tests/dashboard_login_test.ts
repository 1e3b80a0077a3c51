/** Who may see the page: passwords, sessions and tokens, each tried with wrong ones; and where no page is shown without. */
import assert from "node:assert/strict";
import { accessOf } from "../src/dashboard/access.ts";
import { SESSION_IDLE_MS, Sessions, Tries } from "../src/dashboard/sessions.ts";
import { UserpipeError } from "../src/errors.ts";
import { parseAddress } from "../src/settings_dashboard.ts";
import { start, userpipe, withFolder } from "./support/cli.ts";
import { CHANGES, errorOf, eventsOf, pageTest as test, refusalOf, signIn } from "./support/page.ts";
import { secretOf } from "./support/secrets.ts";

const PASSWORD = secretOf("the page's password");
const TOKEN = secretOf("the page's token");
const LOGIN = { USERPIPE_DASHBOARD_PASSWORD: PASSWORD };

test("without a login nothing of what is carried is seen", async (page) => {
  for (
    const path of [
      "/api/way",
      "/api/runs",
      "/api/events",
      "/api/messages",
      "/api/table/row/1",
      "/api/nothing",
      "/metrics",
    ]
  ) {
    assert.deepEqual(await refusalOf(await page.ask(path)), [401, "login"], path);
    const cookie = `userpipe_session=${"A".repeat(43)}`;
    assert.deepEqual(await refusalOf(await page.ask(path, { headers: { cookie } })), [401, "login"], path);
  }
  for (const path of CHANGES) assert.equal((await errorOf(await page.post(path, {}))).status, 401, path);
  const { login, csrf } = await (await page.ask("/api/session")).json();
  assert.deepEqual([login, csrf], ["needed", ""]);
  const { parts } = await (await page.ask("/readyz")).json();
  for (const part of parts) assert.deepEqual(Object.keys(part), ["name", "ok"]);
  for (const path of ["/", "/healthz", "/assets/app.js"]) {
    const answer = await page.ask(path);
    assert.equal(answer.status, 200, `${path} ${await answer.text()}`);
  }
}, { env: LOGIN });

test("a wrong password is told, and the right one opens a session until it is left", async (page) => {
  for (const body of [{ password: "wrong" }, { password: `${PASSWORD} ` }, { password: 7 }, null]) {
    assert.deepEqual(await refusalOf(await page.post("/login", body)), [401, "login"]);
  }
  const answer = await page.post("/login", { password: PASSWORD });
  const set = answer.headers.get("set-cookie")!;
  assert.match(set, /^userpipe_session=[\w-]{43};/);
  for (const part of ["HttpOnly", "SameSite=Strict", "Path=/"]) assert.ok(set.includes(part), set);
  assert.ok(!/Secure|Domain|Max-Age|Expires/.test(set), set);
  const headers = await signIn(page, PASSWORD);
  const { cookie } = headers;
  assert.notEqual(cookie, set.split(";")[0]);
  const session = await (await page.ask("/api/session", { headers: { cookie } })).json();
  assert.equal(session.login, "done");
  const events = await page.ask("/api/events", { headers: { cookie } });
  assert.equal(events.status, 200);
  assert.equal((await errorOf(await page.post("/logout", {}, { cookie }))).code, "csrf");
  assert.equal((await errorOf(await page.post("/logout", {}, { cookie, "x-userpipe-csrf": "x" }))).code, "csrf");
  const left = await page.post("/logout", {}, headers);
  assert.equal(left.status, 204);
  assert.match(left.headers.get("set-cookie")!, /^userpipe_session=;.*Max-Age=0/);
  assert.equal((await errorOf(await page.ask("/api/way", { headers: { cookie } }))).code, "login");
  // Its stream is cut off too, which is an error or an end.
  await Array.fromAsync(eventsOf(events)).catch(() => {});
}, { env: LOGIN });

test("the cookie is secure behind a proxy that does TLS", async (page) => {
  const answer = await page.post("/login", { password: PASSWORD }, { "x-forwarded-proto": "https" });
  assert.match(answer.headers.get("set-cookie")!, /; Secure/);
}, { env: LOGIN });

test("after some wrong passwords, also all at once, the right one has to wait too", async (page) => {
  const tries = await Promise.all(
    Array.from({ length: 20 }, (_, i) => page.post("/login", { password: `wrong ${i}` })),
  );
  const statuses = (await Promise.all(tries.map(errorOf))).map(({ status }) => status);
  assert.deepEqual(statuses.filter((status) => status === 401).length, 5);
  assert.deepEqual(statuses.filter((status) => status === 429).length, 15);
  const right = await page.post("/login", { password: PASSWORD });
  assert.ok(Number(right.headers.get("retry-after")) > 50);
  assert.deepEqual(await refusalOf(right), [429, "too-many-tries"]);
}, { env: LOGIN });

test("a token reads what scripts read, and changes nothing", async (page) => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  for (const path of ["/metrics", "/api/way", "/api/runs"]) {
    const answer = await page.ask(path, { headers });
    assert.equal(answer.status, 200, `${path} ${await answer.text()}`);
  }
  for (const path of CHANGES) {
    assert.deepEqual(await refusalOf(await page.post(path, {}, headers)), [403, "login"], path);
  }
  const { status, code } = await errorOf(
    await page.ask("/metrics", { headers: { authorization: `Bearer ${TOKEN.slice(0, -1)}` } }),
  );
  assert.deepEqual([status, code], [401, "login"]);
  for (const authorization of ["Bearer ", "Bearer", `Basic ${TOKEN}`, TOKEN]) {
    const answer = await page.ask("/api/way", { headers: { authorization } });
    assert.equal(answer.headers.get("www-authenticate"), "Bearer", authorization);
    assert.equal((await errorOf(answer)).status, 401, authorization);
  }
  assert.equal((await errorOf(await page.ask("/metrics", { headers }))).status, 429);
}, { env: { ...LOGIN, USERPIPE_DASHBOARD_TOKEN: TOKEN } });

test("where no token is set none is right", async (page) => {
  const answer = await page.ask("/metrics", { headers: { authorization: "Bearer undefined" } });
  assert.equal((await errorOf(answer)).status, 401);
}, { env: LOGIN });

Deno.test("an address of a network without a password is refused before anything is made", () =>
  withFolder(async (cwd) => {
    for (
      const args of [["dashboard", "0.0.0.0:0"], ["up", "--dashboard", "0.0.0.0:0"], ["up", "--dashboard", "[::]:0"]]
    ) {
      const { code, stderr } = await userpipe(args, { cwd });
      assert.equal(code, 2, stderr);
      assert.match(
        stderr,
        /^error: The page at "(0\.0\.0\.0|::)" would stand open.*\n {2}Set USERPIPE_DASHBOARD_PASSWORD/,
      );
      assert.deepEqual(await Array.fromAsync(Deno.readDir(cwd)), [], args.join(" "));
    }
  }));

const NO_FLAGS = {
  dashboardReadOnly: false,
  dashboardPasswordFile: undefined,
  dashboardTokenFile: undefined,
  tlsCert: undefined,
  tlsKey: undefined,
};

Deno.test("only this machine's own addresses need no password", async () => {
  const access = async (given: string, env: Record<string, string> = {}) => {
    const parsed = parseAddress(given);
    assert.ok(parsed.ok, given);
    return await accessOf(NO_FLAGS, parsed.value, (name) => env[name]);
  };
  for (const own of ["", "9000", "localhost", "127.0.0.1:1", "127.9.9.9", "[::1]:1"]) {
    assert.ok((await access(own)).loopback);
  }
  for (const other of ["0.0.0.0", "[::]", "10.0.0.1", "example.org", "127.example.org", "127.999.0.1:1"]) {
    await assert.rejects(access(other), /would stand open/, other);
    assert.equal((await access(other, LOGIN)).password, PASSWORD);
  }
});

Deno.test("a secret comes from its file, and what cannot be read or is empty is an error that says so", () =>
  withFolder(async (cwd) => {
    const file = `${cwd}/password`;
    await Deno.writeTextFile(file, "from the file\n");
    const where = { host: "127.0.0.1", port: 1, portAsked: true };
    const both = await accessOf(
      { ...NO_FLAGS, dashboardPasswordFile: file, dashboardTokenFile: file },
      where,
      () => "env",
    );
    assert.deepEqual([both.password, both.token], ["from the file", "from the file"]);
    await Deno.writeTextFile(file, "\n");
    for (
      const [given, message] of [
        [{ dashboardPasswordFile: file }, /is empty/],
        [{ dashboardTokenFile: `${cwd}/nothing` }, /Cannot read the page's token/],
        [{ tlsCert: file }, /^--tls-cert .* is of no use without --tls-key/],
        [{ tlsKey: file }, /^--tls-key .* is of no use without --tls-cert/],
        [{ tlsCert: `${cwd}/nothing`, tlsKey: file }, /Cannot read the page's certificate/],
      ] as const
    ) {
      await assert.rejects(accessOf({ ...NO_FLAGS, ...given }, where, () => undefined), (error) => {
        assert.ok(error instanceof UserpipeError);
        assert.match(error.message, message);
        return error.code === "settings";
      });
    }
  }));

Deno.test("a session ends when it is not used, and no number of them fills the memory", () => {
  let now = 0;
  const sessions = new Sessions(() => now);
  const used = sessions.open();
  const unused = sessions.open();
  now += SESSION_IDLE_MS - 1;
  assert.equal(sessions.use(used.id)?.csrf, used.csrf);
  now += SESSION_IDLE_MS - 1;
  assert.ok(sessions.isOpen(used.id));
  assert.equal(sessions.use(unused.id), undefined);
  assert.notEqual(used.csrf, used.id);
  const many = Array.from({ length: 1_000 }, () => sessions.open());
  assert.equal(sessions.use(used.id), undefined);
  assert.ok(many.every(({ id }) => sessions.isOpen(id)));
});

Deno.test("wrong tries count by address and in all, for a minute", () => {
  let now = 0;
  const tries = new Tries(() => now);
  for (let i = 0; i < 50; i++, now++) {
    const address = `10.0.0.${i % 10}`;
    assert.equal(tries.waitMs(address), 0);
    tries.wrong(address);
    if (i >= 40) assert.ok(tries.waitMs(address) > 0, address);
  }
  assert.equal(tries.waitMs("10.1.1.1"), 60_000 - 50);
  now = 60_001;
  assert.equal(tries.waitMs("10.1.1.1"), 0);
  assert.ok(tries.waitMs("10.0.0.9") >= 0);
});

Deno.test("a page that other machines reach says so, and warns of a password that is soon guessed", () =>
  withFolder(async (cwd) => {
    await using page = start(["dashboard", "0.0.0.0:0"], { cwd, env: { USERPIPE_DASHBOARD_PASSWORD: "short" } });
    await page.printed(/It listens at 0\.0\.0\.0, port \d+: other machines/);
    assert.match(page.output, /password has fewer than \d+ characters/);
  }));
