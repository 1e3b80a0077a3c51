/** A server on loopback that says what no HTTP server may: bytes as they are given, and then the end. */

export interface RawServer extends AsyncDisposable {
  readonly url: string;
  /** How many connections there were. */
  readonly connections: number;
}

/** Writes the pieces to each connection once it has asked for something, and closes it. */
export function serveBytes(pieces: () => Iterable<string>): RawServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const encoder = new TextEncoder();
  let connections = 0;

  async function answer(connection: Deno.Conn): Promise<void> {
    try {
      await connection.read(new Uint8Array(64 * 1024));
      for (const piece of pieces()) await connection.write(encoder.encode(piece));
    } catch (error) {
      // The other side has heard enough.
      if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset)) throw error;
    } finally {
      connection.close();
    }
  }

  const serving = (async () => {
    const answers: Promise<void>[] = [];
    for await (const connection of listener) {
      connections++;
      answers.push(answer(connection));
    }
    await Promise.all(answers);
  })();

  return {
    url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}/api/1.4/`,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

/** Takes connections, reads what comes, and never says a word. */
export function muteServer(): AsyncDisposable & { at: string } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  const listening = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      connection.readable.pipeTo(new WritableStream()).catch(() => {});
    }
  })();
  return {
    at: `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await listening;
      for (const connection of open) {
        try {
          connection.close();
        } catch {
          // The other side has closed it, and so has the reading.
        }
      }
    },
  };
}
