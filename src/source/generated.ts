/** The generator as a source: records of the pipeline's own making, where no server and no file is wanted. */
import type { Pipeline } from "../pipeline.ts";
import type { Source } from "./source.ts";

export interface GeneratedSourceOptions {
  pipeline: Pipeline;
  seed: string;
  /** Records wanted in all. */
  count: number;
  /** Records of a page; 1,000 by default. */
  pageSize?: number;
}

export function openGeneratedSource({ pipeline, seed, count, pageSize = 1_000 }: GeneratedSourceOptions): Source {
  return {
    name: "the generator",
    check: async () => ({ component: "source", ok: true, detail: "the generator needs nothing" }),
    async *pages(signal?: AbortSignal) {
      let records: unknown[] = [];
      let number = 0;
      const page = () => ({ records, unreadable: [], number: ++number, seed, fetchedAt: Date.now(), bytes: 0 });
      for (const record of pipeline.generate(seed, count)) {
        records.push(record);
        if (records.length < pageSize) continue;
        if (signal?.aborted) return;
        yield page();
        records = [];
      }
      if (records.length > 0 && !signal?.aborted) yield page();
    },
    close: async () => {},
  };
}
