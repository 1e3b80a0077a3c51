/** Asks what listens at an address a first question, below any driver: whether it takes connections, speaks TLS as is wanted, and what it answers. */
import { Buffer } from "node:buffer";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { sleep } from "./backoff.ts";
import { withoutBrackets } from "./loopback.ts";
import { EXPIRED, NOT_TAKEN, NOT_YET_VALID, SILENT_IN_TLS, SPEAKS_TLS, type Tls, tlsOptions } from "./tls.ts";

export interface Question {
  /** Sent at once. */
  hello: Uint8Array;
  /** Bytes of the answer that are wanted; less where the other end says no more. */
  bytes: number;
  /** Undefined: in plain. */
  tls: Tls | undefined;
  /** For the connection. */
  limitMs: number;
}

/** How far a question came. */
export type Stage = "connect" | "answer";

/** Why there is no answer; the cause is the system's or the handshake's error. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  /** `connect`: nothing takes connections there; `answer`: something does. */
  readonly stage: Stage;

  constructor(stage: Stage, message: string, cause?: unknown) {
    super(message, { cause });
    this.stage = stage;
  }
}

/** For an answer, or for TLS's greeting alone. */
const ANSWER_MS = 2_000;
/** For one by TLS, the handshake before it included. */
const TLS_ANSWER_MS = 4_000;
/** Who has not answered by then is asked in TLS as well. */
const SILENT_MS = 700;

/** The kind of record with which TLS ends a connection. */
const TLS_ALERT = 0x15;
const TLS_MAJOR = 3;

/**
 * @param address `host:port`
 * @returns the first bytes of the answer
 * @throws {NoAnswer}
 */
export async function ask(address: string, question: Question): Promise<Buffer> {
  if (question.tls !== undefined) {
    try {
      return await exchange(address, question, tlsOptions(question.tls));
    } catch (error) {
      throw NOT_TAKEN.has(codeOf(error)) ? await ofDates(address, question) ?? error : error;
    }
  }
  const asked = exchange(address, question).catch((error: NoAnswer) => error);
  const heard = new AbortController();
  const early = await Promise.race([asked, sleep(SILENT_MS, heard.signal)]);
  heard.abort();
  if (early instanceof NoAnswer && early.stage === "connect") throw early;
  if (early instanceof Buffer && !isTlsAlert(early)) return early;
  // Who hangs up on the question, or waits for more, may be one who wants to hear TLS's hello.
  const [plain, tls] = await Promise.all([asked, early instanceof Buffer || speaksTls(address, question)]);
  if (tls) throw new NoAnswer("answer", SPEAKS_TLS);
  if (plain instanceof NoAnswer) throw plain;
  return plain;
}

/** Whether bytes from another end are the end of a conversation in TLS that was begun in plain. */
export function isTlsAlert(bytes: Uint8Array): boolean {
  return bytes[0] === TLS_ALERT && bytes[1] === TLS_MAJOR;
}

/** Whether it is for its dates that a certificate is not taken. */
async function ofDates(address: string, question: Question): Promise<NoAnswer | undefined> {
  let dates: { valid_from: string; valid_to: string } | undefined;
  try {
    await greet(address, question, (socket) => dates = socket.getPeerCertificate());
  } catch {
    // What is known already is said.
  }
  if (dates === undefined) return undefined;
  if (Date.parse(dates.valid_to) < Date.now()) return new NoAnswer("answer", EXPIRED);
  if (Date.parse(dates.valid_from) > Date.now()) return new NoAnswer("answer", NOT_YET_VALID);
}

const codeOf = (error: unknown) => ((error as Error).cause as { code?: string } | undefined)?.code;

/** A handshake in TLS with whoever it is, and nothing behind it. */
function greet(address: string, question: Question, met?: (socket: TLSSocket) => void): Promise<unknown> {
  // Nothing of ours is shown to it.
  const serverName = question.tls?.serverName;
  const nothing = { ...question, hello: new Uint8Array(), bytes: 0 };
  return exchange(address, nothing, { ...tlsOptions({ serverName }), rejectUnauthorized: false }, met);
}

async function speaksTls(address: string, question: Question): Promise<boolean> {
  try {
    await greet(address, question);
    return true;
  } catch (error) {
    return /fatal alert/.test(String((error as NoAnswer).cause ?? ""));
  }
}

function exchange(
  address: string,
  question: Question,
  secure?: ReturnType<typeof tlsOptions>,
  met?: (socket: TLSSocket) => void,
): Promise<Buffer> {
  const { hello, bytes, limitMs } = question;
  const colon = address.lastIndexOf(":");
  const host = withoutBrackets(address.slice(0, colon));
  const port = Number(address.slice(colon + 1));
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let stage: Stage = "connect";
  let heard = Buffer.alloc(0);
  let silent = secure === undefined ? "timed out" : SILENT_IN_TLS;
  const connected = () => {
    stage = "answer";
    silent = "timed out";
    if (socket instanceof TLSSocket) met?.(socket);
    if (bytes === 0) resolve(heard);
    else socket.write(hello);
  };
  const socket: Socket = secure === undefined
    ? connect({ host, port }, connected)
    : connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...secure }, connected);
  // Of TLS the connection comes before its handshake, and what fails then was reached.
  socket.once("connect", () => {
    stage = "answer";
    clearTimeout(timer);
    timer = setTimeout(() => fail(silent), secure === undefined || bytes === 0 ? ANSWER_MS : TLS_ANSWER_MS);
  });
  const fail = (message: string, cause?: unknown) => reject(new NoAnswer(stage, message, cause));
  let timer = setTimeout(() => fail("timed out"), limitMs);
  socket.on("data", (chunk: Buffer) => {
    heard = Buffer.concat([heard, chunk]);
    if (heard.length >= bytes) resolve(heard);
  });
  // Not at its end: of TLS an error comes behind that, which says more.
  socket.once("close", () => heard.length > 0 ? resolve(heard) : fail("it closed the connection"));
  // Also behind the first, so that none goes unheard.
  socket.on("error", (error: Error) => fail(error.message, error));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}
