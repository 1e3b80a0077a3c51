/** The generator as a source: records of the pipeline's own making, where no server and no file is wanted. */
import type { Pipeline } from "../pipeline.ts";
import type { Source } from "./source.ts";

export interface GeneratedSourceOptions {
  pipeline: Pipeline;
  seed: string;
  /** Records wanted in all. */
  count: number;
  /** Records of a page; by default as many as the source gives in one answer. */
  pageSize?: number;
}

export function openGeneratedSource(options: GeneratedSourceOptions): Source {
  const { pipeline, seed, count, pageSize = pipeline.maxResults } = options;
  return {
    name: "the generator",
    check: async () => ({ component: "source", ok: true, detail: "the generator needs nothing" }),
    async *pages(signal?: AbortSignal) {
      for (let from = 0; from < count && !signal?.aborted; from += pageSize) {
        const length = Math.min(pageSize, count - from);
        // Made anew where they are gone through again: to keep them costs more than to make them.
        const records = { length, [Symbol.iterator]: () => pipeline.generate(seed, length, from)[Symbol.iterator]() };
        yield { records, unreadable: [], number: from / pageSize + 1, seed, fetchedAt: Date.now(), bytes: 0 };
      }
    },
    close: async () => {},
  };
}
