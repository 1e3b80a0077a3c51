/** What `deno task services` says where it cannot start what is asked for. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { PROJECT } from "../tools/services/where.ts";
import { withFolder } from "./support/cli.ts";

/** A port that answers Kafka's question for the versions of its API where `answer` says so, and else says nothing. */
function taken(answer: boolean): AsyncDisposable & { port: number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      if (answer) await connection.write(Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 7, 0, 0));
      // What was asked is read, or closing would take the answer back.
      await connection.read(new Uint8Array(64)).catch(() => null);
      connection.close();
    }
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

Deno.test("ports that are taken are said before anything is looked for or fetched", () =>
  withFolder(async (dir) => {
    await using kafka = taken(true);
    await using cassandra = taken(false);
    const ports = ["--kafka-port", `${kafka.port}`, "--cassandra-port", `${cassandra.port}`];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", join(PROJECT, "tools", "services.ts"), "up", "--dir", dir, ...ports],
      // No Java, no Maven and no Docker to be found.
      env: { PATH: "", JAVA_HOME: "", NO_COLOR: "1" },
    }).output();
    assert.equal(code, 1);
    assert.equal(new TextDecoder().decode(stdout), "");
    assert.equal(
      new TextDecoder().decode(stderr),
      `error: Cannot start kafka: port ${kafka.port} of 127.0.0.1 is taken by another program\n` +
        "It answers as kafka does: use that, or choose another port with --kafka-port\n" +
        `error: Cannot start cassandra: port ${cassandra.port} of 127.0.0.1 is taken by another program\n` +
        "End that program, or choose another port with --cassandra-port\n",
    );
    assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), ["lock"]);
  }));
