/** The executable that `deno task build` makes, run in the ways that people start programs; and those of other machines. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import config from "../deno.json" with { type: "json" };
import { COMMANDS } from "../src/cli/commands.ts";
import { writeSums } from "../tools/build/checksums.ts";
import { archiveTrouble, compileArgs } from "../tools/build/compile.ts";
import { ROOT } from "../tools/build/options.ts";
import { beforeUp, besideUp, KEPT } from "../tools/build/smoke_cases.ts";
import { type Target, targetOf, TARGETS } from "../tools/build/targets.ts";

/** The launcher of a self-extracting executable is a POSIX shell program. */
const WINDOWS = Deno.build.os === "windows";

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

/** One that `deno task build` made, and so ran; without one a test makes its own. */
const MADE = Deno.env.get("USERPIPE_EXECUTABLE");

Deno.test({
  name: "the executable that is built works however it is started" + (WINDOWS ? " (not on Windows: no sh)" : ""),
  ignore: WINDOWS,
}, async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "userpipe build " });
  try {
    const program = join(folder, "out", "userpipe");
    await Deno.mkdir(dirname(program));
    if (MADE === undefined) {
      const built = await build(program);
      assert.equal(built.code, 0, built.stderr);
    } else {
      await Deno.copyFile(MADE, program);
    }
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

  await t.step("a later start runs what the first unpacked", async () => {
    if (!selfExtracting) return;
    const unpacked = () =>
      [...Deno.readDirSync(join(cache, "userpipe"))].map(({ name }) => {
        const { ino, mtime } = Deno.statSync(join(cache, "userpipe", name, "deno"));
        return { name, ino, mtime };
      });
    const before = unpacked();
    await works(["--version"]);
    assert.deepEqual(unpacked(), before);
  });

  await t.step("a cache that cannot be written is an error that names it", async () => {
    if (!selfExtracting) return;
    const { code, stderr } = await start(["--version"], { XDG_CACHE_HOME: program });
    assert.equal(code, 2);
    assert.match(stderr, /^error: Cannot make the cache folder ".*userpipe\/userpipe": .*\n {2}Set XDG_CACHE_HOME /);
  });

  await t.step("a cache that was cleaned in part is made whole again", async () => {
    if (!selfExtracting) return;
    const [name] = namesIn(join(cache, "userpipe"));
    const gone = ["app/main.js", "app/src", "deno"].map((path) => join(cache, "userpipe", name!, path));
    for (const path of gone) {
      await Deno.remove(path, { recursive: true });
      assert.equal(await works(["--version"]), `${config.version}\n`, path);
      assert.ok(gone.every((path) => Deno.statSync(path)));
    }
    assert.deepEqual(namesIn(join(cache, "userpipe")), [name]);
  });

  await t.step("a cache to which others may write is refused, and what is in it not run", async () => {
    if (!selfExtracting) return;
    const own = join(cache, "userpipe");
    for (const path of [own, join(own, namesIn(own)[0]!)]) {
      for (const mode of [0o720, 0o702]) {
        await Deno.chmod(path, mode);
        const { code, stdout, stderr } = await start(["--version"]);
        await Deno.chmod(path, 0o700);
        assert.deepEqual([code, stdout], [2, ""]);
        assert.match(stderr, /^error: Others may write to the cache folder ".*userpipe".*\n {2}Remove it, /);
      }
    }
  });

  await t.step("a cache that another user made is refused, and what is in it not run", async () => {
    // Only root can give a folder away.
    if (!selfExtracting || Deno.uid() !== 0) return;
    const own = join(cache, "userpipe");
    for (const path of [own, join(own, namesIn(own)[0]!)]) {
      await Deno.chown(path, 65534, 65534);
      const { code, stdout, stderr } = await start(["--version"]);
      await Deno.chown(path, 0, 0);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, /^error: The cache folder ".*" belongs to another user\n {2}Set XDG_CACHE_HOME /);
    }
  });

  await t.step("without a home that can be made, the cache is in the temporary folder", async () => {
    if (!selfExtracting) return;
    await Deno.mkdir(join(folder, "temporary"));
    // Not even root can make a folder of a link to nowhere.
    await Deno.symlink(join(folder, "nowhere"), join(folder, "home"));
    await works(["--version"], { HOME: join(folder, "home"), TMPDIR: join(folder, "temporary") });
    assert.deepEqual(namesIn(join(folder, "temporary")), [`userpipe-cache-${Deno.uid()}`]);
  });

  await t.step("it works through a link, with spaces in its path", async () => {
    const link = join(folder, "a link");
    await Deno.symlink(program, link);
    assert.equal(await works(["--version"], undefined, link), `${config.version}\n`);
  });

  const data = ["--data-dir", join(folder, "data folder")];
  await t.step("its stream's thread is refused what it does not need", async () => {
    if (!selfExtracting) return;
    const [unpacked] = namesIn(join(cache, "userpipe"));
    const worker = join(cache, "userpipe", unpacked!, "app/src/stream/worker.js");
    const code = await Deno.readTextFile(worker);
    await Deno.writeTextFile(worker, `${PROBE}\n${code}`);
    await works(["init", ...data]);
    const { code: exit, stderr } = await start(["stream", "--until-caught-up", ...data]);
    await Deno.writeTextFile(worker, code);
    assert.equal(exit, 0, stderr);
    assert.match(stderr, /^probe: NotCapable NotCapable NotCapable NotCapable NotCapable$/m);
  });
}

/** Put into the thread's code, it tries to read, to write, to run, to load a library, and to read a variable. */
const PROBE = `{
  const tries = [
    () => Deno.readTextFileSync("/etc/hostname"),
    () => Deno.writeTextFileSync("/tmp/userpipe-probe", ""),
    () => new Deno.Command("true").outputSync(),
    () => Deno.dlopen("libc.so.6", {}),
    () => Deno.env.get("PATH"),
  ];
  const outcomes = tries.map((attempt) => {
    try {
      attempt();
      return "done";
    } catch (error) {
      return error.name;
    }
  });
  console.error(["probe:", ...outcomes].join(" "));
}`;

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

Deno.test("a compiled executable has the worker in it and no package of the tests, and its head says what it runs on", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // It takes what it is given for a runtime of that machine.
    const env = { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" };
    const own = TARGETS.indexOf(Deno.build.target as Target);
    const other = TARGETS[own === 0 ? 1 : 0];
    const out = join(folder, "userpipe");
    const args = compileArgs(out, other);
    const { code, stdout, stderr } = await run(Deno.execPath(), args, { cwd: ROOT, env });
    assert.equal(code, 0, stderr);
    assert.match(stdout + stderr, /─ worker\.ts/);
    assert.doesNotMatch(stdout + stderr, /playwright|fast-check/);
    assert.equal(await targetOf(out), Deno.build.target);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the targets are those of deno compile, and an executable's head says which it is for", async () => {
  const refused = await run(Deno.execPath(), ["compile", "--target=none", "main.ts"], {
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  });
  const known = /possible values: (.+)/.exec(refused.stderr)![1]!.split(", ");
  assert.deepEqual(known.toSorted(), [...TARGETS].sort());
  const heads: Record<Target, [at: number, ...bytes: number[]][]> = {
    "x86_64-unknown-linux-gnu": [[0, 0x7f, 0x45, 0x4c, 0x46], [18, 0x3e, 0]],
    "aarch64-unknown-linux-gnu": [[0, 0x7f, 0x45, 0x4c, 0x46], [18, 0xb7, 0]],
    "x86_64-apple-darwin": [[0, 0xcf, 0xfa, 0xed, 0xfe, 0x07, 0, 0, 0x01]],
    "aarch64-apple-darwin": [[0, 0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 0x01]],
    "aarch64-pc-windows-msvc": [[0, 0x4d, 0x5a], [0x3c, 0x80, 0, 0, 0], [0x80, 0x50, 0x45, 0, 0, 0x64, 0xaa]],
    "x86_64-pc-windows-msvc": [[0, 0x4d, 0x5a], [0x3c, 0x80, 0, 0, 0], [0x80, 0x50, 0x45, 0, 0, 0x64, 0x86]],
  };
  const path = await Deno.makeTempFile();
  try {
    for (const target of TARGETS) {
      const bytes = new Uint8Array(256);
      for (const [at, ...some] of heads[target]) bytes.set(some, at);
      await Deno.writeFile(path, bytes);
      assert.equal(await targetOf(path), target);
    }
    await Deno.writeTextFile(path, "#!/bin/sh\n".repeat(20));
    assert.equal(await targetOf(path), undefined);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("SHA256SUMS has every executable of the folder as sha256sum reads it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["userpipe-b", "userpipe-a.exe", "notes.txt"]) {
      await Deno.writeTextFile(join(folder, name), name);
    }
    await writeSums(folder);
    const lines = (await Deno.readTextFile(join(folder, "SHA256SUMS"))).split("\n");
    assert.deepEqual(lines.map((line) => line.slice(64)), ["  userpipe-a.exe", "  userpipe-b", ""]);
    const { code, stderr } = await run("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: folder });
    assert.equal(code, 0, stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the smoke test of a build runs every command", () => {
  const run = new Set([...beforeUp(""), ...besideUp("")].map(({ args }) => args[0]).concat(Object.keys(KEPT)));
  assert.deepEqual(COMMANDS.map(({ name }) => name).filter((name) => !run.has(name)), []);
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
