/**
 * A way to a Cassandra that knows CQL's frames (native protocol 4): what becomes of each write is decided here. For one
 * node: to its clients the proxy is that node.
 */

/** What becomes of a write. */
export type Verdict =
  | "pass"
  /** Half of it goes on, and then the connection is gone. */
  | "cut"
  /** It is answered that the node has too much to do, and goes nowhere. */
  | "overloaded"
  /** It is carried out, and answered that it timed out. */
  | "timed out";

export interface CqlProxy extends AsyncDisposable {
  /** `host:port` to name as the contact point. */
  readonly address: string;
  /** How many writes were seen, and how many got each verdict. */
  readonly writes: number;
  readonly verdicts: Readonly<Record<Verdict, number>>;
}

const OPCODE = { error: 0x00, result: 0x08, prepare: 0x09, execute: 0x0a };
const PREPARED = 4;
const ERROR_CODE = { overloaded: 0x1001, writeTimeout: 0x1100 };
const LOCAL_QUORUM = 6;
const HEADER_BYTES = 9;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @param judge is asked for each write, numbered from 0 */
export function cqlProxy(contactPoint: string, judge: (n: number) => Verdict): CqlProxy {
  const [hostname, port] = contactPoint.split(":");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const under = new Set<Promise<void>>();
  const open = new Set<Deno.Conn>();
  const verdicts: Record<Verdict, number> = { pass: 0, cut: 0, overloaded: 0, "timed out": 0 };
  let writes = 0;

  const carry = async (client: Deno.Conn) => {
    const server = await Deno.connect({ hostname, port: Number(port) });
    const statements = new Statements();
    /** Streams whose answer is to be a timeout. */
    const late = new Set<number>();
    const end = () => [client, server].forEach((each) => open.delete(each) && each.close());
    [client, server].forEach((each) => open.add(each));
    const up = eachFrame(client, async (frame) => {
      statements.asked(frame);
      const verdict = statements.isWrite(frame) ? judge(writes++) : undefined;
      if (verdict !== undefined) verdicts[verdict]++;
      if (verdict === "overloaded") return await send(client, errorFrame(frame, overloaded()));
      if (verdict === "timed out") late.add(streamOf(frame));
      if (verdict !== "cut") return await send(server, frame);
      await send(server, frame.subarray(0, frame.length >> 1));
      end();
    });
    const down = eachFrame(server, async (frame) => {
      statements.answered(frame);
      await send(client, late.delete(streamOf(frame)) ? errorFrame(frame, writeTimeout()) : frame);
    });
    await Promise.all([up.finally(end), down.finally(end)].map((way) => way.catch(() => {})));
  };
  const serving = (async () => {
    for await (const client of listener) {
      const one = carry(client).catch(() => client.close());
      under.add(one);
      one.finally(() => under.delete(one));
    }
  })();

  return {
    address: `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    get writes() {
      return writes;
    },
    verdicts,
    async [Symbol.asyncDispose]() {
      listener.close();
      open.forEach((each) => each.close());
      open.clear();
      await serving;
      await Promise.all(under);
    },
  };
}

/** Which statements of a connection write, by the ids that the node gave them. */
class Statements {
  readonly #preparing = new Set<number>();
  /** Ids are those of the node, the same on each connection. */
  static readonly #writing = new Set<string>();

  asked(frame: Uint8Array): void {
    if (frame[4] !== OPCODE.prepare) return;
    if (/INSERT|BATCH/.test(decoder.decode(frame.subarray(HEADER_BYTES)))) this.#preparing.add(streamOf(frame));
  }

  answered(frame: Uint8Array): void {
    if (!this.#preparing.delete(streamOf(frame)) || frame[4] !== OPCODE.result) return;
    const body = frame.subarray(HEADER_BYTES);
    if (viewOf(body).getInt32(0) === PREPARED) Statements.#writing.add(idIn(body, 4));
  }

  isWrite(frame: Uint8Array): boolean {
    return frame[4] === OPCODE.execute && Statements.#writing.has(idIn(frame, HEADER_BYTES));
  }
}

/** A `short bytes`, as text. */
function idIn(bytes: Uint8Array, at: number): string {
  const length = viewOf(bytes).getUint16(at);
  return bytes.subarray(at + 2, at + 2 + length).join();
}

function streamOf(frame: Uint8Array): number {
  return viewOf(frame).getInt16(2);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Hands over whole frames until the connection ends. */
async function eachFrame(from: Deno.Conn, work: (frame: Uint8Array) => Promise<void>): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  let held = new Uint8Array();
  for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
    const all = new Uint8Array(held.length + n);
    all.set(held);
    all.set(buffer.subarray(0, n), held.length);
    held = all;
    while (held.length >= HEADER_BYTES) {
      const length = HEADER_BYTES + viewOf(held).getInt32(5);
      if (held.length < length) break;
      const frame = held.slice(0, length);
      held = held.slice(length);
      await work(frame);
    }
  }
}

async function send(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

/** An error for the stream of `frame`. */
function errorFrame(frame: Uint8Array, body: Uint8Array): Uint8Array {
  const made = new Uint8Array(HEADER_BYTES + body.length);
  made.set([0x84, 0, frame[2]!, frame[3]!, OPCODE.error]);
  viewOf(made).setInt32(5, body.length);
  made.set(body, HEADER_BYTES);
  return made;
}

function overloaded(): Uint8Array {
  return Uint8Array.from([...int(ERROR_CODE.overloaded), ...text("Too much to do")]);
}

function writeTimeout(): Uint8Array {
  const [received, required] = [int(0), int(1)];
  const what = [
    ...text("Operation timed out"),
    ...short(LOCAL_QUORUM),
    ...received,
    ...required,
    ...text("UNLOGGED_BATCH"),
  ];
  return Uint8Array.from([...int(ERROR_CODE.writeTimeout), ...what]);
}

function int(value: number): number[] {
  return [value >> 24, value >> 16, value >> 8, value].map((byte) => byte & 255);
}

function short(value: number): number[] {
  return [value >> 8, value & 255];
}

function text(value: string): number[] {
  const bytes = encoder.encode(value);
  return [...short(bytes.length), ...bytes];
}
