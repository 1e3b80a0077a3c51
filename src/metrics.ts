/**
 * What this process counts of itself, in memory: its live figures and `/metrics` are both made from it. What turns it into
 * Prometheus's text is loaded when that is first asked for.
 */
import type { IngestMeasures } from "./ingest/measures.ts";
import type { StreamMeter } from "./stream/meter.ts";

/** The moves of this process; one that it does not make is not there. */
export interface Metrics {
  ingest?: IngestMeasures;
  stream?: StreamMeter;
  /** Called when one of them has something new to say, also behind a while in which nothing happened. */
  changed?: () => void;
}

/** Those of this process. Whoever makes a move puts its own there. */
export const metrics: Metrics = {};

/** What is looked up elsewhere for `/metrics`; what is left out is not shown. */
export interface Looked {
  /** Records that wait in the outbox. */
  outbox?: number;
  /** Dead letters that wait. */
  deadLetters?: number;
  /** When the schedule runs next, in ms since the epoch. */
  nextRunAt?: number;
  /** Where the stream is another process's: how many records behind its group is, by partition. */
  lag?: readonly { partition: number; lag: number }[];
}

/** The type of content of {@linkcode metricsText}. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The metrics in Prometheus's text format. */
export async function metricsText(looked: Looked = {}, of: Metrics = metrics): Promise<string> {
  const { textOf } = await import("./metrics_text.ts");
  return await textOf(of, looked);
}
