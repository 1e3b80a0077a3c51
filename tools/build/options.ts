/** What the executable is made of and what it may do, however it is built. */
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };

export const VERSION: string = config.version;

/** The project's folder. */
export const ROOT = join(import.meta.dirname!, "../..");
export const MAIN = "main.ts";
/** Started by its URL, so no import leads to it. */
export const WORKER = "src/stream/worker.ts";

/** No programs, no libraries. Of the last, the first three are what the Cassandra driver reports to servers that ask. */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys=hostname,osRelease,cpus,statfs,uid",
];

/**
 * In MiB, a thread. 300,000 records from Kafka to Cassandra take 150 MB with both and 200 MB without a limit of the old
 * space, which makes V8 look at the memory outside its heap too, for two fifths more CPU. A young generation of 4 MiB takes
 * 5 MB more and is no faster. Of code that ran in no call since the last full collection V8 keeps only the text, which is 5 MB
 * of an idle process: it compiles it again where it is called.
 */
const V8_FLAGS = [
  "--max-semi-space-size=2",
  "--max-old-space-size=512",
  "--no-flush-code-based-on-time",
  "--bytecode-old-age=1",
];

/** The flags that are baked into a compiled executable, where deno.json's unstable features are already. */
export const COMPILED_FLAGS = [...PERMISSIONS, `--v8-flags=${V8_FLAGS.join(",")}`];

/** The flags of a self-extracting executable: all that it runs is in its own folder. */
export const RUN_FLAGS = [
  "--no-config",
  "--no-remote",
  "--no-npm",
  "--cached-only",
  ...config.unstable.map((feature) => `--unstable-${feature}`),
  ...COMPILED_FLAGS,
];
