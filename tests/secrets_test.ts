/** That what tests write is searched for the secrets that they use, and that none is found where all of them are in use. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type CliOptions, start, succeeds, userpipe, withFolder } from "./support/cli.ts";
import { urlOf } from "./support/dashboard.ts";
import { serveGenerated } from "./support/generated_server.ts";
import { assertNoSecret, assertNoSecretBelow, oddSecretOf, secretFile, secretIn, secretOf } from "./support/secrets.ts";

Deno.test("a secret is known again in each of its forms", () => {
  const [plain, odd] = [secretOf("the plain one"), oddSecretOf("the odd one")];
  const base64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  for (const before of ["", "u", "us", "user:"]) {
    assert.equal(secretIn(`Basic ${base64(`${before}${plain}`)}`), "the plain one (in base64)", before);
    assert.equal(secretIn(`Basic ${base64(`${before}${odd}:`)}`), "the odd one (in base64)", before);
  }
  assert.equal(secretIn(`x${plain}x`), "the plain one");
  assert.equal(secretIn(new TextEncoder().encode(`\0${odd}\0`)), "the odd one");
  assert.equal(secretIn(`?key=${encodeURIComponent(odd)}`), "the odd one (encoded as in an address)");
  assert.equal(
    secretIn(Object.assign(new URL("http://u@host"), { password: odd }).href),
    "the odd one (encoded as in an address)",
  );
  assert.equal(secretIn(`${plain.slice(0, -1)} nothing`), undefined);
});

Deno.test("a test that leaves a secret in a file, a database or what was printed fails, and says where", () =>
  withFolder(async (cwd) => {
    const secret = secretOf("the token");
    await secretFile(cwd, "allowed", secret);
    await assertNoSecretBelow(cwd);
    await Deno.mkdir(join(cwd, "deep"));
    const path = join(cwd, "deep", "some.db");
    const db = new DatabaseSync(path);
    db.exec(`CREATE TABLE t (x); INSERT INTO t VALUES ('${secret}')`);
    db.close();
    await assert.rejects(assertNoSecretBelow(cwd), /deep\/some\.db: the token$/);
    await Deno.remove(path);
    assert.throws(() => assertNoSecret(`a ${secret}`, "a log"), /A secret is in a log: the token/);
    const inner = withFolder((folder) => Deno.writeTextFile(join(folder, "log"), secret));
    await assert.rejects(inner, /Secrets are in files:\nlog: the token/);
  }));

/** Every text that the page's server gives to who is signed in by the token. */
const PATHS = [
  ...["/", "/metrics", "/readyz", "/healthz", "/api/session", "/api/way", "/api/runs", "/api/stats"],
  ...["/api/topic", "/api/messages", "/api/table", "/api/table/newest", "/api/table/facets"],
  ...["/api/dead-letters", "/api/nothing"],
];

Deno.test("where every secret is in use, none is in what is printed, logged, recorded or shown", () =>
  withFolder(async (cwd) => {
    await using server = serveGenerated(30);
    const [password, token] = [secretOf("the page's password"), secretOf("the page's token")];
    const [key, hook] = [secretOf("the API's key"), secretOf("the token of --notify")];
    const url = new URL(server.url);
    Object.assign(url, { username: "me", password: oddSecretOf("the API's password") });
    url.searchParams.set("key", key);
    const env = {
      ...{ USERPIPE_URL: url.href, USERPIPE_NOTIFY: `http://127.0.0.1:1/hook/${hook}?key=${hook}` },
      ...{ USERPIPE_DASHBOARD_PASSWORD: password, USERPIPE_DASHBOARD_TOKEN: token },
      ...{ USERPIPE_RUNS_PASSWORD_FILE: "", PGPASSWORD: secretOf("PGPASSWORD"), USERPIPE_LOG_LEVEL: "debug" },
      HTTPS_PROXY: `http://me:${secretOf("the proxy's password")}@127.0.0.1:1`,
    };
    const options: CliOptions = { cwd, env };
    await succeeds(["init"], options);
    {
      await using up = start(["up", "--every", "1d", "--count", "30", "--dashboard", "127.0.0.1:0"], options);
      const page = await urlOf(up);
      await up.printed("delivered fetched 30, ");
      const headers = { authorization: `Bearer ${token}` };
      for (const path of PATHS) {
        const answer = await fetch(`${page}${path}`, { headers });
        assertNoSecret(await answer.text(), path);
      }
      await succeeds(["trigger", "--wait", "--count", "10"], options);
      up.signal("SIGTERM");
      await up.ended;
    }
    const keys = server.requests.map(({ searchParams }) => searchParams.get("key"));
    assert.ok(keys.length > 0 && keys.every((each) => each === key), "the server is asked with the key");
    const runs = (await succeeds(["runs"], options)).trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(runs.length, 2);
    for (const run of runs) {
      assert.match(run.url, /^http:\/\/me:\*{8}@127\.0\.0\.1:\d+\/.*\?key=\*{8}$/);
      await succeeds(["runs", "show", run.id], options);
    }
    for (const args of [["settings"], ["settings", "--format", "json"], ["status"], ["doctor"], ["ingest", "--help"]]) {
      await userpipe(args, options);
    }
    url.port = "1";
    const away = await userpipe(["ingest", "--retries", "0"], { cwd, env: { ...env, USERPIPE_URL: url.href } });
    assert.equal(away.code, 3, away.stderr);
    const [failed] = (await succeeds(["runs", "--state", "failed"], options)).split("\n");
    const again = ["runs", "retry", JSON.parse(failed!).id, "--wait"];
    const without = await userpipe(again, { cwd, env: { ...env, USERPIPE_URL: "" } });
    assert.match(without.stderr, /what is hidden of that address is on no record/, "no run asks with another key");
    for (const bad of [`me:${key}@host`, `ftp://me:${key}@host`, `http://me:${key}@`]) {
      const { code } = await userpipe(["ingest"], { cwd, env: { ...env, USERPIPE_URL: bad, USERPIPE_NOTIFY: bad } });
      assert.equal(code, 2, bad);
    }
  }));
