/** To which node rows go, and what becomes of a lane whose server misbehaves. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer, type Server, Socket } from "node:net";
import { type Client, errors, type Host } from "cassandra-driver";
import { Lane, type Parcel } from "../src/store/cassandra_lane.ts";
import { Lanes } from "../src/store/cassandra_lanes.ts";
import { Packer } from "../src/packed.ts";

/** A ring of nodes of which each key's replicas are those that its bytes name. */
function ring(count: number) {
  const up = Array.from({ length: count }, () => true);
  const hosts = up.map((_, n) => ({ address: `127.0.0.${n + 1}:9042`, isUp: () => up[n] })) as Host[];
  const client = { getReplicas: (_: string, key: Buffer) => [...key].map((n) => hosts[n]) } as unknown as Client;
  const lanes = new Lanes(client, () => hosts, { keyspace: "k", consistency: 1, values: 2, maxInFlight: 1 });
  const share = (keys: number[][]) => {
    const shares = lanes.share(Int32Array.from(keys.keys()), (row) => Buffer.from(keys[row]!));
    return [...shares.values()].map((rows) => [...rows]);
  };
  return { up, share };
}

Deno.test("with one replica of three nodes, each row goes to its own", () => {
  const { up, share } = ring(3);
  assert.deepEqual(share([[2], [0], [2], [1], [0]]), [[0, 2], [1, 4], [3]]);
  up[2] = false;
  // The one whose only replica is down goes to a node that can say so.
  const shares = share([[2], [0], [0], [1]]);
  assert.deepEqual(shares.flat().sort(), [0, 1, 2, 3]);
  assert.equal(shares.length, 2);
});

Deno.test("with two replicas of three nodes, rows go to the first that is up", () => {
  const { up, share } = ring(3);
  assert.deepEqual(share([[0, 1], [1, 2], [0, 2]]), [[0, 2], [1]]);
  up[0] = false;
  assert.deepEqual(share([[0, 1], [1, 2], [0, 2], [0, 1]]), [[0, 1, 3], [2]]);
});

Deno.test("where every node has every row, a call stays whole; where none is up, that is said", () => {
  const { up, share } = ring(2);
  assert.deepEqual(share([[0, 1], [1, 0], [0, 1]]), [[0, 1, 2]]);
  assert.deepEqual(share([]), []);
  up.fill(false);
  assert.throws(() => share([[0]]), errors.NoHostAvailableError);
});

const COLUMNS = [{ name: "id", type: "text" }] as const;

/** A server that hands each frame to `answer`, which may write to the connection. */
async function serving(answer: (frame: Buffer, connection: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer((connection) => {
    connection.on("error", () => {});
    let rest: Buffer = Buffer.alloc(0);
    connection.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 9 && rest.length >= 9 + rest.readInt32BE(5)) {
        const end = 9 + rest.readInt32BE(5);
        answer(rest.subarray(0, end), connection);
        rest = rest.subarray(end);
      }
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return { server, port: (server.address() as { port: number }).port };
}

function reply(to: Buffer, opcode: number, body: number[]): Buffer {
  const bytes = Buffer.alloc(9 + body.length);
  bytes[0] = 0x84;
  to.copy(bytes, 2, 2, 4);
  bytes[4] = opcode;
  bytes.writeInt32BE(body.length, 5);
  bytes.set(body, 9);
  return bytes;
}

const PREPARE = 0x09;
const PREPARED = [0, 0, 0, 4, 0, 2, 7, 7];
const UNPREPARED = [0, 0, 0x25, 0, 0, 0, 0, 0];

function laneTo(port: number): Lane {
  return new Lane({
    address: `127.0.0.1:${port}`,
    consistency: 1,
    values: 2,
    maxInFlight: 2,
    lost: () => {},
    open: () =>
      new Promise((open, failed) => {
        const socket = new Socket();
        socket.once("error", failed);
        socket.connect(port, "127.0.0.1", () => open(socket));
      }),
  });
}

function parcel(done: Parcel["done"]): Parcel {
  const packer = new Packer(COLUMNS);
  packer.add(["x"]);
  const row = packer.row(1);
  return {
    statement: "s",
    rows: [row],
    order: Int32Array.of(0),
    from: 0,
    to: 1,
    bytes: row.end - row.start + 12,
    done,
  };
}

/** The outcome of so many parcels, in their order; `undefined` where one is written. */
function outcomes(lane: Lane, count: number): Promise<unknown[]> {
  const each = Array.from({ length: count }, () => Promise.withResolvers<unknown>());
  lane.send(each.map(({ resolve }) => parcel(resolve)));
  return Promise.all(each.map(({ promise }) => promise));
}

Deno.test("a statement that the server forgot is prepared again, and nothing is lost or said", async () => {
  let [prepared, executed] = [0, 0];
  const { server, port } = await serving((frame, connection) => {
    if (frame[4] === PREPARE) {
      prepared++;
      connection.write(reply(frame, 0x08, PREPARED));
    } else {
      const forgotten = ++executed === 3 || executed === 4;
      connection.write(reply(frame, forgotten ? 0x00 : 0x08, forgotten ? UNPREPARED : [0, 0, 0, 1]));
    }
  });
  const lane = laneTo(port);
  assert.deepEqual(await outcomes(lane, 10), Array(10).fill(undefined));
  assert.equal(executed, 12);
  assert.ok(prepared >= 2);
  lane.close();
  server.close();
});

Deno.test("what was under way or waited when the connection was lost fails, and the next is sent on a new one", async () => {
  let drop = true;
  const { server, port } = await serving((frame, connection) => {
    if (frame[4] === PREPARE) connection.write(reply(frame, 0x08, PREPARED));
    else if (drop) connection.destroy();
    else connection.write(reply(frame, 0x08, [0, 0, 0, 1]));
  });
  const lane = laneTo(port);
  for (const error of await outcomes(lane, 5)) assert.ok((error as { isSocketError: boolean }).isSocketError);
  drop = false;
  assert.deepEqual(await outcomes(lane, 5), Array(5).fill(undefined));
  lane.close();
  server.close();
});

Deno.test("where a lane cannot be opened or was closed, its parcels fail", async () => {
  const { server, port } = await serving((frame, connection) => connection.write(reply(frame, 0x08, PREPARED)));
  const failed = (outcome: unknown[]) => outcome.every((error) => (error as { isSocketError: boolean }).isSocketError);
  const lane = laneTo(port);
  const sent = outcomes(lane, 3);
  lane.close();
  assert.ok(failed(await sent));
  assert.ok(failed(await outcomes(lane, 3)));
  await new Promise((ended) => server.close(ended));
  const nowhere = laneTo(port);
  assert.ok(failed(await outcomes(nowhere, 3)));
  nowhere.close();
});
