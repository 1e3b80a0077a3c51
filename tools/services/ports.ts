/** Ports: which are free, and whether a Kafka, a Cassandra, a Postgres or a registry answers at one. */

const ANSWER_WITHIN_MS = 1000;

/** Whether a program could listen at this address and port. */
export function isFree(hostname: string, port: number): boolean {
  try {
    Deno.listen({ hostname, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/** The first free port of `hostname` from `from` on. */
export function freePort(hostname: string, from: number): number {
  let port = from;
  while (!isFree(hostname, port)) port++;
  return port;
}

/** Whether a Kafka broker serves requests there: asks for the versions of its API (ApiVersions 0) and reads the answer. */
export async function kafkaAnswers(hostname: string, port: number): Promise<boolean> {
  // Length, API key 18, version 0, correlation id 7, no client id.
  const request = Uint8Array.of(0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 255, 255);
  const answer = await exchange(hostname, port, request, 10);
  // Length, the same correlation id, error code 0.
  return answer !== undefined && answer.subarray(4, 10).join() === "0,0,0,7,0,0";
}

/** Whether Cassandra serves CQL there: sends OPTIONS (protocol 4) and reads SUPPORTED. */
export async function cassandraAnswers(hostname: string, port: number): Promise<boolean> {
  const [options, supported] = [5, 6];
  const answer = await exchange(hostname, port, Uint8Array.of(4, 0, 0, 0, options, 0, 0, 0, 0), 9);
  return answer !== undefined && answer[0] === 0x84 && answer[4] === supported;
}

/** Whether Postgres takes clients there: sends StartupMessage (protocol 3.0) and reads an authentication request. */
export async function postgresAnswers(hostname: string, port: number): Promise<boolean> {
  const user = new TextEncoder().encode("user\0userpipe\0\0");
  const answer = await exchange(hostname, port, Uint8Array.of(0, 0, 0, 8 + user.length, 0, 3, 0, 0, ...user), 1);
  // While it starts it answers with an error.
  return answer?.[0] === "R".charCodeAt(0);
}

/** Whether a schema registry with Confluent's API is there, where Apicurio has it. */
export async function registryAnswers(hostname: string, port: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const response = await fetch(`http://${hostname}:${port}/apis/ccompat/v7/subjects`, { signal });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Sends `request` and reads `length` bytes; undefined where nothing listens, it closes, or it takes too long. */
async function exchange(hostname: string, port: number, request: Uint8Array, length: number) {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname, port, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  } catch {
    return undefined;
  }
  let closed = false;
  const close = () => {
    if (!closed) connection.close();
    closed = true;
  };
  const limit = setTimeout(close, ANSWER_WITHIN_MS);
  try {
    await connection.write(request);
    const answer = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      const read = await connection.read(answer.subarray(filled));
      if (read === null) return undefined;
      filled += read;
    }
    return answer;
  } catch {
    return undefined;
  } finally {
    clearTimeout(limit);
    close();
  }
}
