/** `doctor`: looks at each component, and names what is wrong and what to do, a line a check. */
import { join } from "node:path";
import { EXIT, failed, type Finding, findingOf } from "../errors.ts";
import { OutboxLogs } from "../ingest/outbox_logs.ts";
import { withMissing } from "../ingest/outbox_missing.ts";
import { outboxTroubles } from "../ingest/outbox_wording.ts";
import { newSeed } from "../ingest/run.ts";
import { type Misspelt, misspeltIn, misspeltWords } from "../misspelt.ts";
import { askedOf, namesOf, openBroker, openRegistry, openSource, openSpool, openStore } from "../open.ts";
import { dataFolderFindings } from "../query/data_folder.ts";
import { type Component, type ComponentFinding, diagnose } from "../query/doctor.ts";
import type { Settings } from "../settings.ts";
import { shown, shownLines } from "../shown.ts";
import { printAnswer } from "./answer.ts";
import type { Context } from "./command.ts";
import { withBroker, withRunsThere } from "./ends.ts";
import { REPLICATION } from "./init.ts";
import { counted, type Terminal } from "./terminal.ts";

/** For each component, where its own limits are not enough. */
const LIMIT_MS = 15_000;

export async function doctor({ settings, terminal, stop }: Context): Promise<number> {
  const counts = { ok: 0, warn: 0, fail: 0 };
  const findings = async function* () {
    const waits = (names: readonly string[]) =>
      names.length === 0 ? terminal.clear() : terminal.show(`looking at ${names.join(", ")} …`);
    for await (const finding of diagnose(componentsOf(settings), { limitMs: LIMIT_MS, stop, waits })) {
      counts[finding.state]++;
      yield finding;
    }
  };
  try {
    const { findingsFormat: format = "table" } = settings;
    if (format === "table") {
      await printLines(findings(), terminal);
      terminal.print(`\n${stop.aborted ? "stopped before all was looked at" : summary(counts)}`);
    } else {
      await printAnswer({ columns: COLUMNS, pages: rowsOf(findings()) }, format, terminal);
    }
  } finally {
    terminal.clear();
  }
  return counts.warn + counts.fail === 0 && !stop.aborted ? EXIT.done : EXIT.found;
}

function componentsOf(settings: Settings): Component[] {
  const { file, generate, brokers, contactPoints, schemaRegistryUrl, runs } = settings;
  const at = (name: string, remote: boolean, look: () => AsyncIterable<Finding>) => ({ name, remote, look });
  const misspelt = misspeltIn(Object.keys(Deno.env.toObject()));
  return [
    ...(misspelt.length === 0 ? [] : [at("settings", false, () => misspeltFindings(misspelt))]),
    at("source", file === undefined && generate === undefined, () => sourceFindings(settings)),
    at("broker", brokers !== undefined, () => brokerFindings(settings)),
    at("store", contactPoints !== undefined, () => storeFindings(settings)),
    ...(schemaRegistryUrl === undefined ? [] : [at("registry", true, () => registryFindings(settings))]),
    at("data folder", false, () => folderFindings(settings)),
    ...(runs === undefined ? [] : [at("runs", true, () => runsFindings(settings))]),
  ];
}

/** Only where there are any. */
async function* misspeltFindings(misspelt: readonly Misspelt[]): AsyncGenerator<Finding> {
  for (const one of misspelt) yield { what: one.name, state: "warn", ...misspeltWords(one) };
}

async function* sourceFindings(settings: Settings): AsyncGenerator<Finding> {
  const source = await openSource(settings, askedOf(settings, newSeed()));
  try {
    yield findingOf("connection", await source.check());
  } finally {
    await source.close();
  }
}

async function* brokerFindings(settings: Settings): AsyncGenerator<Finding> {
  const { topic, deadLetterTopic } = namesOf(settings);
  const { group, replication = REPLICATION } = settings;
  const broker = await openBroker(settings);
  try {
    yield* broker.diagnose({ topic, deadLetterTopic, group, replication });
  } finally {
    await broker.close();
  }
}

async function* storeFindings(settings: Settings): AsyncGenerator<Finding> {
  const store = await openStore(settings);
  try {
    yield* store.diagnose(settings);
  } finally {
    await store.close();
  }
}

async function* registryFindings(settings: Settings): AsyncGenerator<Finding> {
  const registry = await openRegistry(settings);
  if (registry !== undefined) yield* registry.diagnose();
}

/** The folder, and the files in it that are of no end. Looking makes none. */
async function* folderFindings(settings: Settings): AsyncGenerator<Finding> {
  const { dataDir } = settings;
  yield* dataFolderFindings(dataDir);
  if (settings.runs === undefined && isThere(join(dataDir, "runs.db"))) yield* runsFindings(settings);
  if (isThere(join(dataDir, "outbox.db"))) yield* spoolFindings(settings);
}

async function* spoolFindings(settings: Settings): AsyncGenerator<Finding> {
  const spool = await openSpool(settings);
  if (spool === undefined) return;
  try {
    const check = await spool.check();
    if (!check.ok) return yield findingOf("outbox", check);
    const waiting = await new OutboxLogs(spool).waiting();
    if (waiting.messages === 0) return yield { what: "outbox", state: "ok", detail: "nothing waits" };
    const troubles = outboxTroubles(await withBroker(settings, (broker) => withMissing(waiting, broker)));
    for (const { what: detail, hint, missing } of troubles) {
      yield { what: "outbox", state: missing ? "fail" : "warn", detail, hint };
    }
  } finally {
    await spool.close();
  }
}

async function* runsFindings(settings: Settings): AsyncGenerator<Finding> {
  const what = "record of runs";
  try {
    yield findingOf(what, await withRunsThere(settings, (runs) => runs.check()));
  } catch (error) {
    yield failed(what, error);
  }
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    // Why it cannot be looked at is said of the folder.
    return false;
  }
}

const COLUMNS = ["component", "check", "state", "detail", "hint"];

async function* rowsOf(findings: AsyncIterable<ComponentFinding>): AsyncGenerator<unknown[][]> {
  for await (const { component, what, state, detail, ...rest } of findings) {
    yield [[component, what, state, detail, "hint" in rest ? rest.hint : null]];
  }
}

/** `ok    broker       connection: …`, and below what is wrong its other lines and the hint. */
async function printLines(findings: AsyncIterable<ComponentFinding>, terminal: Terminal): Promise<void> {
  for await (const finding of findings) {
    const { component, what, state, detail } = finding;
    const begin = `${paint(state, terminal.colour)}  ${component.padEnd(COMPONENT_WIDTH)}  `;
    const text = shownLines(finding.state === "ok" ? `${what}: ${detail}` : detail);
    terminal.print(`${begin}${text.replaceAll("\n", `\n${INDENT}`)}`);
    if (finding.state !== "ok") terminal.print(`${INDENT}${shown(finding.hint)}`);
  }
}

const STATE_WIDTH = 4;
const COMPONENT_WIDTH = "data folder".length;
const INDENT = " ".repeat(STATE_WIDTH + COMPONENT_WIDTH + 4);
/** Green, yellow, red. */
const COLOURS: Record<Finding["state"], number> = { ok: 32, warn: 33, fail: 31 };

function paint(state: Finding["state"], colour: boolean): string {
  const text = state.padEnd(STATE_WIDTH);
  return colour ? `\x1b[${COLOURS[state]}m${text}\x1b[0m` : text;
}

function summary({ ok, warn, fail }: Record<Finding["state"], number>): string {
  if (warn + fail === 0) return `all is well: ${counted(ok, "check")}`;
  return `${counted(ok + warn + fail, "check")}: ${ok} ok, ${warn} to look at, ${fail} failed`;
}
