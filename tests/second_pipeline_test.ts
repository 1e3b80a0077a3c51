/** The second pipeline of CONTRIBUTING.md: made in a copy of the project of nothing but what stands there, and run from end to end. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ROOT } from "../tools/build/options.ts";
import { type CliOptions, type Ended, succeeds, userpipe, withFolder } from "./support/cli.ts";
import { serviceTest, uniqueName } from "./support/services.ts";

/** Files and folders of the project that it runs with. */
const PROGRAM = ["main.ts", "deno.json", "deno.lock", "src"];

const chapter = /^### A second pipeline, worked out\n(.*?)(?=^##)/ms.exec(
  await Deno.readTextFile(join(ROOT, "CONTRIBUTING.md")),
)![1]!;

/** The fenced blocks of the chapter by the path that the text before each ends with; the one without any is the session. */
const blocks = new Map<string | undefined, string>(
  [...chapter.matchAll(/(?:`([\w./]+)`[^`\n]*:\n\n)?<!-- [^\n]+ -->\n```\w+\n(.*?)^```$/gms)].map(([, path, text]) =>
    [path, text!] as const
  ),
);

/** The commands of the session, without the shell's own. */
const session = blocks.get(undefined)!.split("\n").flatMap((line) => {
  const words = line.replace(/ +#.*/, "").match(/"[^"]*"|\S+/g) ?? [];
  return words[0] === "userpipe" ? [words.slice(1).map((word) => word.replace(/^"(.*)"$/, "$1"))] : [];
});

/** Copies the program into the folder, and adds what the chapter says. @returns where it is */
async function extended(folder: string): Promise<string> {
  const root = join(folder, "project");
  for (const name of PROGRAM) await copy(join(ROOT, name), join(root, name));
  const pipeline = blocks.get("src/weather/pipeline.ts")!;
  await Deno.mkdir(join(root, "src/weather"));
  await Deno.writeTextFile(join(root, "src/weather/pipeline.ts"), pipeline);
  const line = blocks.get("src/pipelines.ts")!;
  assert.equal(line.trimEnd().split("\n").length, 1);
  await Deno.writeTextFile(join(root, "src/pipelines.ts"), line, { append: true });
  return root;
}

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isDirectory) {
    for await (const { name } of Deno.readDir(from)) await copy(join(from, name), join(to, name));
  } else {
    await Deno.mkdir(dirname(to), { recursive: true });
    await Deno.copyFile(from, to);
  }
}

const objects = (printed: string) => printed.trimEnd().split("\n").map((line) => JSON.parse(line));

/** Runs the chapter's session, and looks at what each command printed. */
async function runSession(folder: string, env: Record<string, string>): Promise<CliOptions> {
  const options = { cwd: folder, root: join(folder, "project"), env: { USERPIPE_PIPELINE: "weather", ...env } };
  await Deno.writeTextFile(join(folder, "readings.jsonl"), blocks.get("readings.jsonl")!);
  const ended = new Map<string, Ended>();
  for (const words of session) {
    const args = words.map((word) =>
      word.replace("weather.readings", `${env.CASSANDRA_KEYSPACE ?? "weather"}.readings`)
    );
    ended.set(words.slice(0, 2).join(" "), await userpipe(args, options));
  }
  const of = (words: string) => ended.get(words)!;
  const all = [...ended].map(([words, { code, stdout, stderr }]) => `${words} (${code})\n${stdout}${stderr}`).join(
    "\n",
  );
  const codes = [...ended.values()].map(({ code }) => code);
  // A run with a record refused ends with 1.
  assert.deepEqual(codes, codes.map((_, i) => i === 1 ? 1 : 0), all);
  assert.match(of("ingest --file").stdout, /published 4, refused 1/);
  assert.match(of("stream --until-caught-up").stdout, /^wrote 4 rows, refused 0/);
  assert.deepEqual(objects(of("query list").stdout).toSorted((a, b) => a.celsius - b.celsius), [
    {
      id: "Oslo 2026-01-31T12:00:00.000Z",
      station: "Oslo",
      at: "2026-01-31T12:00:00.000Z",
      celsius: -11.25,
      remark: "snow",
    },
    {
      id: "Zürich 2026-01-31T11:00:00.000Z",
      station: "Zürich",
      at: "2026-01-31T11:00:00.000Z",
      celsius: 3.5,
      remark: null,
    },
    {
      id: "Quito 2026-01-31T12:00:00.000Z",
      station: "Quito",
      at: "2026-01-31T12:00:00.000Z",
      celsius: 14,
      remark: null,
    },
  ]);
  assert.deepEqual(objects(of("query --cql").stdout), [{ station: "Oslo" }]);
  assert.equal(objects(of("peek").stdout).length, 4);
  const verdict = JSON.parse(of("verify").stdout);
  assert.deepEqual([verdict.missing, verdict.different], [0, 0], of("verify").stdout);
  assert.match(of("dead-letters").stdout, /celsius: /);
  return options;
}

Deno.test("a second pipeline is one folder and one line, and goes all the way on the embedded ends", () =>
  withFolder(async (folder) => {
    const root = await extended(folder);
    const check = new Deno.Command(Deno.execPath(), { args: ["check", "src/weather/pipeline.ts"], cwd: root });
    const { success, stderr } = await check.output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const options = await runSession(folder, {});

    // What only its own text shows: a row by its key, a record that the generator made, a value that no column takes.
    const [row] = objects(await succeeds(["query", "id", "Oslo 2026-01-31T12:00:00.000Z"], options));
    assert.deepEqual([row.station, row.celsius], ["Oslo", -11.25]);
    await succeeds(["ingest", "--generate", "50", "--seed", "s"], options);
    assert.match(await succeeds(["stream", "--until-caught-up"], options), /^wrote 50 rows, refused 0/);
    assert.deepEqual(JSON.parse(await succeeds(["query", "count"], options)), { count: 53 });
    await succeeds(["verify"], options);
    const users = { ...options, env: {} };
    await succeeds(["init"], users);
    await succeeds(["ingest", "--generate", "5"], users);
    assert.match(await succeeds(["stream", "--until-caught-up"], users), /^wrote 5 rows, refused 0/);
    assert.deepEqual(JSON.parse(await succeeds(["query", "count"], users)), { count: 5 });
  }));

serviceTest(
  "the same pipeline goes all the way on Kafka and Cassandra",
  ({ brokers, contactPoints }) =>
    withFolder(async (folder) => {
      await extended(folder);
      const topic = uniqueName("weather");
      await runSession(folder, {
        ...{ KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic, KAFKA_GROUP: topic },
        ...{ CASSANDRA_CONTACT_POINTS: contactPoints, CASSANDRA_KEYSPACE: uniqueName("weather") },
      });
    }),
);
