/**
 * Makes docs/faults.md of what the fault suite wrote: `USERPIPE_FAULT_REPORT=faults.jsonl deno task torture`, and then
 * `deno run -A tools/fault_report.ts faults.jsonl > docs/faults.md`.
 */
import type { ReportLine } from "../tests/support/fault_report.ts";

const INTRODUCTION = `# What was broken on purpose, and what came of it

Written by \`tools/fault_report.ts\` from the output of the fault suite (\`tests/faults/\`), which starts the real program
against the embedded ends and against a real Kafka and a real Cassandra. A case ends with a comparison of every id that
was sent with every id in the table, and with \`userpipe verify\`.

A Cassandra of one node that is killed (not stopped) loses what it acknowledged since its commit log was last synced, by
default every 10 seconds. That is its own setting (\`commitlog_sync\`), no client can mend it, and replicas are for it;
\`userpipe verify\` finds what is missing. The one that is killed here syncs before it acknowledges.
`;

const COLUMNS = [
  "what was done",
  "ends",
  "how often",
  "records",
  "rows",
  "dead letters",
  "missing",
  "different",
  "seen",
];

/** The last line of each case counts: a suite that was run again replaces what it wrote before. */
function lastOfEach(lines: readonly ReportLine[]): ReportLine[] {
  const last = new Map(lines.map((line) => [`${line.size}/${line.suite}/${line.fault}/${line.ends}`, line]));
  return [...last.values()];
}

function row(line: ReportLine): string {
  const number = (value: number | undefined) => value === undefined ? "" : value.toLocaleString("en");
  const counts = [line.times, line.records, line.rows, line.dead, line.missing, line.different].map(number);
  const seen = [line.ok ? "" : "**failed**", line.seen ?? "", `${line.seconds} s`].filter(Boolean).join("; ");
  return `| ${[line.fault, line.ends, ...counts, seen].join(" | ")} |`;
}

function table(lines: readonly ReportLine[]): string {
  const head = [
    `| ${COLUMNS.join(" | ")} |`,
    `|${COLUMNS.map((_, n) => n < 2 || n === 8 ? "---" : "---:").join("|")}|`,
  ];
  return [...head, ...lines.map(row)].join("\n");
}

export function report(text: string): string {
  const lines = lastOfEach(text.split("\n").filter(Boolean).map((line): ReportLine => JSON.parse(line)));
  const parts = [INTRODUCTION];
  for (const size of ["long", "short"] as const) {
    const suites = Map.groupBy(lines.filter((line) => line.size === size), ({ suite }) => suite);
    if (suites.size > 0) parts.push(`## The ${size} run\n`);
    for (const [suite, those] of suites) parts.push(`### ${suite}\n\n${table(those)}\n`);
  }
  return parts.join("\n");
}

if (import.meta.main) {
  const [path] = Deno.args;
  if (path === undefined) {
    console.error("usage: fault_report.ts <file of JSON lines>");
    Deno.exit(2);
  }
  console.log(report(Deno.readTextFileSync(path)).trimEnd());
}
