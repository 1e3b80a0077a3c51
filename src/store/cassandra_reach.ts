/**
 * Whether a Cassandra node can be reached, asked below the driver: of most that keeps a client out that says only that the
 * connection was closed.
 */
import { UserpipeError } from "../errors.ts";
import { ask, NoAnswer } from "../reach.ts";
import { type Refusal, type Tls, tlsRefusal } from "../tls.ts";
import { optionsFrame } from "./cassandra_frames.ts";
import { keptOut, nameOf } from "./cassandra_errors.ts";
import type { SessionOptions } from "./cassandra_session.ts";

const LIMIT_MS = 2_000;
const HEADER_BYTES = 9;

/** What keeps us out at `address` (`host:port`); undefined where it is something else, or nothing. */
export async function refusalAt(address: string, tls: Tls | undefined): Promise<Refusal | undefined> {
  try {
    await ask(address, { hello: optionsFrame(0), bytes: HEADER_BYTES, tls, limitMs: LIMIT_MS });
    return undefined;
  } catch (error) {
    if (error instanceof NoAnswer) return tlsRefusal(error, "cassandra");
    throw error;
  }
}

/**
 * The error in words that say what keeps us out, where the driver could not tell.
 * @param error as `translate` gives it
 */
export async function explained(error: unknown, { contactPoints, tls }: SessionOptions): Promise<unknown> {
  if (!(error instanceof UserpipeError) || error.code !== "store-unreachable") return error;
  const refusals = await Promise.all(contactPoints.map((address) => refusalAt(address, tls)));
  const at = refusals.findIndex((one) => one !== undefined);
  return at < 0 ? error : keptOut(nameOf([contactPoints[at]]), refusals[at]!, error);
}
