/** A way to a server on 127.0.0.1 that can be cut, closed and frozen, as if whoever uses it were gone or stood still. */

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Cuts every connection now; new ones are taken. */
  cut(): void;
  /** Cuts every connection, and takes no new one until `allow`. */
  refuse(): void;
  allow(): void;
  /** Cuts every connection in place of passing on the next answer that has this text. */
  lose(answer: string): void;
  /** Nothing passes, either way, and nothing is closed, until `thaw`. */
  freeze(): void;
  thaw(): void;
}

const HOST = "127.0.0.1";

export function tcpProxy(upstream: number): TcpProxy {
  let listener = Deno.listen({ hostname: HOST, port: 0 });
  const { port } = listener.addr;
  const open = new Set<Deno.Conn>();
  const under = new Set<Promise<void>>();
  let frozen = Promise.withResolvers<void>();
  frozen.resolve();
  let lost: string | undefined;

  const close = (connection: Deno.Conn) => {
    if (open.delete(connection)) connection.close();
  };
  const carry = async (from: Deno.Conn, to: Deno.Conn, isAnswer: boolean) => {
    try {
      const buffer = new Uint8Array(64 * 1024);
      for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
        await frozen.promise;
        if (isAnswer && lost !== undefined && new TextDecoder("latin1").decode(buffer.subarray(0, n)).includes(lost)) {
          lost = undefined;
          open.forEach(close);
        }
        for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
      }
    } catch {
      // Either end was closed: so is the other.
    }
    close(from);
    close(to);
  };
  const join = async (client: Deno.Conn) => {
    open.add(client);
    try {
      const server = await Deno.connect({ hostname: HOST, port: upstream });
      open.add(server);
      if (!open.has(client)) return close(server);
      await Promise.all([carry(client, server, false), carry(server, client, true)]);
    } catch {
      close(client);
    }
  };
  const serve = async (listening: Deno.Listener) => {
    for await (const client of listening) {
      const joined = join(client);
      under.add(joined);
      joined.finally(() => under.delete(joined));
    }
  };
  let serving = serve(listener);
  let refusing = false;

  return {
    port,
    cut: () => open.forEach(close),
    refuse() {
      if (!refusing) listener.close();
      refusing = true;
      this.cut();
    },
    allow() {
      refusing = false;
      listener = Deno.listen({ hostname: HOST, port });
      serving = serve(listener);
    },
    lose: (answer) => void (lost = answer),
    freeze: () => void (frozen = Promise.withResolvers()),
    thaw: () => frozen.resolve(),
    async [Symbol.asyncDispose]() {
      frozen.resolve();
      this.refuse();
      await serving;
      await Promise.all(under);
    },
  };
}
