/** Why an end was not reached: from what the system and the drivers say to one short clause. */
import assert from "node:assert/strict";
import { whyUnreached } from "../src/unreached.ts";
import { failsAsItShould } from "./support/wrong.ts";

const SAID: [error: unknown, why: string][] = [
  [Object.assign(new Error("connect"), { code: "ECONNREFUSED" }), ": connection refused"],
  [new Error("Connection error: getaddrinfo ENOTFOUND kafka"), ": its name does not resolve"],
  [new Error("No host could be resolved"), ": its name does not resolve"],
  [new Error("Connection timeout"), ": timed out"],
  [new Error("no answer in 6000 ms"), ": timed out"],
  [Object.assign(new Error("read"), { code: "ECONNRESET" }), ": it closed the connection"],
  [new Error("Broker not connected"), ": it takes connections and does not answer"],
  [new Error("Connection error: it does not answer as a Kafka does"), ": it does not answer as a Kafka does"],
  [new Error("Socket was closed"), ": it closed the connection"],
  [Object.assign(new Error("connect"), { code: "EHOSTUNREACH" }), ": there is no route to it"],
  [new Error("Requests to port 1 are blocked"), ": no web server may be at that port, which is kept for others"],
  [new Error("something else"), ""],
  [undefined, ""],
];

Deno.test("each kind of failure has its clause, and an unknown one none", () => {
  for (const [error, why] of SAID) assert.equal(whyUnreached(error), why);
});

Deno.test("an end that speaks TLS is named so, and what to do", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const at = `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  const alert = new Uint8Array([0x15, 3, 3, 0, 2, 2, 0x50]);
  const refusing = (async () => {
    for await (const connection of listener) {
      // Either may have hung up by then.
      await connection.read(new Uint8Array(64)).then(() => connection.write(alert)).catch(() => {});
      connection.close();
    }
  })();
  try {
    const why = /": it speaks TLS only$/;
    await failsAsItShould({ args: ["init", "--brokers", at], message: why, hint: /--kafka-tls/, code: 3 });
    const args = ["query", "count", "--contact-points", at];
    await failsAsItShould({ args, message: why, hint: /--cassandra-tls/, code: 3 });
  } finally {
    listener.close();
    await refusing;
  }
});
