/**
 * The file source: records in recorded answers of the API, in arrays or in lines of JSON, from a file or standard
 * input. Lines are streamed, so that a file may be larger than memory.
 */
import { type Check, UserpipeError } from "../errors.ts";
import type { Pipeline } from "../pipeline.ts";
import { type Found, recordsIn } from "./file_format.ts";
import { chunksOf, type Input, openFile } from "./file_input.ts";
import type { Page, Source } from "./source.ts";

export interface FileSourceOptions {
  /** `-` is standard input. */
  path: string;
  pipeline: Pipeline;
  /** Records of a page; 1,000 by default. */
  pageSize?: number;
  /** The most that is held at once: a line, or a document that is not in lines; 64 MiB by default. */
  maxBytes?: number;
  /** What `-` stands for, where it is not the process's own. */
  stdin?: Input;
}

const PAGE_SIZE = 1_000;
const MAX_BYTES = 64 * 1024 * 1024;
/** A page is given before it is full once it comes from so many bytes. */
const PAGE_BYTES = 8 * 1024 * 1024;

/** Opens nothing yet. */
export function openFileSource(options: FileSourceOptions): Source {
  const { path, pipeline, pageSize = PAGE_SIZE, maxBytes = MAX_BYTES, stdin = Deno.stdin } = options;
  const isStdin = path === "-";
  const name = isStdin ? "standard input" : path;
  const quoted = isStdin ? "Standard input" : `"${path}"`;
  return {
    name,
    async check(): Promise<Check> {
      try {
        if (!isStdin) (await openFile(path)).close();
        return { component: "source", ok: true, detail: `${name} can be read` };
      } catch (error) {
        if (!(error instanceof UserpipeError)) throw error;
        return { component: "source", ok: false, error };
      }
    },
    async *pages(signal?: AbortSignal) {
      const file = isStdin ? undefined : await openFile(path);
      try {
        const chunks = chunksOf(file ?? stdin, quoted, signal);
        for await (const page of paged(recordsIn(chunks, { pipeline, name: quoted, maxBytes }), pageSize)) {
          if (signal?.aborted) return;
          yield page;
        }
      } catch (error) {
        // What was cut short is not what is in the file.
        if (!signal?.aborted) throw error;
      } finally {
        file?.close();
      }
    },
    close: async () => {},
  };
}

/** Pages of at most `pageSize` records and places without one. */
async function* paged(parts: AsyncIterable<Found[]>, pageSize: number): AsyncGenerator<Page> {
  let number = 0;
  let page = empty();
  const size = () => page.records.length + page.unreadable.length;
  const done = (): Page => {
    const whole = { ...page, number: ++number, fetchedAt: Date.now() };
    page = empty();
    return whole;
  };
  for await (const found of parts) {
    for (const one of found) {
      page.bytes += one.size;
      if ("records" in one) {
        for (const record of one.records) {
          page.records.push(record);
          if (size() >= pageSize) yield done();
        }
      } else {
        page.unreadable.push({ bytes: one.bytes, reason: `line ${one.line}: ${one.problem}` });
      }
      if (size() >= pageSize || page.bytes >= PAGE_BYTES) yield done();
    }
  }
  if (size() > 0) yield done();
}

function empty(): Omit<Page, "records" | "number" | "fetchedAt"> & { records: unknown[] } {
  return { records: [], unreadable: [], bytes: 0 };
}
