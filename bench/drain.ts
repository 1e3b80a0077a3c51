/** The drain: a topic into an empty table, from launch to the last row, by each contender in turn. */
import { type Limits, search, settingsText, writeRaw } from "./ceiling.ts";
import { goWriter } from "./go_writer.ts";
import { pause, type Running } from "./measure.ts";
import { hasFlag } from "./program.ts";
import type { Settings } from "./raw_writer.ts";
import { type Filled, mustEnd, type Rig } from "./rig.ts";
import { known, type Table } from "./table.ts";

/** One run. Times in ms from the launch; a writer that only writes has none but its own. */
export interface Run {
  lastRowMs: number;
  firstRowMs?: number;
  cpuMs?: number;
  peakMb?: number;
  /** How often Cassandra said that a batch was over a limit: in its log, or where that is not known to the writer. */
  warnings?: number;
}

export interface Contender {
  name: string;
  /** Writes all records into the empty table. @throws {Failure} where it does not finish or loses one */
  run(): Promise<Run>;
  /** The ceiling that it is held against, by its name. */
  against?: string;
}

const FIRST_WITHIN_MS = 300_000;
/** Of a run, with room for the slowest of the peers. */
const WITHIN_MS_A_RECORD = 1;
const LAST_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 20;

/** Follows a process that drains a topic until its last row is there. It may then end by itself, or else is stopped. */
export async function follow(
  rig: Rig,
  { running, filled: { last, records }, endsItself }: { running: Running; filled: Filled; endsItself: boolean },
): Promise<Run> {
  const { target } = rig;
  const limit = LAST_WITHIN_MS + records * WITHIN_MS_A_RECORD;
  await running.until(() => target.hasAny(), FIRST_WITHIN_MS, 5);
  const firstRowMs = performance.now() - running.launched;
  await running.until(() => target.has(last), limit, LOOK_EVERY_MS);
  const now = () => ({ firstRowMs, lastRowMs: performance.now() - running.launched, cpuMs: running.cpuMs() });
  let run: Run = now();
  if (endsItself) {
    const ended = await running.ended;
    mustEnd(running, ended);
    run.cpuMs = ended.cpuMs;
  }
  // One that writes out of order may have the last row of each partition there before others.
  while (!endsItself && run.lastRowMs < limit && await target.count() < records) {
    await pause(LOOK_EVERY_MS);
    run = now();
  }
  if (!endsItself) await running.stop();
  await rig.mustHave(records, "the drain");
  return { ...run, peakMb: running.peakMb() };
}

/** Ours, the shipped way. */
export async function ours(rig: Rig, flags: string[], filled: Filled, env = rig.env(filled.topic)): Promise<Run> {
  const running = await rig.start(["stream", "--until-caught-up", ...flags], env);
  return await follow(rig, { running, filled, endsItself: true });
}

async function contenders(rig: Rig, filled: Filled, peers: Contender[], notes: string[]): Promise<Contender[]> {
  const raw = async (limits: Limits): Promise<{ name: string; settings: Settings; contender: Contender }> => {
    const best = await search(rig, limits);
    const name = `raw writer, ${limits} Cassandra's warning limits`;
    notes.push(`The ${name}: ${settingsText(best)}.`);
    return { name, settings: best, contender: { name, run: () => write(rig, best) } };
  };
  const within = await raw("within");
  const over = await raw("over");
  const all: Contender[] = [
    within.contender,
    { name: "userpipe", against: within.name, run: () => ours(rig, [], filled) },
    over.contender,
  ];
  const bytes = String(over.settings.batchBytes);
  if (await hasFlag(rig.program, "stream", "--batch-bytes")) {
    const name = `userpipe --batch-bytes ${bytes}`;
    all.push({ name, against: over.name, run: () => ours(rig, ["--batch-bytes", bytes], filled) });
  }
  const go = await goWriter(rig, [within.name, over.name]);
  if (typeof go === "string") notes.push(`The writer in Go was left out: ${go}.`);
  else all.push(...go);
  return [...all, ...peers];
}

async function write(rig: Rig, settings: Settings): Promise<Run> {
  const { found, cpuMs, peakMb } = await writeRaw(rig, rig.sizes.records, [settings]);
  await rig.mustHave(rig.sizes.records, "the raw writer");
  const { ms, warnings } = found[0]!;
  return { lastRowMs: ms, cpuMs, peakMb, warnings };
}

/** All contenders in turn, `repeat` times. */
export async function drain(rig: Rig, peers: Contender[], say: (line: string) => void): Promise<Table> {
  const { records, repeat } = rig.sizes;
  const notes: string[] = [];
  const all = await contenders(rig, await rig.filled(), peers, notes);
  const runs = new Map(all.map(({ name }) => [name, [] as Run[]]));
  for (let n = 1; n <= repeat; n++) {
    for (const { name, run } of all) {
      await rig.target.empty();
      const logged = rig.batchWarnings();
      const done = await run();
      runs.get(name)!.push({ ...done, warnings: await logged() ?? done.warnings });
      say(`drain ${n} of ${repeat}: ${name}: ${(done.lastRowMs / 1000).toFixed(2)} s`);
    }
  }
  await rig.target.empty();
  const rate = ({ lastRowMs }: Run) => records / lastRowMs * 1000;
  return {
    title: `Drain: ${records.toLocaleString("en-US")} records from Kafka into Cassandra`,
    columns: [
      { name: "launch to last row, s", digits: 2 },
      { name: "records/s", digits: 0 },
      { name: "of its ceiling", digits: 2 },
      { name: "first row, s", digits: 2 },
      { name: "steady records/s", digits: 0 },
      { name: "CPU, s", digits: 2 },
      { name: "peak, MB", digits: 0 },
      { name: "warnings logged", digits: 0 },
    ],
    rows: all.map(({ name, against }) => {
      const done = runs.get(name)!;
      const ceiling = against === undefined ? undefined : runs.get(against)!;
      return {
        name,
        cells: [
          done.map(({ lastRowMs }) => lastRowMs / 1000),
          done.map(rate),
          ceiling === undefined ? [] : done.map((run, n) => rate(run) / rate(ceiling[n]!)),
          known(done.map(({ firstRowMs }) => firstRowMs)).map((ms) => ms / 1000),
          done.map(({ firstRowMs = 0, lastRowMs }) => records / (lastRowMs - firstRowMs) * 1000),
          known(done.map(({ cpuMs }) => cpuMs)).map((ms) => ms / 1000),
          known(done.map(({ peakMb }) => peakMb)),
          known(done.map(({ warnings }) => warnings)),
        ],
      };
    }),
    notes,
  };
}
