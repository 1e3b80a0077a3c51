/**
 * A lane to one node, on which batches of rows are written: a connection that the driver makes and hands over, with a
 * bounded number of batches under way. Per row, the driver's own requests cost three times as much.
 */
import { errors } from "cassandra-driver";
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { socketError } from "./cassandra_errors.ts";
import {
  type Answer,
  Answers,
  errorOf,
  executeBytes,
  type Execution,
  isUnprepared,
  optionsFrame,
  preparedId,
  prepareFrame,
  writeExecute,
} from "./cassandra_frames.ts";

/** One batch. */
export interface Parcel extends Execution {
  statement: string;
  /** Called once; `error` is what the driver would throw, and none where the batch is written. */
  done(error?: unknown): void;
}

export interface LaneOptions {
  /** For messages. */
  address: string;
  /** Connects and logs in. */
  open(): Promise<Socket>;
  /** Called when the connection broke or could not be made. */
  lost(): void;
  consistency: number;
  /** Values of one row. */
  values: number;
  /** Parcels under way; the others wait. */
  maxInFlight: number;
}

/** How long an answer may take; Cassandra's own limits are 2 to 10 s. */
const ANSWER_MS = 12_000;
/** How long a lane may be silent before it is tried: some networks forget a connection without a word. */
const IDLE_MS = 30_000;
const LOOK_MS = 2_000;
const OUT_BYTES = 128 * 1024;
/** Bytes under way; one parcel may exceed it alone. What takes longer than an answer may on a slow way would be sent for ever. */
const UNDER_WAY_BYTES = 2 * 1024 * 1024;
const SPARE_BUFFERS = 4;

/** What is under way on one stream of the connection. */
interface Pending {
  sentAt: number;
  settle(answer: Answer): void;
  fail(error: unknown): void;
}

export class Lane {
  readonly #options: LaneOptions;
  #state: "closed" | "opening" | "open" = "closed";
  #ended = false;
  #socket: Socket | undefined;
  #answers = new Answers();
  #queue: Parcel[] = [];
  /** By stream; the oldest first. */
  #pending = new Map<number, Pending>();
  /** Of the parcels in it. */
  #underWay = 0;
  #free: number[] = [];
  #ids = new Map<string, Buffer>();
  #preparing = false;
  /** Buffers that were sent: what is made anew for each time costs more to collect. None are kept while it rests. */
  readonly #spare: Buffer[] = [];
  #watch: ReturnType<typeof setTimeout> | undefined;
  /** Nothing is under way, and the next look is far off. */
  #resting = false;
  #heardAt = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Sends the parcels in turn. */
  send(parcels: readonly Parcel[]): void {
    for (const parcel of parcels) this.#queue.push(parcel);
    if (this.#ended) this.#lost(closed());
    else if (this.#state === "open") this.#pump();
    else if (this.#state === "closed") this.#open();
  }

  /** Ends the connection; what is under way fails. */
  close(): void {
    this.#ended = true;
    this.#lost(closed());
  }

  async #open(): Promise<void> {
    this.#state = "opening";
    try {
      const socket = await this.#options.open();
      if (this.#ended) socket.destroy();
      else this.#start(socket);
    } catch (error) {
      this.#lost(error instanceof errors.AuthenticationError ? error : socketError("Cannot connect", error));
    }
  }

  #start(socket: Socket): void {
    this.#state = "open";
    this.#socket = socket;
    this.#answers = new Answers();
    this.#ids.clear();
    this.#preparing = false;
    // One more than parcels may be under way: for a statement to prepare.
    this.#free = Array.from({ length: this.#options.maxInFlight + 1 }, (_, stream) => stream);
    this.#heardAt = Date.now();
    this.#lookIn(LOOK_MS);
    const lost = (error?: unknown) => this.#socket === socket && this.#lost(socketError("Socket was closed", error));
    socket.on("error", lost);
    socket.on("close", () => lost());
    socket.on("data", (chunk: Buffer) => this.#socket === socket && this.#heard(chunk));
    socket.resume();
    this.#pump();
  }

  /** Everything that waits or is under way fails; the next parcel opens the lane anew. */
  #lost(error: unknown): void {
    clearTimeout(this.#watch);
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#state = "closed";
    this.#options.lost();
    const [pending, queue] = [[...this.#pending.values()], this.#queue];
    this.#pending.clear();
    this.#underWay = 0;
    this.#queue = [];
    for (const { fail } of pending) fail(error);
    for (const { done } of queue) done(error);
  }

  #look(): void {
    const [oldest] = this.#pending.values();
    const now = Date.now();
    if (oldest !== undefined && now - oldest.sentAt > ANSWER_MS) {
      const late = new errors.OperationTimedOutError(`No answer in ${ANSWER_MS} ms`, this.#options.address);
      return this.#lost(late);
    }
    const restMs = this.#heardAt + IDLE_MS - now;
    this.#resting = oldest === undefined && restMs > LOOK_MS;
    if (this.#resting) this.#spare.length = 0;
    this.#lookIn(this.#resting ? restMs : LOOK_MS);
    if (oldest === undefined && restMs <= 0) {
      this.#ask((stream) => optionsFrame(stream), { settle: () => {}, fail: () => {} });
    }
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#look(), ms);
  }

  /** Something is under way again. */
  #wake(): void {
    if (!this.#resting) return;
    this.#resting = false;
    this.#lookIn(LOOK_MS);
  }

  #ask(frame: (stream: number) => Buffer, { settle, fail }: Omit<Pending, "sentAt">): void {
    this.#wake();
    const stream = this.#free.pop()!;
    this.#pending.set(stream, { sentAt: Date.now(), settle, fail });
    this.#socket!.write(frame(stream));
  }

  #heard(chunk: Buffer): void {
    this.#heardAt = Date.now();
    for (const answer of this.#answers.take(chunk)) {
      const pending = this.#pending.get(answer.stream);
      if (pending === undefined) continue;
      this.#pending.delete(answer.stream);
      this.#free.push(answer.stream);
      pending.settle(answer);
    }
    if (this.#state === "open") this.#pump();
  }

  /** Sends what there is room for, in one piece. */
  #pump(): void {
    const { consistency, values } = this.#options;
    const parcels: { parcel: Parcel; id: Buffer; size: number }[] = [];
    let bytes = 0;
    // One stream is kept for a statement to prepare.
    while (parcels.length < this.#free.length - 1 && parcels.length < this.#queue.length) {
      const parcel = this.#queue[parcels.length]!;
      const id = this.#ids.get(parcel.statement);
      if (id === undefined) {
        this.#prepare(parcel.statement);
        break;
      }
      const size = executeBytes(id, parcel);
      if (this.#underWay > 0 && this.#underWay + size > UNDER_WAY_BYTES) break;
      this.#underWay += size;
      bytes += size;
      parcels.push({ parcel, id, size });
    }
    if (parcels.length === 0) return;
    this.#wake();
    this.#queue.splice(0, parcels.length);
    const spare = bytes > OUT_BYTES ? undefined : this.#spare.pop() ?? Buffer.allocUnsafeSlow(OUT_BYTES);
    const out = spare ?? Buffer.allocUnsafeSlow(bytes);
    const sentAt = Date.now();
    let at = 0;
    for (const { parcel, id, size } of parcels) {
      const stream = this.#free.pop()!;
      at = writeExecute(out, at, stream, id, consistency, values, parcel);
      const settle = (answer: Answer) => {
        this.#underWay -= size;
        this.#settle(parcel, answer);
      };
      this.#pending.set(stream, { sentAt, settle, fail: parcel.done });
    }
    this.#socket!.write(out.subarray(0, at), () => {
      if (spare !== undefined && this.#spare.length < SPARE_BUFFERS) this.#spare.push(spare);
    });
  }

  #settle(parcel: Parcel, answer: Answer): void {
    const error = errorOf(answer);
    if (error === undefined || !isUnprepared(error)) return parcel.done(error);
    this.#ids.delete(parcel.statement);
    this.#queue.unshift(parcel);
  }

  /** What waits behind the statement waits on: its size is most likely the same. */
  #prepare(statement: string): void {
    if (this.#preparing) return;
    this.#preparing = true;
    this.#ask((stream) => prepareFrame(stream, statement), {
      fail: () => {},
      settle: (answer) => {
        this.#preparing = false;
        const error = errorOf(answer);
        if (error === undefined) return void this.#ids.set(statement, preparedId(answer));
        const refused = this.#queue.filter((parcel) => parcel.statement === statement);
        this.#queue = this.#queue.filter((parcel) => parcel.statement !== statement);
        for (const { done } of refused) done(error);
      },
    });
  }
}

const closed = (): Error => socketError("The lane was closed");
