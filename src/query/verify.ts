/**
 * Is it all there? Compares what is on the topic with the table and the dead letters, by id and content. Joins no group
 * and writes nothing.
 */
import type { Delivered } from "../broker/broker.ts";
import { type Checked, checkMessages } from "../stream/rows.ts";
import { textOf } from "./bytes.ts";
import { bucketOf } from "./verify_entries.ts";
import { Letters } from "./verify_letters.ts";
import { offsetsIn, type Range, type RangeOptions, rangesOf, readRange } from "./verify_read.ts";
import { type CompareOptions, compareRows } from "./verify_rows.ts";
import { Tally, type Verdict, verdictOf } from "./verify_verdict.ts";
import { Winners } from "./verify_winners.ts";

export interface VerifyOptions extends RangeOptions, CompareOptions {
  deadLetterTopic: string;
  onProgress?: (progress: VerifyProgress) => void;
  /** Ids that are held at once. */
  mostIds?: number;
}

export interface VerifyProgress {
  doing: "reading" | "comparing";
  /** Of `total` records or ids. */
  done: number;
  total: number;
}

/** About 90 bytes each. Where there may be more ids, the topic is read once for each share of them. */
const MOST_IDS = 1_500_000;
/** Ids are spread over the shares by hash: room for a share that is larger than the others. */
const FILLED = 0.9;

/**
 * @throws {UserpipeError} `topic-missing`, `store-missing`, `usage` (no position to compare up to), `query` (too many dead
 * letters), and what an end that is away throws; the signal's reason once it is aborted
 */
export async function verify(options: VerifyOptions): Promise<Verdict> {
  const { broker, store, topic, deadLetterTopic, signal, mostIds = MOST_IDS } = options;
  const checked = await store.check();
  if (!checked.ok) throw checked.error;
  // The positions before the dead letters: what was carried by then is in one of the two (I1).
  const ranges = await rangesOf(options);
  const letters = await Letters.read({ broker, topic: deadLetterTopic, of: topic, ranges, signal });
  const total = offsetsIn(ranges);
  const passes = Math.ceil(total / mostIds) <= 1 ? 1 : Math.ceil(total / (mostIds * FILLED));
  const capacity = passes === 1 ? total : mostIds;
  const tally = new Tally(ranges);
  for (let pass = 0; pass < passes; pass++) {
    const winners = new Winners(capacity, options.pipeline.table.columns);
    await new Pass(options, letters, tally, winners).read(ranges, pass, passes);
    await compareRows(options, winners, tally, (done) => {
      options.onProgress?.({ doing: "comparing", done, total: winners.entries.size });
    });
  }
  return verdictOf(tally, ranges, letters.removed);
}

/** One reading of the topic: which records count among the ids of one share. The first also counts those without a row. */
class Pass {
  readonly #options: VerifyOptions;
  readonly #letters: Letters;
  readonly #tally: Tally;
  readonly #winners: Winners;

  constructor(options: VerifyOptions, letters: Letters, tally: Tally, winners: Winners) {
    this.#options = options;
    this.#letters = letters;
    this.#tally = tally;
    this.#winners = winners;
  }

  async read(ranges: readonly Range[], pass: number, passes: number): Promise<void> {
    const { broker, topic, signal, onProgress } = this.#options;
    const total = offsetsIn(ranges);
    let [read, offered] = [0, 0];
    for (const range of ranges) {
      for await (const messages of readRange(broker, topic, range)) {
        signal.throwIfAborted();
        const checked = await this.#check(messages, pass === 0);
        for (let i = 0; i < checked.rows.length; i++) {
          if (passes > 1 && bucketOf(this.#winners.key(checked.rows[i]!), passes) !== pass) continue;
          this.#winners.offer(checked.rows[i]!, checked.messages[i]!);
          offered++;
        }
        read += messages.length;
        onProgress?.({ doing: "reading", done: read, total });
      }
    }
    if (pass === 0) this.#tally.records = read;
    this.#tally.superseded += offered - this.#winners.entries.size;
  }

  /** The rows that there should be. I3: a record without one has a dead letter. */
  async #check(messages: readonly Delivered[], count: boolean): Promise<Checked> {
    const { pipeline, topic } = this.#options;
    const living: Delivered[] = [];
    for (const message of messages) {
      if (this.#letters.fateOf(message) !== "dead") living.push(message);
      else if (count) await this.#countDead(message);
    }
    // The stream's own check: what it would refuse has to be in the dead letters.
    const checked = checkMessages(pipeline, topic, living, Date.now());
    if (count && checked.refused.length > 0) await this.#countRefused(living, checked);
    return checked;
  }

  async #countDead(message: Delivered): Promise<void> {
    await this.#tally.add("dead", message, async () => {
      return { id: keyOf(message), what: await this.#letters.reasonOf(message) };
    });
  }

  async #countRefused(living: readonly Delivered[], { messages, refused }: Checked): Promise<void> {
    let [row, letter] = [0, 0];
    for (const message of living) {
      if (message === messages[row]) {
        row++;
        continue;
      }
      const { reason } = refused[letter++]!;
      const fate = this.#letters.fateOf(message);
      // A row by another check than this one's.
      if (fate === "replayed") await this.#countDead(message);
      else if (fate === "none") {
        await this.#tally.add(
          "missing",
          message,
          () => ({ id: keyOf(message), what: `there is no dead letter: ${reason}` }),
        );
      } else {
        const what = `its dead letter has another value: ${reason}`;
        await this.#tally.add("different", message, () => ({ id: keyOf(message), what, columns: [] }));
      }
    }
  }
}

/** A key is as large as its writer likes. */
const SHOWN = 200;

function keyOf({ key }: Delivered): string | null {
  if (key === null) return null;
  const text = textOf(key);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}
