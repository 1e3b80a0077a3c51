/** Finds the raw writer's best settings, and runs it with them. */
import { measure, type Measured } from "./measure.ts";
import { script } from "./program.ts";
import type { Outcome, Settings } from "./raw_writer.ts";
import type { Rig } from "./rig.ts";

/** Which limits a ceiling keeps: those that Cassandra warns of, or only the one that it refuses at. */
export type Limits = "within" | "over";

const WARN = { batchBytes: 5 * 1024, batchRows: 10 };
const KIB = 1024;
/** Rows of 500 B: as many as the largest batch holds. */
const MOST_ROWS = 128;

/** What is tried; the first is what is taken where there is no time to search. */
const TRIED: Record<Limits, Settings[]> = {
  within: [64, 32, 128, 192].map((inFlight) => ({ method: "one statement", ...WARN, inFlight })),
  over: [[48, 8], [48, 4], [48, 16], [32, 8], [32, 16], [20, 16]].map(([kib, inFlight]) => ({
    method: "one statement",
    batchBytes: kib! * KIB,
    batchRows: MOST_ROWS,
    inFlight: inFlight!,
  })),
};

const SEARCH_ROWS = 50_000;

/** A run of the raw writer, and what the process took. */
export interface Ceiling extends Measured {
  found: Outcome[];
}

export async function writeRaw(rig: Rig, rows: number, settings: readonly Settings[]): Promise<Ceiling> {
  const table = `${rig.name}.created_users`;
  const measured = await measure(script("raw_writer.ts"), [
    ...["--contact-points", rig.where.contactPoints, "--table", table, "--rows", String(rows)],
    ...["--settings", JSON.stringify(settings)],
  ], { cwd: rig.folder, env: {} });
  return { ...measured, found: JSON.parse(measured.stdout) };
}

/** So that the first that is measured has no cold Cassandra. */
export async function warmUp(rig: Rig): Promise<void> {
  const rows = rig.sizes.quick ? 20_000 : 200_000;
  await writeRaw(rig, rows, [TRIED.within[0]!, TRIED.over[0]!]);
  await rig.target.empty();
}

/** The best settings of those that keep the limits. */
export async function search(rig: Rig, limits: Limits): Promise<Settings> {
  const settings = TRIED[limits];
  if (rig.sizes.quick) return settings[0]!;
  const best = async (tried: readonly Settings[]) => {
    const { found } = await writeRaw(rig, SEARCH_ROWS, tried);
    return found.find(({ warnings }) => limits === "over" || warnings === 0)?.settings ?? tried[0]!;
  };
  const first = await best(settings);
  const either = await best([first, { ...first, method: "client.batch" }]);
  await rig.target.empty();
  return either;
}

export function settingsText({ method, batchBytes, batchRows, inFlight }: Settings): string {
  return `${method}, ${batchBytes / KIB} KiB or ${batchRows} rows a batch, ${inFlight} in flight`;
}
