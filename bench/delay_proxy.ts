/** A way to one server that hands on each answer a while later; a process of its own, which prints its port. */
import { connect, createServer, type Socket } from "node:net";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { to: { type: "string" }, ms: { type: "string" } } });
const [host, port] = values.to!.split(":") as [string, string];
const ms = Number(values.ms);

const server = createServer((client) => {
  const upstream = connect(Number(port), host);
  const both: Socket[] = [client, upstream];
  for (const each of both) {
    each.setNoDelay(true);
    each.on("close", () => both.forEach((socket) => socket.destroy()));
    // What is lost is told by the close that follows.
    each.on("error", () => {});
  }
  client.on("data", (chunk) => upstream.write(chunk));
  upstream.on("data", (chunk) => {
    if (ms === 0) client.write(chunk);
    else setTimeout(() => client.writable && client.write(chunk), ms);
  });
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as { port: number }).port));
