/** Rows as Cassandra takes them: cells, sizes, and where a batch ends. */
import assert from "node:assert/strict";
import { types } from "cassandra-driver";
import { Buffer } from "node:buffer";
import { Packer } from "../src/packed.ts";
import { endOfBatch, limitsOf, statements } from "../src/store/cassandra_batches.ts";
import { keyOf, sizeInBatch, uuidBytes, whyNot } from "../src/store/cassandra_encode.ts";
import { Answers, errorOf, isUnprepared, putTime } from "../src/store/cassandra_frames.ts";
import type { Link } from "../src/store/cassandra_link.ts";
import { quoted } from "../src/store/cassandra_names.ts";
import { pooled } from "../src/store/cassandra_slots.ts";
import { printable } from "../src/store/cassandra_values.ts";

const ID = "64252866-d040-4e27-b9b2-2c72a03e4790";
const TABLE = {
  keyspace: "k",
  name: "t",
  columns: [{ name: "id", type: "uuid" }, { name: "note", type: "text" }, { name: "Order", type: "text" }],
} as const;

Deno.test("a UUID is the bytes that the driver makes of it, in either case, and nothing else is one", () => {
  for (let i = 0; i < 1_000; i++) {
    const text = crypto.randomUUID();
    const bytes = types.Uuid.fromString(text).getBuffer();
    assert.deepEqual(uuidBytes(text), bytes);
    assert.deepEqual(uuidBytes(text.toUpperCase()), bytes);
  }
  const wrong = ["", "x", ID + "0", ID.slice(1), ID.replaceAll("-", ""), `{${ID.slice(2)}}`, ID.replace("-", "0")];
  for (let i = 0; i < ID.length; i++) {
    for (const other of ["g", "/", ":", "@", "`", "é", "０", "\u0000"]) {
      wrong.push(ID.slice(0, i) + other + ID.slice(i + 1));
    }
    if (ID[i] !== "-") wrong.push(`${ID.slice(0, i)}-${ID.slice(i + 1)}`);
  }
  for (const text of wrong) assert.equal(uuidBytes(text), null, text);
});

Deno.test("a write time is exact up to 2^53 either way", () => {
  for (const value of [0, 1, -1, 2 ** 31, 2 ** 32, 2 ** 32 - 1, 1_700_000_000_123_456, 2 ** 53 - 1, -(2 ** 53) + 1]) {
    const bytes = Buffer.alloc(12);
    putTime(bytes, 0, value);
    assert.equal(bytes.readInt32BE(), 8);
    assert.equal(bytes.readBigInt64BE(4), BigInt(value));
  }
});

Deno.test("what cannot be sent at all is told apart before it is sent", () => {
  const reason = (...values: (string | null)[]) => whyNot({ values, writeTime: 0 }, TABLE);
  assert.equal(reason(ID, "a", null), undefined);
  assert.match(reason(null, "a", null)!, /"id" is null/);
  assert.match(reason("nope", "a", null)!, /"id" is not a UUID: "nope"/);
  assert.match(reason(ID, "\ud800", null)!, /"note" has a lone surrogate/);
  assert.match(reason(ID, "a")!, /2 values.*3 columns/);
});

Deno.test("a batch ends at its bytes or its rows, at a size that has a statement, and has one row at least", () => {
  const limits = { bytes: 1_000, rows: 10, frame: 1e6 };
  assert.equal(endOfBatch(Array(50).fill(100), 0, limits), 10);
  assert.equal(endOfBatch(Array(50).fill(50), 5, limits), 15);
  assert.equal(endOfBatch(Array(50).fill(101), 0, limits), 9);
  assert.equal(endOfBatch([5_000, 1], 0, limits), 1);
  assert.equal(endOfBatch([1, 5_000], 0, limits), 1);
  assert.equal(endOfBatch(Array(50).fill(1), 0, { bytes: 1_000, rows: 128, frame: 1e6 }), 48);
  assert.equal(endOfBatch(Array(500).fill(1), 0, { bytes: 1_000, rows: 128, frame: 1e6 }), 128);
  const packer = new Packer(TABLE.columns);
  packer.add([ID, "aé", null]);
  const row = packer.row(0);
  assert.equal(sizeInBatch(row, 3), 62 + 20 + 3 + 20);
  assert.deepEqual(keyOf(row), uuidBytes(ID));
});

Deno.test("the statement of a batch has its rows, write times and time to live", () => {
  const insert = 'INSERT INTO k.t (id, note, "Order") VALUES (?, ?, ?) USING TIMESTAMP ?';
  assert.equal(statements(TABLE, undefined)(1), insert);
  const two = `BEGIN UNLOGGED BATCH ${insert} AND TTL 60; ${insert} AND TTL 60; APPLY BATCH`;
  assert.equal(statements(TABLE, 60)(2), two);
});

Deno.test("names are in quotes where they would be another name without", () => {
  const names = ["users", "u_1", "Users", "1st", "order", 'a"b'].map(quoted);
  assert.deepEqual(names, ["users", "u_1", '"Users"', '"1st"', '"order"', '"a""b"']);
});

function saying(settings: Record<string, string> | undefined): Link {
  const execute = (_kind: string, statement: string) => {
    const rows = statement.includes("system_virtual_schema")
      ? settings ? [{ table_name: "settings" }] : []
      : Object.entries(settings!).map(([name, value]) => ({ name, value }));
    return Promise.resolve({ rows });
  };
  return { execute } as unknown as Link;
}

Deno.test("a batch keeps to what the server says, and where it does not say to 5 KiB, 50 KiB and 10", async () => {
  const warn = "batch_size_warn_threshold";
  const fail = "batch_size_fail_threshold";
  const frame = 16 * 1024 ** 2;
  const rows = "unlogged_batch_across_partitions_warn_threshold";
  assert.deepEqual(await limitsOf(saying(undefined), undefined), { bytes: 5_120, rows: 10, frame });
  assert.deepEqual(await limitsOf(saying({}), undefined), { bytes: 5_120, rows: 10, frame });
  assert.deepEqual(await limitsOf(saying({ [warn]: "64KiB", [rows]: "50" }), undefined), {
    bytes: 65_536,
    rows: 50,
    frame,
  });
  assert.deepEqual(await limitsOf(saying({ [`${warn}_in_kb`]: "8" }), undefined), { bytes: 8_192, rows: 10, frame });
  assert.deepEqual(await limitsOf(saying({}), 2_000), { bytes: 2_000, rows: 10, frame });
  assert.deepEqual(await limitsOf(saying({}), 40_000), { bytes: 40_000, rows: 128, frame });
  assert.equal((await limitsOf(saying({ native_transport_max_frame_size_in_mb: "256" }), 1)).frame, 256 * 1024 ** 2);
  assert.deepEqual(await limitsOf(saying({ [fail]: "20KiB" }), 40_000), { bytes: 20_480, rows: 128, frame });
});

Deno.test("the first failure in a pool ends it once nothing is under way", async () => {
  const tasks = [1, 2, 3, 4, 5, 6];
  let [running, done] = [0, 0];
  const failed = await pooled(2, () => tasks.shift(), async (task) => {
    running++;
    await Promise.resolve();
    running--;
    if (task === 3) throw new Error("third");
    done++;
  }).catch((error) => error.message);
  assert.equal(failed, "third");
  assert.equal(running, 0);
  assert(done >= 2 && done < 5 && tasks.length > 0);
});

Deno.test("values of every type become plain ones", () => {
  const long = (text: string) => types.Long.fromString(text);
  assert.equal(printable(undefined), null);
  assert.equal(printable(types.Uuid.fromString(ID)), ID);
  assert.equal(printable(long("42")), 42);
  assert.equal(printable(long("9223372036854775807")), 9223372036854775807n);
  assert.equal(printable(types.BigDecimal.fromString("1.50")), "1.50");
  assert.equal(printable(new Date(0)), "1970-01-01T00:00:00.000Z");
  assert.equal(printable(types.LocalDate.fromString("2020-02-29")), "2020-02-29");
  assert.equal(printable(types.InetAddress.fromString("127.0.0.1")), "127.0.0.1");
  assert.equal(printable(Buffer.from([0, 255])), "0x00ff");
  assert.deepEqual(printable([long("1"), null, ["a"]]), [1, null, ["a"]]);
  assert.deepEqual(printable({ a: types.Uuid.fromString(ID), b: true }), { a: ID, b: true });
  assert.deepEqual(printable(new types.Tuple(long("1"), "x")), [1, "x"]);
});

Deno.test("answers are cut out of a stream of bytes wherever it is cut itself, and errors are read behind warnings", () => {
  const frame = (stream: number, opcode: number, flags: number, body: number[]) => {
    const bytes = Buffer.alloc(9 + body.length);
    bytes[0] = 0x84;
    bytes[1] = flags;
    bytes.writeInt16BE(stream, 2);
    bytes[4] = opcode;
    bytes.writeInt32BE(body.length, 5);
    return Buffer.concat([bytes.subarray(0, 9), Buffer.from(body)]);
  };
  const warning = [0, 1, 0, 2, 104, 105];
  const error = [0, 0, 0x25, 0, 0, 4, 103, 111, 110, 101, 0, 1, 9];
  const all = Buffer.concat([
    frame(1, 8, 0, [0, 0, 0, 1]),
    frame(300, 0, 8, [...warning, ...error]),
    frame(2, 0, 0, error),
  ]);
  for (let size = 1; size <= all.length; size++) {
    const answers = new Answers();
    const seen: unknown[] = [];
    for (let at = 0; at < all.length; at += size) {
      for (const answer of answers.take(all.subarray(at, at + size))) {
        const said = errorOf(answer);
        seen.push([answer.stream, said?.message, said && isUnprepared(said)]);
      }
    }
    assert.deepEqual(seen, [[1, undefined, undefined], [300, "gone", true], [2, "gone", true]]);
  }
});
