/**
 * Logging: one category a component (`userpipe/broker`, `userpipe/stream`, …), configured once a thread.
 * Logs go to standard error, so that what a command prints can be piped.
 */
import { configure, getJsonLinesFormatter, getLogger, type Logger, type LogRecord } from "@logtape/logtape";
import { getPrettyFormatter } from "@logtape/pretty";

export type LogLevel = "debug" | "info" | "warning" | "error";
export type LogFormat = "pretty" | "json";

export interface LogOptions {
  level: LogLevel;
  format: LogFormat;
  colour: boolean;
  /** Called before a line is written, so that a live line on the terminal can make room. */
  beforeWrite?: () => void;
}

/** The logger of one component, for example `logger("broker")`. */
export function logger(component: string): Logger {
  return getLogger(["userpipe", component]);
}

/** Configures this thread's logs. Each worker configures its own. */
export async function configureLog(options: LogOptions): Promise<void> {
  const format = options.format === "json" ? getJsonLinesFormatter({ properties: "flatten" }) : getPrettyFormatter({
    timestamp: "time",
    icons: false,
    colors: options.colour,
    align: false,
    wordWrap: false,
    properties: true,
    categoryColor: null,
  });
  const encoder = new TextEncoder();
  await configure({
    reset: true,
    sinks: {
      stderr: (record: LogRecord) => {
        options.beforeWrite?.();
        Deno.stderr.writeSync(encoder.encode(format(withoutMessage(record))));
      },
    },
    loggers: [
      { category: ["userpipe"], lowestLevel: options.level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
}

/** A property `message`, flattened, would take the place of the line; what it says is in the line already. */
function withoutMessage(record: LogRecord): LogRecord {
  const { message: _, ...properties } = record.properties;
  return { ...record, properties };
}

/** Makes room for a log line where a live line is on the terminal. */
export function clearLine(): void {
  Deno.stderr.writeSync(CLEAR_LINE);
}

const CLEAR_LINE = new TextEncoder().encode("\r\x1b[K");
