/** `/metrics`: each metric by its name, in Prometheus's conventions. */
import { AggregatorRegistry } from "@platformatic/prom-client";
import type { Durations } from "./durations.ts";
import type { IngestFigures } from "./live.ts";
import type { Looked, Metrics } from "./metrics.ts";
import { RUN_STATES } from "./runs/runs.ts";
import { lagOf } from "./stream/stats.ts";
import { VERSION } from "./version.ts";

/** As the library has it as JSON. */
interface Metric {
  name: string;
  help: string;
  type: "counter" | "gauge" | "histogram";
  values: Value[];
  aggregator: "first";
}

interface Value {
  labels: Record<string, string | number>;
  value: number;
  /** Of a part of a histogram. */
  metricName?: string;
}

export async function textOf(metrics: Metrics, looked: Looked): Promise<string> {
  const all = [...ofProcess(), ...ofIngest(metrics), ...ofStream(metrics), ...ofLooks(metrics, looked)];
  return await AggregatorRegistry.aggregate([all]).metrics();
}

function* ofProcess(): Iterable<Metric> {
  yield gauge("userpipe_build_info", "The version that runs.", [{ labels: { version: VERSION }, value: 1 }]);
  const { rss } = Deno.memoryUsage();
  yield gauge("process_resident_memory_bytes", "Resident memory in bytes.", one(rss));
}

/** States that a run ends in, or that come in place of a run. */
const ENDS = RUN_STATES.filter((state) => state !== "queued" && state !== "running");

function* ofIngest({ ingest }: Metrics): Iterable<Metric> {
  if (ingest === undefined) return;
  const { fetched, published, runs }: IngestFigures = ingest.figures();
  yield counter("userpipe_records_fetched_total", "Records that the source gave.", one(fetched));
  yield counter("userpipe_records_published_total", "Records that the broker has made durable.", one(published));
  const ended = ENDS.map((state) => ({ labels: { state }, value: runs[state] }));
  yield counter("userpipe_runs_total", "Runs by the state in which they ended.", ended);
}

function* ofStream({ ingest, stream }: Metrics): Iterable<Metric> {
  const refused: Value[] = [];
  if (ingest !== undefined) refused.push({ labels: { stage: "source" }, value: ingest.figures().refused });
  if (stream !== undefined) {
    refused.push({ labels: { stage: "stream" }, value: stream.refused.stream });
    refused.push({ labels: { stage: "store" }, value: stream.refused.store });
  }
  if (refused.length > 0) yield counter("userpipe_records_refused_total", "Dead letters, by what refused it.", refused);
  if (stream === undefined) return;
  yield counter("userpipe_stream_rows_total", "Records stored.", one(stream.latest?.rows ?? 0));
  const took = "How long the store took for a write.";
  yield histogram("userpipe_store_write_seconds", took, WRITE_BOUNDS_MS, [[{}, stream.writeMs.all]]);
  const fresh = "How long a record was on its way. One record of each batch is measured.";
  yield histogram("userpipe_record_freshness_seconds", fresh, FRESHNESS_BOUNDS_MS, [
    [{ part: "fetched_to_published" }, stream.fetchedToPublishedMs.all],
    [{ part: "published_to_table" }, stream.publishedToTableMs.all],
  ]);
}

function* ofLooks({ stream }: Metrics, looked: Looked): Iterable<Metric> {
  const own = stream?.latest?.positions.map((position) => ({ partition: position.partition, lag: lagOf(position) }));
  const lag = own ?? looked.lag;
  if (lag !== undefined) {
    const values = lag.map(({ partition, lag }) => ({ labels: { partition }, value: lag }));
    yield gauge("userpipe_stream_lag_records", "Records that the stream is behind the end of the topic.", values);
  }
  const { outbox, deadLetters, nextRunAt } = looked;
  if (outbox !== undefined) yield gauge("userpipe_outbox_records", "Records that wait in the outbox.", one(outbox));
  if (deadLetters !== undefined) yield gauge("userpipe_dead_letters", "Dead letters that wait.", one(deadLetters));
  if (nextRunAt !== undefined) {
    const help = "When the schedule runs next, in seconds since the epoch.";
    yield gauge("userpipe_schedule_next_run_timestamp_seconds", help, one(nextRunAt / 1000));
  }
}

/** From 0.25 ms to 16 s, and from 1 ms to three days, each bound twice the one before. */
const WRITE_BOUNDS_MS = powersOfTwo(-2, 14);
const FRESHNESS_BOUNDS_MS = powersOfTwo(0, 28);

function powersOfTwo(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, n) => 2 ** (first + n));
}

function one(value: number): Value[] {
  return [{ labels: {}, value }];
}

function counter(name: string, help: string, values: Value[]): Metric {
  return { name, help, type: "counter", values, aggregator: "first" };
}

function gauge(name: string, help: string, values: Value[]): Metric {
  return { name, help, type: "gauge", values, aggregator: "first" };
}

function histogram(
  name: string,
  help: string,
  boundsMs: readonly number[],
  series: readonly [labels: Record<string, string>, durations: Durations][],
): Metric {
  const values = series.flatMap(([labels, durations]): Value[] => [
    ...boundsMs.map((ms) => ({
      metricName: `${name}_bucket`,
      labels: { le: ms / 1000, ...labels },
      value: durations.upTo(ms),
    })),
    { metricName: `${name}_bucket`, labels: { le: "+Inf", ...labels }, value: durations.count },
    { metricName: `${name}_sum`, labels, value: durations.sum / 1000 },
    { metricName: `${name}_count`, labels, value: durations.count },
  ]);
  return { name, help, type: "histogram", values, aggregator: "first" };
}
