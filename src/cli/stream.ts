/** `stream`: the worker thread that carries the topic into the table, and what of it is shown. */
import { EXIT } from "../errors.ts";
import { logger } from "../log.ts";
import { metrics } from "../metrics.ts";
import { StreamMeter } from "../stream/meter.ts";
import type { StreamStats } from "../stream/stats.ts";
import { superviseWorkers } from "../stream/workers.ts";
import { workerPermissions } from "../worker_permissions.ts";
import type { Context } from "./command.ts";
import { withDashboard } from "./dashboard.ts";
import { withLive } from "./live.ts";
import { counted, grouped, seconds, SEE_REFUSED, type Terminal } from "./terminal.ts";

const log = logger("stream");

/** Where there is no live line, a log line this often, in ms. */
const LOG_EVERY_MS = 10_000;

export async function stream(context: Context): Promise<number> {
  const { settings, terminal } = context;
  if (settings.from !== "committed") {
    terminal.note(`Beginning at ${fromText(settings.from)}. Started again with the same flag, it begins there again.`);
  }
  const started = performance.now();
  const work = () => withLive({ settings, command: "stream" }, () => carry(context));
  const stats = await withDashboard(context, { always: false }, work);
  return streamEnded(stats, performance.now() - started, terminal);
}

/** Carries until a limit or the first signal, with a live line on a terminal. */
export async function carry(context: Context): Promise<StreamStats> {
  const { settings, terminal, stop, abort } = context;
  const meter = metrics.stream = new StreamMeter();
  const rate = rateMeter();
  let logged = performance.now();
  let before = 0;
  const onStats = (stats: StreamStats) => {
    meter.told(stats);
    metrics.changed?.();
    const line = liveLine(stats, rate(stats.rows));
    terminal.show(line);
    const now = performance.now();
    if (!terminal.live && now - logged >= LOG_EVERY_MS && stats.rows > before) {
      log.info`${line}`;
      logged = now;
      before = stats.rows;
    }
  };
  try {
    const permissions = workerPermissions(settings);
    return await superviseWorkers({
      settings,
      permissions,
      log: context.log,
      live: terminal.live,
      stop,
      abort,
      onStats,
    });
  } finally {
    terminal.clear();
  }
}

function rateMeter(): (rows: number) => number {
  let last = { at: performance.now(), rows: 0 };
  return (rows) => {
    const at = performance.now();
    const rate = (rows - last.rows) / Math.max(0.001, (at - last.at) / 1000);
    last = { at, rows };
    return Math.round(rate);
  };
}

function liveLine({ rows, refused, lag, waiting }: StreamStats, rate: number): string {
  const line = `${grouped(rate)} rows/s · lag ${grouped(lag)} · ${grouped(rows)} written · ${grouped(refused)} refused`;
  return waiting === undefined ? line : `${line} · waiting: ${waiting.message}`;
}

/** Says what was carried in `ms`. @returns the exit code */
export function streamEnded({ rows, refused, oddKeys }: StreamStats, ms: number, terminal: Terminal): number {
  const odd = oddKeys === 0 ? "" : `, ${grouped(oddKeys)} of them without a key or under another's`;
  const rate = grouped(rows / Math.max(0.001, ms / 1000));
  terminal.print(`wrote ${counted(rows, "row")}${odd}, refused ${grouped(refused)} in ${seconds(ms)} (${rate} rows/s)`);
  if (refused === 0) return EXIT.done;
  terminal.note(SEE_REFUSED);
  return EXIT.found;
}

function fromText(from: "earliest" | "latest" | { timestamp: number }): string {
  return typeof from === "string" ? `the ${from} record` : new Date(from.timestamp).toISOString();
}
