/** What came of each case of the fault suite: a line of JSON in the file that `USERPIPE_FAULT_REPORT` names. */
import { LONG } from "./size.ts";

/** What a case did and saw. `tools/fault_report.ts` makes a table of them. */
export interface Outcome {
  /** How often the fault was made. */
  times: number;
  /** Records that had to arrive. */
  records: number;
  /** Those in the table at the end. */
  rows: number;
  dead: number;
  missing: number;
  different: number;
  /** What else was seen, in a few words. */
  seen?: string;
}

export interface ReportLine extends Partial<Outcome> {
  suite: string;
  /** What was done. */
  fault: string;
  ends: string;
  size: "short" | "long";
  ok: boolean;
  seconds: number;
}

/** Runs a case and writes down what came of it, also where it fails. */
export async function reported(
  about: Pick<ReportLine, "suite" | "fault" | "ends">,
  work: () => Promise<Outcome>,
): Promise<void> {
  const started = performance.now();
  let outcome: Partial<Outcome> = {};
  let ok = false;
  try {
    outcome = await work();
    ok = true;
  } finally {
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    write({ ...about, ...outcome, size: LONG ? "long" : "short", ok, seconds });
  }
}

function write(line: ReportLine): void {
  const path = Deno.env.get("USERPIPE_FAULT_REPORT");
  if (path) Deno.writeTextFileSync(path, JSON.stringify(line) + "\n", { append: true });
}
