/** Why an end was not reached, as one short clause behind `Cannot reach …`, in the same words for every end. */

/**
 * @param error what the driver or the socket threw; also anything that an end threw in its place
 * @returns `: connection refused`, or nothing where the error does not say why
 */
export function whyUnreached(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const said = `${code ?? ""} ${message ?? ""}`;
  const found = REASONS.find(([pattern]) => pattern.test(said));
  return found === undefined ? "" : `: ${found[1]}`;
}

/** A code of the system where there is one, else the words of kafkajs and of the Cassandra driver. */
const REASONS: readonly (readonly [said: RegExp, why: string])[] = [
  [/ECONNREFUSED|connection refused/i, "connection refused"],
  [/ENOTFOUND|EAI_AGAIN|could be resolved|dns error/, "its name does not resolve"],
  [/EHOSTUNREACH|ENETUNREACH/, "there is no route to it"],
  [/ERR_SSL|SSL|TLS|certificate/, "no secure connection (TLS)"],
  // Of a port that the runtime's fetch asks nothing of.
  [/Requests to port \d+ are blocked/, "no web server may be at that port, which is kept for others"],
  [/ETIMEDOUT|time[d]? ?out|no answer in|did not reply/i, "timed out"],
  [/does not answer as a Kafka/, "it does not answer as a Kafka does"],
  // kafkajs says so of one that took the connection and was silent from then on.
  [/Broker not connected/, "it takes connections and does not answer"],
  [/ECONNRESET|EPIPE|closed|hang up|ended/i, "it closed the connection"],
];
