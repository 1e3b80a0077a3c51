/** `settings`: what each setting is and what says so, with secrets hidden; one that is wrong with its error, among the others. */
import { EXIT, UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import { misspeltIn, misspeltWords } from "../misspelt.ts";
import { namesOf } from "../open.ts";
import { allOf, environment as env, type SettingName, type Settings } from "../settings.ts";
import { type InForce, settingsInForce } from "../settings_in_force.ts";
import { one } from "../query/query.ts";
import { shown } from "../shown.ts";
import { printAnswer } from "./answer.ts";
import { paint, printColumns } from "./columns.ts";
import type { Context } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { withStore } from "./ends.ts";
import { problemsIn } from "./settings_checks.ts";
import type { Terminal } from "./terminal.ts";

export async function settings({ flags, settings, terminal }: Context): Promise<number> {
  const rows = settingsInForce({ flags, env });
  const problems = await problemsIn(settings, flags, env);
  for (const { of, error: { message, hint } } of problems) {
    const row = rowOf(rows, of);
    row.error = row.error === null ? message : `${row.error}\n${message}`;
    row.hint = row.hint === null || row.hint === hint ? hint : `${row.hint}\n${hint}`;
  }
  for (const { detail, hint } of misspeltIn(Object.keys(Deno.env.toObject())).map(misspeltWords)) {
    logger("settings").warn`${detail}. ${hint}`;
  }
  addNames(rows, settings);
  await addSaid(rows, settings);
  await print(rows, settings, terminal);
  if (problems.length > 0) throw allOf(problems, "See the list that is printed");
  return EXIT.done;
}

function rowOf(rows: readonly InForce[], name: SettingName): InForce {
  return rows.find((row) => row.name === name)!;
}

/** What is the pipeline's own where nothing else is named; nothing where there is no such pipeline, which is among the problems. */
function addNames(rows: readonly InForce[], settings: Settings): void {
  const found = known(() => namesOf(settings));
  if (found === undefined) return;
  const { pipeline, topic, deadLetterTopic, table } = found;
  const names = { topic, deadLetterTopic, keyspace: table.keyspace, table: table.name };
  for (const [name, value] of Object.entries(names)) {
    const row = rowOf(rows, name as SettingName);
    const from = name === "deadLetterTopic" ? "the topic's name" : `pipeline ${pipeline.name}`;
    if (row.value === null) Object.assign(row, { value, from });
  }
}

function known<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof UserpipeError)) throw error;
    return undefined;
  }
}

/** What Cassandra says where nothing else is named; where it cannot be asked, that. */
async function addSaid(rows: readonly InForce[], settings: Settings): Promise<void> {
  if (settings.contactPoints === undefined) return;
  const unsaid = (["dataCenter", "batchBytes"] as const).filter((name) => settings[name] === undefined);
  try {
    await withStore(settings, async (store) => {
      const said = await store.said();
      for (const name of unsaid) Object.assign(rowOf(rows, name), { value: String(said[name]), from: store.name });
    });
  } catch (error) {
    if (!(error instanceof UserpipeError)) throw error;
    for (const name of unsaid) rowOf(rows, name).from = `not known: ${error.message}`;
  }
}

async function print(rows: readonly InForce[], { settingsFormat }: Settings, terminal: Terminal): Promise<void> {
  const format = settingsFormat ?? (terminal.interactive ? "table" : "lines");
  if (format === "json") {
    const columns = [
      "group",
      "setting",
      "commands",
      "environment",
      "value",
      "otherwise",
      "from",
      "secret",
      "error",
      "hint",
    ];
    const cells = rows.map((row) =>
      columns.map((column) => ({ ...row, commands: commandsOf(row) })[column as "value"])
    );
    return await printAnswer({ columns, pages: one(async () => cells) }, "json", terminal);
  }
  if (format === "table") return printTable(rows, terminal);
  for (const row of rows) {
    terminal.print(
      shown(`${label(row, rows)} = ${valueOf(row)} (${row.from})${row.error ? ` error: ${oneLine(row.error)}` : ""}`),
    );
  }
}

function printTable(rows: readonly InForce[], terminal: Terminal): void {
  for (const group of new Set(rows.map(({ group }) => group))) {
    terminal.print(`\n${paint(group, "bold", terminal.colour)}`);
    const own = rows.filter((row) => row.group === group);
    printColumns<InForce>(
      [
        { name: "setting", cell: (row) => label(row, rows) },
        {
          name: "value",
          cell: (row) => shown(valueOf(row)),
          colour: ({ value }) => value === null ? "dim" : undefined,
        },
        { name: "from", cell: ({ from }) => shown(from), colour: colourOf },
      ],
      own,
      { width: terminal.width, colour: terminal.colour, print: (line) => terminal.print(line) },
      { below: ({ error }) => error === null ? undefined : shown(oneLine(error)) },
    );
  }
}

/** Of several things that are wrong with it. */
function oneLine(error: string): string {
  return error.replaceAll("\n", "; ");
}

/** What somebody has said stands out. */
function colourOf({ from }: InForce) {
  return /^(flag|environment|file)\b/.test(from) ? "green" : "dim";
}

/** With the commands that it is of, where another setting has the same flag. */
function label(row: InForce, rows: readonly InForce[]): string {
  const shared = rows.filter(({ setting }) => setting === row.setting).length > 1;
  return shared ? `${row.setting} (${commandsOf(row).join(", ")})` : row.setting;
}

function commandsOf({ name }: InForce): string[] {
  if (name === null) return [];
  const has = COMMANDS.filter(({ settings, refused }) => settings.includes(name) && !refused?.includes(name));
  const names = has.map(({ name }) => name);
  // It takes the settings of all others; one is its own alone.
  return names.length === 1 ? names : names.filter((name) => name !== "settings");
}

function valueOf({ value, otherwise }: InForce): string {
  if (value !== null) return value;
  return otherwise === null ? "-" : `(${otherwise})`;
}
