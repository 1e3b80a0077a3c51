/**
 * Logging: one category a component (`userpipe/broker`, `userpipe/stream`, …), configured once a thread.
 * Logs go to standard error, so that what a command prints can be piped.
 */
import { configure, getJsonLinesFormatter, getLogger, type Logger, type LogRecord } from "@logtape/logtape";
import { getPrettyFormatter } from "@logtape/pretty";
import { AsyncLocalStorage } from "node:async_hooks";
import { messageOf } from "./errors.ts";
import { shown } from "./shown.ts";

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

/** Takes a line that was logged. */
export type Collector = (level: LogLevel, text: string) => void;

const collector = new AsyncLocalStorage<Collector>();

/** Gives what `work` logs to `to` as well, as sentences without a time. */
export function collectLog<T>(to: Collector, work: () => Promise<T>): Promise<T> {
  return collector.run(to, work);
}

/** Configures this thread's logs. Each worker configures its own. */
export async function configureLog(options: LogOptions): Promise<void> {
  const format = options.format === "json" ? getJsonLinesFormatter({ properties: "flatten" }) : getPrettyFormatter({
    timestamp: "time",
    icons: false,
    colors: options.colour,
    align: false,
    wordWrap: false,
    properties: false,
    categoryColor: null,
  });
  const shaped = options.format === "json" ? forPrograms : forPeople;
  const encoder = new TextEncoder();
  await configure({
    reset: true,
    sinks: {
      stderr: (record: LogRecord) => {
        collector.getStore()?.(levelOf(record), textOf(record));
        options.beforeWrite?.();
        Deno.stderr.writeSync(encoder.encode(format(shaped(record))));
      },
    },
    loggers: [
      { category: ["userpipe"], lowestLevel: options.level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
}

/**
 * One sentence, and behind it in brackets the properties that it does not name; the stack of an error below it.
 * Values are data: what could steer a terminal is escaped.
 */
function forPeople(record: LogRecord): LogRecord {
  return { ...record, message: [textOf(record)], properties: {} };
}

function levelOf({ level }: LogRecord): LogLevel {
  if (level === "trace") return "debug";
  return level === "fatal" ? "error" : level;
}

function textOf(record: LogRecord): string {
  const properties = Object.entries(record.properties);
  const unnamed = properties.filter(([name]) => !named(record, name));
  const also = unnamed.map(([name, value]) => `${name} ${plain(value)}`).join(", ");
  const stacks = properties.flatMap(([, value]) => value instanceof Error ? (value.stack ?? "").split("\n") : []);
  const sentence = also === "" ? sentenceOf(record) : `${sentenceOf(record)} (${also})`;
  return [sentence, ...stacks].map(shown).join("\n");
}

/** The sentence, and every property as a field. */
function forPrograms(record: LogRecord): LogRecord {
  // Flattened, a property `message` would take the place of the sentence, which has what it says.
  const { message: _, ...properties } = record.properties;
  return { ...record, message: [sentenceOf(record)], properties };
}

/** The formatters would put quotes around the values. */
function sentenceOf({ message }: LogRecord): string {
  return message.map((part, i) => i % 2 === 0 ? String(part) : plain(part)).join("");
}

function named({ rawMessage }: LogRecord, property: string): boolean {
  return typeof rawMessage === "string" && rawMessage.includes(`{${property}}`);
}

function plain(value: unknown): string {
  if (value instanceof Error) return messageOf(value);
  return typeof value === "object" && value !== null ? Deno.inspect(value, INLINE) : String(value);
}

const INLINE = { breakLength: Infinity, compact: true, colors: false };

/** A line for programs in the shape of the log's own, for what is said beside it. */
export function jsonLine(level: "INFO" | "ERROR", message: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ "@timestamp": new Date().toISOString(), level, message, logger: "userpipe.cli", ...more });
}

/** Makes room for a log line where a live line is on the terminal. */
export function clearLine(): void {
  Deno.stderr.writeSync(CLEAR_LINE);
}

const CLEAR_LINE = new TextEncoder().encode("\r\x1b[K");
