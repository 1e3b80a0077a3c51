/**
 * Sends the page its events. However many listen, the views are asked once a second, and not at all while nobody does;
 * whoever reads too slowly is cut off, and comes again.
 */
import { sleep } from "../backoff.ts";
import { UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";

const log = logger("dashboard");

const EVERY_MS = 1_000;
/** Where nothing new came in so long, the last way is sent again: the page takes silence for an end. */
const SILENCE_MS = 2_500;
/** Events that a listener has not read yet, in bytes. */
const MAX_QUEUED_BYTES = 512 * 1024;
const MOST_LISTENERS = 200;
/** Messages in one event. */
export const MOST_MESSAGES = 20;

/** A message as the view has it; of it the hub reads the place. */
export interface Placed {
  partition: number;
  offset: string;
}

/** What is asked for the events. */
export interface EventSources {
  way(): Promise<unknown>;
  /** The runs as the page shows them: where they are others than before, the page is told to look. */
  runs(): Promise<unknown>;
  /** The newest messages of the topic, {@linkcode MOST_MESSAGES} at the most, in the order of their time. */
  messages(): Promise<Placed[]>;
}

interface Listener {
  controller: ReadableStreamDefaultController<Uint8Array>;
  messages: boolean;
  /** Whether it may go on. */
  isWelcome: () => boolean;
}

const encoder = new TextEncoder();
const encoded = (event: string, data: unknown) => encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);

export class Hub {
  readonly #sources: EventSources;
  readonly #stop: AbortSignal;
  readonly #listeners = new Set<Listener>();
  #running = false;
  #lastWay: Uint8Array | undefined;
  #sentAt = 0;
  #lastRuns: string | undefined;
  /** By partition, the offset behind the last message that was sent. */
  readonly #seen = new Map<number, bigint>();
  /** What could not be asked last time, so that it is told once. */
  readonly #failing = new Set<string>();

  /** @param stop ends all streams */
  constructor(sources: EventSources, stop: AbortSignal) {
    this.#sources = sources;
    this.#stop = stop;
    stop.addEventListener("abort", () => this.#end(), { once: true });
  }

  /**
   * The stream of one more listener, or null where there are too many.
   * @param options.isWelcome asked once a second: one that is not is cut off
   */
  listen({ messages, isWelcome }: Omit<Listener, "controller">): ReadableStream<Uint8Array> | null {
    if (this.#listeners.size >= MOST_LISTENERS || this.#stop.aborted) return null;
    let listener: Listener;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        listener = { controller, messages, isWelcome };
        this.#listeners.add(listener);
        this.#send(listener, encoder.encode("retry: 1000\n\n"));
        if (this.#running && this.#lastWay !== undefined) this.#send(listener, this.#lastWay);
        this.#run();
      },
      cancel: () => void this.#listeners.delete(listener),
    }, new ByteLengthQueuingStrategy({ highWaterMark: MAX_QUEUED_BYTES }));
  }

  /** Somebody is about to listen: the views are asked once, so that they need not be waited for then. */
  expect(): void {
    if (!this.#stop.aborted) this.#run();
  }

  /** Once, and for as long as somebody listens. */
  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const heartbeat = setInterval(() => this.#beat(), EVERY_MS);
    do {
      const began = performance.now();
      await this.#tick();
      await sleep(EVERY_MS - (performance.now() - began), this.#stop);
    } while (this.#listeners.size > 0 && !this.#stop.aborted);
    clearInterval(heartbeat);
    this.#lastWay = this.#lastRuns = undefined;
    this.#seen.clear();
    this.#running = false;
  }

  async #tick(): Promise<void> {
    for (const listener of this.#listeners) if (!listener.isWelcome()) this.#cut(listener);
    const wanted = [...this.#listeners].some(({ messages }) => messages);
    await Promise.all([
      this.#ask("way", async () => this.#tellWay(encoded("way", await this.#sources.way()))),
      this.#ask("runs", async () => this.#tellRuns(JSON.stringify(await this.#sources.runs()))),
      wanted
        ? this.#ask("messages", async () => this.#tellMessages(await this.#sources.messages()))
        : this.#seen.clear(),
    ]);
  }

  /** A view that fails takes down neither the others nor the process. */
  async #ask(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#failing.delete(what);
    } catch (error) {
      // An end that is away or not made yet is told by the page itself.
      const level = error instanceof UserpipeError ? "debug" : "error";
      if (!this.#failing.has(what)) log[level]("The page's {what} cannot be told: {error}", { what, error });
      this.#failing.add(what);
    }
  }

  #tellWay(way: Uint8Array): void {
    this.#lastWay = way;
    this.#sendAll(way);
  }

  #tellRuns(runs: string): void {
    const others = this.#lastRuns !== undefined && this.#lastRuns !== runs;
    this.#lastRuns = runs;
    if (others) this.#sendAll(encoded("runs", {}));
  }

  #tellMessages(newest: Placed[]): void {
    const ends = new Map<number, bigint>();
    for (const { partition, offset } of newest) {
      const end = BigInt(offset) + 1n;
      if (end > (ends.get(partition) ?? 0n)) ends.set(partition, end);
    }
    const isNew = ({ partition, offset }: Placed) => {
      const seen = this.#seen.get(partition) ?? 0n;
      // A partition that ends before what was sent is that of a topic which was made again.
      return BigInt(offset) >= seen || ends.get(partition)! < seen;
    };
    const messages = newest.filter(isNew);
    for (const [partition, end] of ends) this.#seen.set(partition, end);
    if (messages.length > 0) this.#sendAll(encoded("messages", { messages }), (listener) => listener.messages);
  }

  #beat(): void {
    if (this.#lastWay !== undefined && performance.now() - this.#sentAt >= SILENCE_MS) this.#sendAll(this.#lastWay);
  }

  #sendAll(bytes: Uint8Array, to: (listener: Listener) => boolean = () => true): void {
    this.#sentAt = performance.now();
    for (const listener of this.#listeners) if (to(listener)) this.#send(listener, bytes);
  }

  #send(listener: Listener, bytes: Uint8Array): void {
    const { controller } = listener;
    if ((controller.desiredSize ?? 0) < bytes.length) this.#cut(listener);
    else controller.enqueue(bytes);
  }

  /** What it has not read yet is given up, and its memory with it. */
  #cut(listener: Listener): void {
    this.#listeners.delete(listener);
    listener.controller.error(new DOMException("The listener is cut off", "AbortError"));
  }

  #end(): void {
    for (const { controller } of this.#listeners) if (controller.desiredSize !== null) controller.close();
    this.#listeners.clear();
  }
}
