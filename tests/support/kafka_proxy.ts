/**
 * A way to a Kafka that can be cut: Kafka tells its clients where it is, so the answers are changed on the way to
 * name this one instead. For a Kafka of one broker on 127.0.0.1.
 */

export interface KafkaProxy extends AsyncDisposable {
  /** `host:port` to name as the broker. */
  readonly address: string;
  /** Cuts every connection now; new ones are taken. */
  cut(): void;
  /** Cuts every connection, and takes no new one until `allow`. */
  refuse(): void;
  allow(): void;
}

const HOST = "127.0.0.1";

/**
 * @param broker `127.0.0.1:port` of the real one
 * @param answered is given what Kafka answers before it goes on, and may change it
 */
export function kafkaProxy(broker: string, answered: (chunk: Uint8Array) => void = () => {}): KafkaProxy {
  const upstream = Number(broker.split(":")[1]);
  let listener = Deno.listen({ hostname: HOST, port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const open = new Set<Deno.Conn>();
  const under = new Set<Promise<void>>();

  const carry = async (from: Deno.Conn, to: Deno.Conn, change: (chunk: Uint8Array) => void) => {
    try {
      const buffer = new Uint8Array(256 * 1024);
      for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
        const chunk = buffer.subarray(0, n);
        change(chunk);
        for (let at = 0; at < n;) at += await to.write(chunk.subarray(at));
      }
    } catch {
      // Either end was closed: so is the other.
    }
    close(from);
    close(to);
  };
  const close = (conn: Deno.Conn) => {
    if (open.delete(conn)) conn.close();
  };
  const rename = (chunk: Uint8Array) => {
    renameBroker(chunk, upstream, port);
    answered(chunk);
  };

  const serve = async (listening: Deno.Listener) => {
    for await (const client of listening) {
      open.add(client);
      const server = await Deno.connect({ hostname: HOST, port: upstream });
      open.add(server);
      for (const way of [carry(client, server, () => {}), carry(server, client, rename)]) {
        under.add(way);
        way.finally(() => under.delete(way));
      }
    }
  };
  let serving = serve(listener);
  let refusing = false;

  return {
    address: `${HOST}:${port}`,
    cut: () => open.forEach(close),
    refuse() {
      refusing = true;
      listener.close();
      this.cut();
    },
    allow() {
      refusing = false;
      listener = Deno.listen({ hostname: HOST, port });
      serving = serve(listener);
    },
    async [Symbol.asyncDispose]() {
      if (!refusing) this.refuse();
      await serving;
      await Promise.all(under);
    },
  };
}

/** Where a chunk says `127.0.0.1` and the broker's port, it says the proxy's. */
function renameBroker(chunk: Uint8Array, from: number, to: number): void {
  const pattern = new Uint8Array(HOST.length + 4);
  pattern.set(new TextEncoder().encode(HOST));
  new DataView(pattern.buffer).setInt32(HOST.length, from);
  for (let at = chunk.indexOf(pattern[0]); at !== -1; at = chunk.indexOf(pattern[0], at + 1)) {
    if (!pattern.every((byte, i) => chunk[at + i] === byte)) continue;
    new DataView(chunk.buffer, chunk.byteOffset + at).setInt32(HOST.length, to);
  }
}
