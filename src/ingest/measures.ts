/** What a process that makes runs measures of them, since its start: for its live figures and for `/metrics`. Nothing once a record. */
import { Durations } from "../durations.ts";
import type { IngestFigures } from "../live.ts";
import { RUN_STATES, type RunState } from "../runs/runs.ts";
import { timeText } from "./wording.ts";

export class IngestMeasures {
  readonly publishMs = new Durations();
  readonly #runs = Object.fromEntries(RUN_STATES.map((state) => [state, 0])) as Record<RunState, number>;
  readonly #counts = { fetched: 0, published: 0, outbox: 0, refused: 0, bytes: 0 };
  /** Runs that wait for what a server allows. */
  #held = 0;
  /** Whether this process leads the schedule, once that is known. */
  #leads: boolean | undefined;
  #pausedAt: number | null = null;
  readonly #changed: () => void;

  /** @param changed called when a run begins, is left out or waits, and when the schedule's state is another */
  constructor(changed: () => void = () => {}) {
    this.#changed = changed;
  }

  /** A page has come. */
  fetched(records: number, bytes: number): void {
    this.#counts.fetched += records;
    this.#counts.bytes += bytes;
  }

  /** A page is durable: so many of its records on the broker and in the outbox. */
  published(ms: number, { broker, outbox }: { broker: number; outbox: number }): void {
    this.publishMs.add(ms);
    this.#counts.published += broker;
    this.#counts.outbox += outbox;
  }

  refused(records: number): void {
    this.#counts.refused += records;
  }

  /** A run is under way. */
  began(): void {
    this.#runs.running++;
    this.#changed();
  }

  /** It is not any more. @param state undefined where that could not be recorded */
  ended(state: RunState | undefined): void {
    this.#runs.running--;
    if (state !== undefined) this.#runs[state]++;
  }

  /** A time of the schedule came to no run. */
  leftOut(state: "skipped" | "missed"): void {
    this.#runs[state]++;
    this.#changed();
  }

  /** A run begins to wait for what a server allows, or goes on. */
  holds(waits: boolean): void {
    this.#held += waits ? 1 : -1;
    this.#changed();
  }

  leads(leads: boolean): void {
    if (leads === this.#leads) return;
    this.#leads = leads;
    this.#changed();
  }

  /** @param at since when the schedule is paused; null where it is not */
  pausedAt(at: number | null): void {
    if (at === this.#pausedAt) return;
    this.#pausedAt = at;
    this.#changed();
  }

  figures(): IngestFigures {
    return { runs: { ...this.#runs }, ...this.#counts, publishMs: this.publishMs.quantiles(), ...this.#state() };
  }

  #state(): Pick<IngestFigures, "state" | "why"> {
    if (this.#held > 0) return { state: "running", why: "it waits until the source's server allows more" };
    if (this.#runs.running > 0) return { state: "running" };
    if (this.#pausedAt !== null) return { state: "paused", why: `since ${timeText(this.#pausedAt)}` };
    if (this.#leads === false) return { state: "waiting", why: "another process makes the runs of the schedule" };
    return { state: "waiting" };
  }
}
