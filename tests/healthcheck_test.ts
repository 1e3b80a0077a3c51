/** `healthcheck`: what a container asks of the page of its own process, and the exit code that it gets. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { succeeds, until, userpipe, withFolder } from "./support/cli.ts";
import { showPage } from "./support/page.ts";
import { CERTIFICATE, KEY } from "./support/tls.ts";

Deno.test("healthcheck says of each end whether it works: 1 before init, 0 behind it", () =>
  withFolder(async (cwd) => {
    await using page = await showPage({ cwd });
    const address = `127.0.0.1:${page.port}`;
    const before = await userpipe(["healthcheck", address], { cwd });
    assert.equal(before.code, 1, before.stderr);
    assert.match(before.stdout, /^fail {2}broker: .*users_created.*\nfail {2}store: .+\nok {4}runs\n$/);
    await succeeds(["init"], { cwd });
    await succeeds(["ingest", "--generate", "1"], { cwd });
    const options = { cwd, env: { USERPIPE_DASHBOARD: `0.0.0.0:${page.port}` } };
    // What it found is kept for a moment.
    let found = before;
    await until(
      async () => (found = await userpipe(["healthcheck"], options)).code === 0,
      30_000,
      () => found.stdout + found.stderr,
    );
    assert.equal(found.stdout, "ok    broker\nok    store\nok    runs\n");
    // The address that a process with a page prints.
    const printed = await userpipe(["healthcheck", page.url], { cwd, env: { USERPIPE_TLS_CERT: "nothing" } });
    assert.deepEqual([printed.code, printed.stdout], [0, found.stdout], printed.stderr);
  }));

Deno.test("healthcheck asks a page with a password and a certificate of its own, and is not told why", () =>
  withFolder(async (cwd) => {
    const flags = { tlsCert: join(cwd, "cert.pem"), tlsKey: join(cwd, "key.pem") };
    await Deno.writeTextFile(flags.tlsCert, CERTIFICATE);
    await Deno.writeTextFile(flags.tlsKey, KEY);
    await using page = await showPage({ cwd, flags, env: { USERPIPE_DASHBOARD_PASSWORD: "correct horse" } });
    const env = { USERPIPE_TLS_CERT: flags.tlsCert };
    const { code, stdout, stderr } = await userpipe(["healthcheck", `127.0.0.1:${page.port}`], { cwd, env });
    assert.equal(code, 1, stderr);
    assert.equal(stdout, "fail  broker\nfail  store\nok    runs\n");
    const printed = await userpipe(["healthcheck", page.url], { cwd, env });
    assert.deepEqual([printed.code, printed.stdout], [1, stdout], printed.stderr);
    for (const address of [page.url, `127.0.0.1:${page.port}`, page.url.replace("https", "http")]) {
      const { code, stderr } = await userpipe(["healthcheck", address], { cwd });
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^error: What answers at 127.0.0.1:\d+ is asked by TLS, .*\n.*USERPIPE_TLS_CERT/);
    }
    const nothing = await userpipe(["healthcheck", page.url], { cwd, env: { USERPIPE_TLS_CERT: "nothing" } });
    assert.equal(nothing.code, 2, nothing.stderr);
    assert.match(nothing.stderr, /^error: Cannot read the page's certificate in "nothing": /);
  }));

Deno.test("healthcheck where no page answers ends with 3, and where something else does too", () =>
  withFolder(async (cwd) => {
    const silent = await userpipe(["healthcheck", "127.0.0.1:1"], { cwd });
    assert.equal(silent.code, 3);
    assert.match(silent.stderr, /^error: Nothing answers at http:\/\/127\.0\.0\.1:1\/readyz: /);
    await using other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("hello"));
    const { code, stderr } = await userpipe(["healthcheck", `${other.addr.port}`], { cwd });
    assert.equal(code, 3);
    assert.match(stderr, /is no page of userpipe: status 200/);
    for (const address of ["a b", "ftp://127.0.0.1:1", "http://127.0.0.1:1/path"]) {
      const usage = await userpipe(["healthcheck", address], { cwd });
      assert.equal(usage.code, 2, address);
    }
  }));
