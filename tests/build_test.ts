/** The executable that `deno task build` makes, run in the ways that people start programs. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import config from "../deno.json" with { type: "json" };
import { archiveTrouble, compileArgs } from "../tools/build/compile.ts";
import { ROOT } from "../tools/build/options.ts";

/** The launcher of a self-extracting executable is a POSIX shell program. */
const WINDOWS = Deno.build.os === "windows";
const STOP_WITHIN_MS = 5_000;
const START_WITHIN_MS = 250;

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(program: string, args: string[], options: Omit<Deno.CommandOptions, "args">): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(program, { ...options, args, stdin: "null" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Runs the build's tool with the environment of the tests and `env`. */
function build(out: string, env: Record<string, string> = {}): Promise<Ended> {
  const args = ["run", "-A", "--config", join(ROOT, "deno.json"), join(ROOT, "tools/build.ts"), "--out", out];
  return run(Deno.execPath(), args, { env });
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

Deno.test({
  name: "the executable that is built works however it is started" + (WINDOWS ? " (not on Windows: no sh)" : ""),
  ignore: WINDOWS,
}, async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "userpipe build " });
  try {
    const program = join(folder, "out", "userpipe");
    await Deno.mkdir(dirname(program));
    const built = await build(program);
    assert.equal(built.code, 0, built.stderr);
    assert.deepEqual(namesIn(dirname(program)), ["userpipe"], "the build leaves nothing but the executable");
    await startedInEveryWay(t, folder, program);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function startedInEveryWay(t: Deno.TestContext, folder: string, program: string): Promise<void> {
  const PATH = Deno.env.get("PATH") ?? "";
  const cache = join(folder, "cache");
  const selfExtracting = (await firstBytes(program, 2)) === "#!";
  const start = (args: string[], env: Record<string, string> = { XDG_CACHE_HOME: cache }, as = program) =>
    run(as, args, { cwd: folder, clearEnv: true, env: { PATH, ...env } });
  const works = async (args: string[], env?: Record<string, string>, as?: string) => {
    const ended = await start(args, env, as);
    assert.equal(ended.code, 0, `${args.join(" ")}: ${ended.stderr}`);
    return ended.stdout;
  };

  await t.step("two first starts at once both work, and unpack one folder", async () => {
    const started = await Promise.all([works(["--version"]), works(["--version"])]);
    assert.deepEqual(started, [`${config.version}\n`, `${config.version}\n`]);
    if (selfExtracting) assert.equal(namesIn(join(cache, "userpipe")).length, 1);
  });

  await t.step("a later start takes a quarter of a second at the most", async () => {
    const times: number[] = [];
    // What else the machine does can only make it slower: the fastest counts.
    do {
      assert.ok(times.length < 20, `it took ${times.map(Math.round).join(", ")} ms`);
      const began = performance.now();
      await works(["--version"]);
      times.push(performance.now() - began);
    } while (times.at(-1)! > START_WITHIN_MS);
  });

  await t.step("it works with neither HOME nor XDG_CACHE_HOME", async () => {
    const TMPDIR = join(folder, "tmp");
    await Deno.mkdir(TMPDIR);
    assert.equal(await works(["--version"], { TMPDIR }), `${config.version}\n`);
  });

  await t.step("a cache that cannot be written is an error that names it", async () => {
    if (!selfExtracting) return;
    const { code, stderr } = await start(["--version"], { XDG_CACHE_HOME: program });
    assert.equal(code, 2);
    assert.match(stderr, /^error: Cannot make the cache folder ".*userpipe\/userpipe": .*\n {2}Set XDG_CACHE_HOME /);
  });

  const data = ["--data-dir", join(folder, "data folder")];
  await t.step("through a link, with spaces in its path and its arguments, it carries 1,000 rows", async () => {
    const link = join(folder, "a link");
    await Deno.symlink(program, link);
    for (const args of [["init"], ["ingest", "--generate", "1000"], ["stream", "--until-caught-up"]]) {
      await works([...args, ...data], undefined, link);
    }
    assert.equal(await works(["query", "count", "--format", "csv", ...data], undefined, link), "count\n1000\n");
  });

  await t.step("SIGTERM drains a stream, which ends with 0 within its limit", async () => {
    const args = ["stream", "--log-format", "json", "--stop-timeout", `${STOP_WITHIN_MS}ms`, ...data];
    const env = { PATH, XDG_CACHE_HOME: cache };
    const piped = { stdout: "piped", stderr: "piped" } as const;
    const child = new Deno.Command(program, { args, cwd: folder, clearEnv: true, env, ...piped }).spawn();
    let running = true;
    child.status.then(() => running = false);
    await works(["ingest", "--generate", "500", ...data]);
    while (await works(["query", "count", "--format", "csv", ...data]) !== "count\n1500\n") assert.ok(running);
    const began = performance.now();
    child.kill("SIGTERM");
    const { code, signal, stdout } = await child.output();
    assert.deepEqual([code, signal], [0, null]);
    assert.ok(performance.now() - began < STOP_WITHIN_MS);
    assert.match(new TextDecoder().decode(stdout), /^wrote 500 rows/);
  });
}

async function firstBytes(path: string, count: number): Promise<string> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(count);
  await file.read(bytes);
  return new TextDecoder().decode(bytes);
}

Deno.test("a build with the wrong runtime fails and leaves nothing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // It compiles, and makes an executable that reads lines of JavaScript.
    const { code, stderr } = await build(join(folder, "userpipe"), { DENORT_BIN: Deno.execPath() });
    assert.equal(code, 1);
    assert.match(stderr, /^error: .*userpipe --version" prints /m);
    assert.deepEqual(namesIn(folder), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a compiled executable has the worker in it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const env = { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" };
    const { code, stdout, stderr } = await run(Deno.execPath(), compileArgs(join(folder, "userpipe")), {
      cwd: ROOT,
      env,
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout + stderr, /─ worker\.ts/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("only a runtime archive that cannot be fetched asks for a self-extracting executable", () => {
  const failed = (causes: string[]) =>
    archiveTrouble({
      code: 1,
      stdout: "",
      stderr: ["error: Writing deno compile executable", "", "Caused by:", ...causes].join("\n"),
    });
  const unreachable = "error sending request for url (https://dl.deno.land/denort.zip): dns error";
  assert.equal(failed(["    0: Setting up base binary.", `    1: ${unreachable}`]), unreachable);
  assert.equal(failed(["    0: Could not find denort at '/nowhere'", "    1: No such file or directory"]), undefined);
  assert.equal(failed(["    0: Writing binary bytes", "    1: Invalid object"]), undefined);
  assert.equal(archiveTrouble({ code: 1, stdout: "", stderr: 'error: Module not found "file:///main.ts"' }), undefined);
});
