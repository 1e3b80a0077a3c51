/** What `doctor` says of the source, the embedded ends and the data folder, and that nothing holds it up. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { start, succeeds, until, userpipe, withFolder } from "./support/cli.ts";
import { examine, examineFresh, names, NO_SOURCE, onlyThese, type Trap } from "./support/doctor.ts";
import {
  type Answer,
  blocked,
  notThere,
  quota,
  serveRandomUsers,
  silence,
  trouble,
} from "./support/randomuser_server.ts";

const RECORDS = [{ login: { uuid: "4f0cbd0f-16f1-4a9d-a5ea-ba5d37bbd0e4" } }];

Deno.test("where all is well doctor says so line by line and exits with 0", async () => {
  await using server = serveRandomUsers(RECORDS);
  await withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    await succeeds(["ingest", "--generate", "3"], { cwd });
    const lines = (await succeeds(["doctor", "--url", server.url], { cwd })).trimEnd().split("\n");
    assert.match(lines[0], /^ok {4}source {7}connection: http:\/\/127\.0\.0\.1:\d+ answers, one record in \d+ ms$/);
    assert.match(lines[1], /^ok {4}source {7}clock: within \d+\.\d s of that of http/);
    assert.ok(lines.some((line) => /^ok {4}broker {7}topic "users_created": 4 partitions$/.test(line)));
    assert.equal(lines.at(-1), `all is well: ${lines.length - 2} checks`);
    assert.deepEqual(server.requests.map(({ searchParams }) => searchParams.get("results")), ["1"]);
    onlyThese(await examine(["--url", server.url], { cwd }));
  });
});

Deno.test("before init doctor names what is missing, with the hint below, and makes nothing", async () => {
  await withFolder(async (cwd) => {
    const { code, stdout } = await userpipe(["doctor", ...NO_SOURCE], { cwd, env: { NO_COLOR: "", FORCE_COLOR: "1" } });
    assert.equal(code, 1);
    const red = "\x1b[31mfail\x1b[0m";
    assert.ok(stdout.includes(`${red}  broker       There is no topic "users_created"\n${" ".repeat(19)}Make it with`));
    assert.ok(stdout.includes("\x1b[32mok  \x1b[0m  source"));
    assert.match(stdout, /There is no dead-letter topic "users_created\.dlq"\n.*--dead-letter-topic/);
    assert.match(stdout, /There is no table "spark_streams\.created_users" in ".*"\n.*userpipe init/);
    assert.match(stdout, /\d checks: \d ok, 0 to look at, 3 failed\n$/);
    assert.deepEqual([...Deno.readDirSync(cwd)], []);
  });
});

Deno.test("a variable that is misspelt is among what doctor found, and what settings warns of", async () => {
  await withFolder(async (cwd) => {
    const env = { KAFKA_BROKER: "secret.example:9092" };
    const found = await examine(NO_SOURCE, { cwd, env });
    assert.deepEqual(found[0], {
      ...{ component: "settings", check: "KAFKA_BROKER", state: "warn" },
      ...{ detail: "KAFKA_BROKER is set, and no setting has that name" },
      hint: "Did you mean KAFKA_BROKERS? Rename it, or unset it",
    });
    const { code, stderr } = await userpipe(["settings"], { cwd, env });
    assert.deepEqual([code, JSON.parse(stderr).level], [0, "WARN"]);
    assert.match(stderr, /KAFKA_BROKER is set, .*KAFKA_BROKERS/);
    assert.ok(!`${JSON.stringify(found)}${stderr}`.includes("secret.example"));
    assert.equal((await userpipe(["query", "count"], { cwd, env })).stderr.includes("KAFKA_BROKER"), false);
  });
});

const SOURCES: [what: string, answer: Answer, trap: Trap][] = [
  ["blocks this address", blocked, { state: "fail", detail: /refuses the request \(403/, hint: /host blocks/ }],
  ["is out of quota", quota("60"), { state: "fail", detail: /no more requests for now \(429/, hint: /Wait/ }],
  ["has no such version", notThere, { state: "fail", detail: /is not there \(404/, hint: /version/ }],
  ["is in trouble", trouble(503), { state: "fail", detail: /is in trouble \(503/, hint: /later/ }],
  ["has another clock", inTime(-600), { state: "warn", detail: /10 minutes ahead of that of http/, hint: /NTP/ }],
  ["has yesterday's clock", inTime(-180_000), { state: "fail", detail: /2\.1 days ahead.*dead letter/, hint: /NTP/ }],
];

/** One record, from a server whose clock is `seconds` ahead of ours. */
function inTime(seconds: number): Answer {
  const date = () => new Date(Date.now() + seconds * 1000).toUTCString();
  return () => Response.json({ results: RECORDS, info: {} }, { headers: { date: date() } });
}

for (const [what, answer, trap] of SOURCES) {
  Deno.test(`doctor names the trap of an API that ${what}`, async () => {
    await using server = serveRandomUsers(RECORDS);
    server.always(answer);
    await withFolder(async (cwd) => {
      const found = await examine(["--url", server.url], { cwd });
      onlyThese(found.filter(({ component }) => component === "source"), trap);
    });
  });
}

Deno.test("doctor names an API that is away and one that has no name", async () => {
  const spare = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = spare.addr as Deno.NetAddr;
  spare.close();
  const traps: [url: string, trap: Trap][] = [
    [`http://127.0.0.1:${port}/`, { state: "fail", detail: /connection was refused/, hint: /--url/ }],
    ["http://no-such-host.invalid/", { state: "fail", detail: /\(DNS\)/, hint: /name server/ }],
  ];
  for (const [url, trap] of traps) {
    await withFolder(async (cwd) => {
      const found = await examine(["--url", url], { cwd });
      onlyThese(found.filter(({ component }) => component === "source"), trap);
    });
  }
});

const FILES: [what: string, component: string, file: string, spoil: (path: string) => void, trap: Trap][] = [
  ["topics of a newer version", "broker", "topics.db", newer, {
    state: "fail",
    detail: /topics\.db" was written by a newer userpipe \(file version 99/,
    hint: /Use that userpipe/,
  }],
  ["a table of a newer version", "store", "keyspace-spark_streams.db", newer, {
    state: "fail",
    detail: /newer userpipe/,
    hint: /--data-dir/,
  }],
  ["topics that are no database", "broker", "topics.db", noDatabase, {
    state: "fail",
    detail: /topics\.db": it is not a SQLite database/,
    hint: /Move the file away/,
  }],
  ["a record of runs that is no database", "data folder", "runs.db", noDatabase, {
    state: "fail",
    detail: /runs\.db": it is not a SQLite database/,
    hint: /Move the file away/,
  }],
];

function newer(path: string): void {
  const db = new DatabaseSync(path);
  db.exec("PRAGMA user_version = 99");
  db.close();
}

function noDatabase(path: string): void {
  Deno.writeTextFileSync(path, "not a database, but long enough to be read as one".repeat(20));
}

for (const [what, component, file, spoil, trap] of FILES) {
  Deno.test(`doctor names ${what}`, async () => {
    await withFolder(async (cwd) => {
      await succeeds(["init"], { cwd });
      for (const end of ["-wal", "-shm"]) await Deno.remove(join(cwd, "userpipe-data", file + end)).catch(() => {});
      spoil(join(cwd, "userpipe-data", file));
      const found = await examine(NO_SOURCE, { cwd });
      assert.deepEqual(found.filter(({ state }) => state !== "ok").map((one) => one.component), [component]);
      onlyThese(found, trap);
    });
  });
}

Deno.test("doctor names an outbox that is no database", async () => {
  await withFolder(async (cwd) => {
    await Deno.mkdir(join(cwd, "userpipe-data"));
    noDatabase(join(cwd, "userpipe-data", "outbox.db"));
    const found = await examine([...NO_SOURCE, "--brokers", "127.0.0.1:1"], { cwd });
    names(found, { state: "fail", detail: /outbox\.db": it is not a SQLite database/, hint: /Move the file away/ });
  });
});

Deno.test("doctor names a table that lacks a column", async () => {
  await withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    const db = new DatabaseSync(join(cwd, "userpipe-data", "keyspace-spark_streams.db"));
    db.exec("DROP VIEW created_users; ALTER TABLE created_users_rows DROP COLUMN dob");
    db.close();
    const found = await examine(NO_SOURCE, { cwd });
    onlyThese(found, { state: "fail", detail: /column "dob" is missing/, hint: /init --migrate/ });
  });
});

Deno.test("doctor names a data folder that is a file", async () => {
  await withFolder(async (cwd) => {
    await Deno.writeTextFile(join(cwd, "data"), "a file");
    const found = await examine([...NO_SOURCE, "--data-dir", "data"], { cwd });
    names(found.filter(({ component }) => component === "data folder"), {
      state: "fail",
      detail: /a file is where its folder should be/,
      hint: /--data-dir/,
    });
  });
});

/** Why no small file system can be mounted here, or nothing. */
const noTmpfs = Deno.build.os !== "linux"
  ? "only Linux has tmpfs"
  : Deno.uid() !== 0
  ? "mounting a file system takes root"
  : await withMounted("size=1m", () => Promise.resolve()).then(() => undefined, (error) => String(error.message));

/** A folder that is a file system of its own. */
async function withMounted(options: string, work: (folder: string) => Promise<void>): Promise<void> {
  const run = async (command: string, ...args: string[]) => {
    const { code, stderr } = await new Deno.Command(command, { args }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  };
  const folder = await Deno.makeTempDir({ prefix: "userpipe-test-" });
  try {
    await run("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder);
    try {
      await work(folder);
    } finally {
      await run("umount", folder);
    }
  } finally {
    await Deno.remove(folder);
  }
}

for (
  const [what, options, trap] of [
    ["nearly full", "size=300m", { state: "warn", detail: /nearly full: 300 MiB free/, hint: /Make room/ }],
    ["all but full", "size=2m", { state: "fail", detail: /nearly full: 2 MiB free/, hint: /Make room/ }],
    ["full", "size=32k", { state: "fail", detail: /the disk is full/, hint: /Make room/ }],
    ["out of files", "size=1500m,nr_inodes=2", { state: "fail", detail: /no inodes are left/, hint: /Make room/ }],
    ["read-only", "size=1m,ro", { state: "fail", detail: /read-only|may not be written/, hint: /--data-dir/ }],
  ] as [string, string, Trap][]
) {
  const skipped = noTmpfs === undefined ? "" : ` (skipped: ${noTmpfs})`;
  Deno.test({
    name: `doctor names a disk that is ${what}${skipped}`,
    ignore: noTmpfs !== undefined,
    fn: () =>
      withMounted(options, async (folder) => {
        if (what === "out of files") { for (const name of ["a"]) await Deno.writeTextFile(join(folder, name), ""); }
        onlyThese(await examineFresh("data folder", ["--data-dir", folder]), trap);
      }),
  });
}

Deno.test("Ctrl-C ends doctor in the middle of a check, and it does not say that all is well", async () => {
  await using server = serveRandomUsers(RECORDS);
  server.always(silence);
  await withFolder(async (cwd) => {
    await using running = start(["doctor", "--url", server.url], { cwd });
    await until(() => server.requests.length > 0, 30_000, () => `nothing was asked for: ${running.output}`);
    running.signal("SIGINT");
    assert.equal(await running.ended, 1);
    assert.match(running.output, /stopped before all was looked at/);
  });
});
