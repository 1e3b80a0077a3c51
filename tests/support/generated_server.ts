/** A stand-in for the API whose records of a seed are those that the generator makes of it: `idsOf` of `rig.ts` knows their ids. */
import { generate } from "../../src/users/generate.ts";
import { type RandomUserServer, serveRandomUsers } from "./randomuser_server.ts";

/**
 * @param count records of each seed, on all its pages together
 * @param delayMs how long an answer may take; a random share of it
 */
export function serveGenerated(count: number, delayMs = 0): RandomUserServer {
  const server = serveRandomUsers([]);
  const users = new Map<string, unknown[]>();
  server.always(async (request) => {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * delayMs));
    const { searchParams: query } = new URL(request.url);
    const [seed, page, size] = [query.get("seed")!, Number(query.get("page")), Number(query.get("results"))];
    if (!users.has(seed)) users.set(seed, [...generate(seed, count)]);
    return Response.json({ results: users.get(seed)!.slice((page - 1) * size, page * size) });
  });
  return server;
}
