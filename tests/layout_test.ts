/** Holds the layout: who may import whom, and how long a file may be. */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

interface File {
  /** Relative to the root: `src/broker/kafka.ts`. */
  path: string;
  lines: number;
  /** Files of the project that it imports, relative to the root; a type-only import is one too. */
  imports: { path: string; typeOnly: boolean }[];
  /** Packages and runtime modules that it imports. */
  packages: string[];
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^;'"]*?from\s+"([^"]+)"|import\("([^"]+)"\)|(?:^|\n)import\s+"([^"]+)"|new URL\("(\.[^"]+\.ts)"/g;

function* sources(folder: string): Iterable<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* sources(path);
    else if (/\.(ts|tsx|html|css|js)$/.test(name)) yield path;
  }
}

function read(path: string): File {
  const text = Deno.readTextFileSync(path);
  const file: File = { path: relative(ROOT, path), lines: text.split("\n").length - 1, imports: [], packages: [] };
  for (const [, typeOnly, from, dynamic, bare, url] of text.matchAll(IMPORT)) {
    const target = (from ?? dynamic ?? bare ?? url)!;
    if (!target.startsWith(".")) file.packages.push(target);
    else file.imports.push({ path: relative(ROOT, join(dirname(path), target)), typeOnly: typeOnly !== undefined });
  }
  return file;
}

const files = ["src", "tests", "tools", "bench"].flatMap((folder) => [...sources(join(ROOT, folder))]).map(read);
files.push(read(join(ROOT, "main.ts")));

const PORTS = [
  "src/source/source.ts",
  "src/broker/broker.ts",
  "src/store/store.ts",
  "src/runs/runs.ts",
  "src/runs/run.ts",
  "src/registry/registry.ts",
];
const ENDS = ["source", "broker", "store", "runs", "registry"];
const MOVES = ["ingest", "stream", "query"];
const SHARED = [
  "src/pipeline.ts",
  "src/errors.ts",
  "src/hidden.ts",
  "src/log.ts",
  "src/backoff.ts",
  "src/fault.ts",
  "src/hash.ts",
  "src/trace.ts",
  "src/sqlite.ts",
  "src/sqlite_read_only.ts",
  "src/lock_file.ts",
  "src/packed.ts",
  "src/scan.ts",
  "src/slab.ts",
  "src/wire_format.ts",
  "src/durations.ts",
  "src/live.ts",

  "src/shown.ts",
  "src/similar.ts",
  "src/unreached.ts",
  "src/reach.ts",
  "src/tls.ts",
];

const inFolder = (path: string, ...folders: string[]) => folders.some((folder) => path.startsWith(`src/${folder}/`));

/** What the files that `which` picks import and may not. */
function broken(
  which: (path: string) => boolean,
  may: (path: string, from: File, typeOnly: boolean) => boolean,
): string[] {
  return files.filter(({ path }) => which(path)).flatMap((file) =>
    file.imports
      .filter(({ path, typeOnly }) => !may(path, file, typeOnly))
      .map(({ path }) => `${file.path} imports ${path}`)
  );
}

Deno.test("the files are found and their imports read", () => {
  const open = files.find(({ path }) => path === "src/open.ts")!;
  const imports = open.imports.map(({ path }) => path);
  for (const adapter of ["src/broker/kafka.ts", "src/broker/sqlite.ts", "src/store/cassandra.ts"]) {
    assert.ok(imports.includes(adapter), adapter);
  }
});

Deno.test("ports import types and errors.ts, and no package", () => {
  const ofPort = (path: string) => PORTS.includes(path);
  assert.deepEqual(broken(ofPort, (path, _, typeOnly) => typeOnly || path === "src/errors.ts"), []);
  assert.deepEqual(files.filter(({ path, packages }) => ofPort(path) && packages.length > 0), []);
});

Deno.test("adapters import their own port and folder, the shared files, and no other adapter", () => {
  const ofAdapter = (path: string) => inFolder(path, ...ENDS) && !PORTS.includes(path);
  const folder = (path: string) => path.split("/")[1]!;
  const kind = (path: string) => /\/(kafka|sqlite|cassandra|http|file|generated|postgres)/.exec(path)?.[1];
  const may = (path: string, from: File) => {
    if (SHARED.includes(path)) return true;
    if (!inFolder(path, folder(from.path))) return false;
    return kind(path) === undefined || kind(from.path) === kind(path);
  };
  assert.deepEqual(broken(ofAdapter, may), []);
});

Deno.test("moves import ports and moves, never an adapter, a domain, a command or open.ts (but for the thread's entry)", () => {
  const may = (path: string, from: File, typeOnly: boolean) => {
    if (PORTS.includes(path) || inFolder(path, ...MOVES) || SHARED.includes(path)) return true;
    if (typeOnly && path === "src/settings.ts") return true;
    return from.path === "src/stream/worker.ts" && path === "src/open.ts";
  };
  assert.deepEqual(broken((path) => inFolder(path, ...MOVES), may), []);
});

Deno.test("only open.ts imports adapters, and only pipelines.ts imports users/", () => {
  const adapter = (path: string) => inFolder(path, ...ENDS) && !PORTS.includes(path);
  assert.deepEqual(
    broken((path) => path.startsWith("src/") && path !== "src/open.ts" && !adapter(path), (path) => !adapter(path)),
    [],
  );
  assert.deepEqual(
    broken(
      (path) => path.startsWith("src/") && path !== "src/pipelines.ts" && !inFolder(path, "users"),
      (path) => !inFolder(path, "users"),
    ),
    [],
  );
});

Deno.test("users/ imports pipeline.ts, slab.ts and itself; nobody but main.ts imports cli/", () => {
  assert.deepEqual(
    broken(
      (path) => inFolder(path, "users"),
      (path) => inFolder(path, "users") || ["src/pipeline.ts", "src/slab.ts"].includes(path),
    ),
    [],
  );
  assert.deepEqual(
    broken((path) => path.startsWith("src/") && !inFolder(path, "cli"), (path) => !inFolder(path, "cli")),
    [],
  );
});

Deno.test("only main.ts ends the process", () => {
  const exits = files.filter(({ path }) =>
    path.startsWith("src/") && /Deno\.exit\(/.test(Deno.readTextFileSync(join(ROOT, path)))
  );
  assert.deepEqual(exits.map(({ path }) => path), []);
});

Deno.test("kafkajs's own modules are imported in one file", () => {
  const reaching = files.filter(({ packages }) => packages.some((name) => name.startsWith("kafkajs/")));
  assert.deepEqual(reaching.map(({ path }) => path).filter((path) => path.startsWith("src/")), [
    "src/broker/kafka_internals.ts",
  ]);
});

Deno.test("no file is over 300 lines, and each opens with its job", () => {
  assert.deepEqual(files.filter(({ lines }) => lines > 300).map(({ path, lines }) => `${path}: ${lines} lines`), []);
  const undocumented = files.filter(({ path }) =>
    path.endsWith(".ts") && !/^(#!.*\n)?\/\*\*/.test(Deno.readTextFileSync(join(ROOT, path)))
  );
  assert.deepEqual(undocumented.map(({ path }) => path), []);
});
