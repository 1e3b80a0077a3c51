/** `/metrics`: valid by a parser that is not ours, the same figures as the live ones, and the Grafana dashboard that shows them. */
import assert from "node:assert/strict";
import { parser as promql } from "@prometheus-io/lezer-promql";
import { join } from "node:path";
import parseMetrics from "parse-prometheus-text-format";
import { ROOT } from "../tools/build/options.ts";
import { IngestMeasures } from "../src/ingest/measures.ts";
import { type Looked, type Metrics, metricsText } from "../src/metrics.ts";
import { Measures } from "../src/stream/measures.ts";
import { StreamMeter } from "../src/stream/meter.ts";
import { together } from "../src/stream/stats.ts";

/** As the parser has it: all values are texts. */
interface Parsed {
  name: string;
  help: string;
  type: "COUNTER" | "GAUGE" | "HISTOGRAM";
  metrics: Sample[];
}

interface Sample {
  value?: string;
  labels?: Record<string, string>;
  buckets?: Record<string, string>;
  count?: string;
  sum?: string;
}

async function parsed(looked?: Looked, of?: Metrics): Promise<Map<string, Parsed>> {
  const found: Parsed[] = parseMetrics(await metricsText(looked, of));
  return new Map(found.map((metric) => [metric.name, metric]));
}

const LOOKED: Looked = { outbox: 3, deadLetters: 4, nextRunAt: 1_700_000_060_500 };

/** Of a process that did a little of everything. */
function busy(): Metrics {
  const ingest = new IngestMeasures();
  ingest.began();
  ingest.fetched(100, 5_000);
  ingest.published(12, { broker: 97, outbox: 1 });
  ingest.refused(2);
  ingest.ended("delivered");
  ingest.leftOut("missed");
  const measures = new Measures();
  for (const ms of [0.1, 3, 3, 40, 20_000]) measures.wrote(ms);
  const headers = { "userpipe-fetched": new TextEncoder().encode("1000") };
  const message = { partition: 0, offset: 0n, key: null, value: null, headers, timestamp: 1_500 };
  measures.stored([message, message, message], 1, 4_500);
  measures.refusedByStore(1);
  const stream = new StreamMeter();
  const positions = [{ partition: 0, acknowledged: 5n, end: 15n }, { partition: 1, acknowledged: 7n, end: 7n }];
  const stats = together([{ rows: 90, refused: 5, oddKeys: 0, lag: 10, positions }]);
  stream.told({ ...stats, measured: measures.take() });
  return { ingest, stream };
}

Deno.test("every metric is there, of its type, with its figures, and valid by a parser that is not ours", async () => {
  const metrics = await parsed(LOOKED, busy());
  const shown = Object.fromEntries(
    [...metrics.values()].filter(({ type }) => type !== "HISTOGRAM").map(({ name, type, metrics }) => [
      name,
      [type, ...metrics.map(({ labels, value }) => [...Object.values(labels ?? {}), value].join(" "))],
    ]),
  );
  const rss = shown.process_resident_memory_bytes!;
  assert.ok(Number(rss[1]) > 1e6, String(rss));
  assert.deepEqual({ ...shown, process_resident_memory_bytes: [rss[0]] }, {
    userpipe_build_info: ["GAUGE", "0.1.0 1"],
    process_resident_memory_bytes: ["GAUGE"],
    userpipe_records_fetched_total: ["COUNTER", "100"],
    userpipe_records_published_total: ["COUNTER", "97"],
    userpipe_records_refused_total: ["COUNTER", "source 2", "stream 4", "store 1"],
    userpipe_runs_total: [
      "COUNTER",
      ...["delivered 1", "to outbox 0", "failed 0", "skipped 0", "missed 1", "interrupted 0"],
    ],
    userpipe_stream_rows_total: ["COUNTER", "90"],
    userpipe_stream_lag_records: ["GAUGE", "0 10", "1 0"],
    userpipe_outbox_records: ["GAUGE", "3"],
    userpipe_dead_letters: ["GAUGE", "4"],
    userpipe_schedule_next_run_timestamp_seconds: ["GAUGE", "1700000060.5"],
  });
  for (const { help } of metrics.values()) assert.match(help, /^[A-Z].*\.$/);
});

Deno.test("the histograms count each time once, at and above its bound, and their sums are in seconds", async () => {
  const metrics = await parsed(LOOKED, busy());
  const [write] = metrics.get("userpipe_store_write_seconds")!.metrics as [Sample];
  assert.deepEqual([write.count, write.sum], ["5", "20.0461"]);
  const at = (le: string) => Number(write.buckets![le]);
  assert.deepEqual(["0.00025", "0.002", "0.004", "0.032", "0.064", "16.384", "+Inf"].map(at), [1, 1, 3, 3, 4, 4, 5]);
  const counts = Object.values(write.buckets!).map(Number);
  assert.deepEqual(counts, counts.toSorted((a, b) => a - b));
});

Deno.test("each line is a name, labels and a number by the grammar of Prometheus, and comes once", async () => {
  const text = await metricsText(LOOKED, busy());
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.ok(samples.length > 50);
  for (const sample of samples) {
    // So written, it is an expression.
    const { wrong } = namesIn(sample.replace(/ (?=\S+$)/, " == "));
    assert.deepEqual(wrong, [], sample);
  }
  const series = samples.map((sample) => sample.replace(/ \S+$/, ""));
  assert.equal(new Set(series).size, series.length);
  const fresh = samples.filter((sample) => /^userpipe_record_freshness_seconds_(count|sum)/.test(sample)).sort();
  assert.deepEqual(fresh.map((sample) => sample.replace("userpipe_record_freshness_seconds_", "")), [
    ...['count{part="fetched_to_published"} 1', 'count{part="published_to_table"} 1'],
    ...['sum{part="fetched_to_published"} 0.5', 'sum{part="published_to_table"} 3'],
  ]);
});

/** What an expression names, by the grammar of Prometheus, and the parts that it does not understand. */
function namesIn(expression: string): { metrics: string[]; labels: string[]; wrong: string[] } {
  const found = { metrics: [] as string[], labels: [] as string[], wrong: [] as string[] };
  promql.parse(expression).iterate({
    enter({ type, from, to, node }) {
      const text = expression.slice(from, to);
      if (type.isError) found.wrong.push(`${from}: ${text}`);
      if (type.name === "LabelName") found.labels.push(text);
      if (type.name === "Identifier" && node.parent?.name === "VectorSelector") found.metrics.push(text);
    },
  });
  return found;
}

Deno.test("a process shows what it does and what was looked up, and nothing else", async () => {
  const always = ["userpipe_build_info", "process_resident_memory_bytes"];
  assert.deepEqual([...(await parsed({}, {})).keys()], always);
  const lag = [{ partition: 2, lag: 30 }];
  const looking = await parsed({ lag, deadLetters: 1 }, {});
  assert.deepEqual([...looking.keys()], [...always, "userpipe_stream_lag_records", "userpipe_dead_letters"]);
  const [sample] = looking.get("userpipe_stream_lag_records")!.metrics as [Sample];
  assert.deepEqual({ ...sample, labels: { ...sample.labels } }, { value: "30", labels: { partition: "2" } });
  const { stream } = busy();
  const own = (await parsed({ lag }, { stream })).get("userpipe_stream_lag_records")!.metrics;
  assert.deepEqual(own.map(({ value }) => value), ["10", "0"], "its own stream knows better");
});

interface Panel {
  title: string;
  targets: { expr: string }[];
}

Deno.test("the Grafana dashboard names only metrics that exist, by labels that they have, and shows each", async () => {
  const text = await metricsText(LOOKED, busy());
  const samples = new Set([...text.matchAll(/^([a-z_]+)(?=[{ ])/gm)].map(([name]) => name));
  const labels = new Set([...text.matchAll(/[a-z_]+(?==")/g)].map(([name]) => name));
  // Prometheus adds them to whatever it reads.
  for (const added of ["instance", "job"]) labels.add(added);
  const { panels }: { panels: Panel[] } = JSON.parse(await Deno.readTextFile(join(ROOT, "docs", "grafana.json")));
  const shown = new Set<string>();
  for (const { title, targets } of panels) {
    for (const { expr } of targets) {
      const found = namesIn(expr.replaceAll("$__rate_interval", "5m"));
      assert.deepEqual(
        [...found.wrong, ...found.labels.filter((label) => !labels.has(label))],
        [],
        `${title}: ${expr}`,
      );
      assert.deepEqual(found.metrics.filter((name) => !samples.has(name)), [], `${title}: ${expr}`);
      assert.ok(found.metrics.length > 0, `${title}: ${expr}`);
      for (const name of found.metrics) shown.add(name.replace(/_bucket$/, ""));
    }
  }
  const all = [...text.matchAll(/^# TYPE ([a-z_]+) /gm)].map(([, name]) => name);
  assert.deepEqual([...shown].sort(), all.sort());
});
