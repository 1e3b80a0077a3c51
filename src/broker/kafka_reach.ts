/**
 * Whether a Kafka can be reached and would let us in, asked below kafkajs: of most that keeps a client out it says only that the
 * connection was closed. The question is the first of a login, which every listener answers in its own way.
 */
import { Buffer } from "node:buffer";
import { UserpipeError } from "../errors.ts";
import { ask, NoAnswer } from "../reach.ts";
import { NOT_TAKEN, type Refusal, tlsRefusal } from "../tls.ts";
import { keptOut, rootOf } from "./kafka_errors.ts";
import type { ClusterOptions } from "./kafka_internals.ts";

/** How a client is connected. */
export type Security = Pick<ClusterOptions, "tls" | "sasl">;

/** Why an address is not connected to. */
export interface Unreached {
  /** To go behind the address: `, where nothing listens`, `: its certificate has expired`. */
  clause: string;
  /** Where something is there and keeps us out. */
  refusal?: Refusal;
}

const REASONS: Record<string, string> = {
  ENOTFOUND: ", whose name does not resolve here",
  EAI_AGAIN: ", whose name does not resolve here",
  ECONNREFUSED: ", where nothing listens",
  EHOSTUNREACH: ", to which there is no way from here",
  ENETUNREACH: ", to which there is no way from here",
};

/** What a refused command waits for an explanation. */
const EXPLAIN_MS = 2_000;

const CORRELATION = 0x75_70;
/** Up to the number of mechanisms. */
const ANSWER_BYTES = 14;
const UNSUPPORTED_MECHANISM = 33;
const NO_LOGIN_HERE = 34;

/**
 * @param address `host:port`
 * @returns nothing where it can be reached and no reason is seen why it would not let us in
 */
export async function whyNotReached(
  address: string,
  { tls, sasl }: Security,
  limitMs: number,
): Promise<Unreached | undefined> {
  const mechanism = sasl?.mechanism ?? "PLAIN";
  try {
    const answer = await ask(address, { hello: handshake(mechanism), bytes: ANSWER_BYTES, tls, limitMs });
    const refusal = loginRefusal(answer, sasl);
    return refusal && { clause: `: ${refusal.why}`, refusal };
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    const refusal = tlsRefusal(error, "kafka");
    if (refusal !== undefined) return { clause: `: ${refusal.why}`, refusal };
    // Who takes connections and does not answer this is for kafkajs to judge.
    if (error.stage === "answer") return undefined;
    const { code } = (error.cause ?? {}) as { code?: string };
    const clause = error.message === "timed out" ? ", which does not answer" : ` (${error.message})`;
    return { clause: REASONS[code ?? ""] ?? clause };
  }
}

/**
 * The error in words that say what keeps us out, where Kafka itself said nothing but hung up.
 * @param error as {@linkcode translate} gives it
 */
export async function explained(error: unknown, cluster: ClusterOptions): Promise<unknown> {
  if (!(error instanceof UserpipeError)) return error;
  const { broker, code, message, type } = rootOf(error.cause);
  const mute = error.code === "broker-unreachable" && (NOT_TAKEN.has(code) || MUTE.test(message ?? ""));
  if (!mute && !OF_MECHANISMS.has(type ?? "")) return error;
  const addresses = broker === undefined ? cluster.brokers : [broker];
  const found = await Promise.all(addresses.map((address) => whyNotReached(address, cluster, EXPLAIN_MS)));
  const at = found.findIndex((one) => one?.refusal !== undefined);
  return at < 0 ? error : keptOut(addresses[at], found[at]!.refusal!, error.cause);
}

/** Kafka says what it takes instead to the question alone. */
const OF_MECHANISMS = new Set(["UNSUPPORTED_SASL_MECHANISM", "ILLEGAL_SASL_STATE"]);
const MUTE = /clos|reset|pipe|tim(?:e|ed) ?out|not connected|does not answer as a Kafka|ended|eof/i;

/** https://kafka.apache.org/protocol#The_Messages_SaslHandshake, version 1, with its length and header. */
function handshake(mechanism: string): Buffer {
  const request = Buffer.alloc(16 + mechanism.length);
  request.writeInt32BE(12 + mechanism.length);
  request.writeInt16BE(17, 4);
  request.writeInt16BE(1, 6);
  request.writeInt32BE(CORRELATION, 8);
  request.writeInt16BE(-1, 12);
  request.writeInt16BE(mechanism.length, 14);
  request.write(mechanism, 16, "latin1");
  return request;
}

function loginRefusal(answer: Buffer, sasl: Security["sasl"]): Refusal | undefined {
  if (answer.length < ANSWER_BYTES || answer.readInt32BE(4) !== CORRELATION) return undefined;
  const code = answer.readInt16BE(8);
  if (code === NO_LOGIN_HERE) {
    if (sasl === undefined) return undefined;
    return {
      why: "it takes no login there",
      hint: "Leave out --kafka-sasl-mechanism, or name the port of its SASL listener",
      refused: false,
    };
  }
  const names = mechanismsIn(answer);
  const takes = names.length === 0 ? "" : ` (it takes ${names.join(", ")})`;
  if (sasl === undefined) {
    return {
      why: `it lets nobody in without a login${takes}`,
      hint: "Name the user with --kafka-sasl-mechanism and --kafka-sasl-username, and the password in " +
        "KAFKA_SASL_PASSWORD or --kafka-sasl-password-file",
      refused: true,
    };
  }
  if (code !== UNSUPPORTED_MECHANISM) return undefined;
  return {
    why: `it takes no login by ${sasl.mechanism}${takes}`,
    hint: "Name another with --kafka-sasl-mechanism, or add it to its sasl.enabled.mechanisms",
    refused: true,
  };
}

/** As far as the answer has come. */
function mechanismsIn(answer: Buffer): string[] {
  const names: string[] = [];
  for (let at = ANSWER_BYTES, left = answer.readInt32BE(10); left > 0 && at + 2 <= answer.length; left--) {
    const end = at + 2 + answer.readInt16BE(at);
    if (end > answer.length) break;
    names.push(answer.toString("latin1", at + 2, end));
    at = end;
  }
  return names;
}
