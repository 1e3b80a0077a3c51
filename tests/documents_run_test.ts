/** The code blocks of the documents, typed into terminals in a copy of the checkout, as a new user would. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { COMPILED_FLAGS, ROOT } from "../tools/build/options.ts";
import { until } from "./support/cli.ts";
import { type Block, blocksOf, commandsOf, DOCUMENTS, missingOf } from "./support/documents.ts";
import { serveGenerated } from "./support/generated_server.ts";
import type { RandomUserServer } from "./support/randomuser_server.ts";
import { NO_TERMINALS, openTerminal, type TerminalOptions } from "./support/pty.ts";
import { type Services, serviceTest, uniqueName } from "./support/services.ts";

const LIMIT_MS = 60_000;
/** What the documents name, where a reader's services answer. */
const USUAL = { brokers: "127.0.0.1:9092", contactPoints: "127.0.0.1:9042" };
const THE_API = "https://randomuser.me/api/1.4/";
/** No name server has it. */
const NO_API = "https://randomuser.invalid/api/1.4/";

const blocks = DOCUMENTS.flatMap(blocksOf);
const typed = blocks.filter(({ kind }) => kind === "run" || kind === "session");
const skipped = NO_TERMINALS === undefined ? "" : ` (skipped: ${NO_TERMINALS})`;
const options = { ignore: NO_TERMINALS !== undefined };

let place: TerminalOptions;
let api: RandomUserServer;
if (NO_TERMINALS === undefined) {
  Deno.test.beforeAll(async () => {
    api = serveGenerated(1_000);
    place = await checkout();
  });
  Deno.test.afterAll(async () => {
    await api.close();
    await Deno.remove(place.cwd, { recursive: true });
  });
}

for (const block of typed.filter(({ of }) => !of.includes("services"))) {
  Deno.test({ ...options, name: `${block.where} works as it stands there${skipped}`, fn: () => type(block, place) });
}

for (const block of typed.filter(({ of }) => of.includes("services"))) {
  serviceTest(`${block.where} works as it stands there, with services${skipped}`, async (services) => {
    const env = { KAFKA_TOPIC: uniqueName("documents"), CASSANDRA_KEYSPACE: uniqueName("documents") };
    await type(block, { ...place, env: { ...place.env, ...env } }, services);
  }, options);
}

async function type(block: Block, { cwd, env }: TerminalOptions, services: Services = USUAL): Promise<void> {
  const place = { cwd, env: { ...env, USERPIPE_URL: block.of.includes("without the API") ? NO_API : api.url } };
  const text = (Object.keys(USUAL) as (keyof Services)[])
    .reduce((text, name) => text.replaceAll(USUAL[name], services[name]), block.text);
  if (block.kind === "session") return await session(text, place);
  const last = /until "(.+)"/.exec(block.of)?.[1];
  if (last !== undefined) return await untilPrinted(text, last, place);
  if (block.of.includes("terminals")) return await terminals(text, place);
  await using terminal = openTerminal(text, place);
  assert.equal(await terminal.ended, 0, terminal.output);
}

async function session(text: string, place: TerminalOptions): Promise<void> {
  for (const { command, lines } of commandsOf(text)) {
    await using terminal = openTerminal(command, place);
    assert.equal(await terminal.ended, 0, `${command}:\n${terminal.output}`);
    const missing = missingOf(lines.map((line) => line.replaceAll(THE_API, place.env.USERPIPE_URL!)), terminal.output);
    assert.equal(missing, undefined, `${command} prints:\n${terminal.output}`);
  }
}

/** Its last line keeps running. In the shell's place, so that the shell does not die of Ctrl-C first. */
async function untilPrinted(text: string, last: string, place: TerminalOptions): Promise<void> {
  await using terminal = openTerminal(text.trimEnd().replace(/(?<=^|\n).*$/, "exec $&"), place);
  await until(() => terminal.output.includes(last), LIMIT_MS, () => {
    assert.ok(!terminal.over, terminal.output);
    return terminal.output;
  });
  await terminal.interrupt();
  assert.equal(await terminal.ended, 0, terminal.output);
}

/** The next is opened once the one before has ended or shows something; what still runs in the end is ended. */
async function terminals(text: string, place: TerminalOptions): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const running = [];
  for (const line of text.trim().split("\n")) {
    const terminal = opened.use(openTerminal(`exec ${line}`, place));
    const keepsRunning = line.includes("# keeps running");
    if (keepsRunning) await until(() => terminal.output.trim() !== "", LIMIT_MS, () => `${line} shows nothing`);
    else assert.equal(await terminal.ended, 0, `${line}:\n${terminal.output}`);
    if (keepsRunning) running.push(terminal);
  }
  for (const terminal of running) {
    await terminal.interrupt();
    // What only looks has nothing to drain, and ends by the signal.
    assert.ok([0, 130].includes(await terminal.ended), terminal.output);
  }
}

/** What git has or would take, and in front of all other programs a `npx` and a `deno` that are the Deno of the tests. */
async function checkout(): Promise<TerminalOptions> {
  const cwd = await Deno.makeTempDir({ prefix: "userpipe-documents-" });
  const listed = await new Deno.Command("git", { args: ["ls-files", "-co", "--exclude-standard", "-z"], cwd: ROOT })
    .output();
  for (const path of new TextDecoder().decode(listed.stdout).split("\0").filter((path) => path !== "")) {
    await Deno.mkdir(join(cwd, dirname(path)), { recursive: true });
    await Deno.copyFile(join(ROOT, path), join(cwd, path));
  }
  const bin = join(cwd, "bin");
  await Deno.mkdir(bin);
  const program = async (path: string, lines: string) => {
    await Deno.writeTextFile(path, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  };
  await program(join(bin, "deno"), `exec "${Deno.execPath()}" "$@"`);
  await program(join(bin, "npx"), 'shift 2; exec deno "$@"');
  const built = Deno.env.get("USERPIPE_EXECUTABLE");
  const flags = COMPILED_FLAGS.map((flag) => `'${flag}'`).join(" ");
  await program(join(cwd, "userpipe"), built ? `exec "${built}" "$@"` : `exec deno run ${flags} "${cwd}/main.ts" "$@"`);
  await Deno.symlink(join(cwd, "userpipe"), join(bin, "userpipe"));
  const own = Object.entries(Deno.env.toObject()).filter(([name]) => !/^(USERPIPE|KAFKA|CASSANDRA)_/.test(name));
  return { cwd, env: { ...Object.fromEntries(own), PATH: `${bin}:${Deno.env.get("PATH")}` } };
}
