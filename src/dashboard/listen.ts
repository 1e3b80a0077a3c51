/**
 * Listens for the page. What answers is loaded by the first request, so that a process whose page nobody opens pays for an
 * open port and nothing else.
 */
import { sleep } from "../backoff.ts";
import { messageOf, UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import type { Access } from "./access.ts";
import type { App, AppOptions } from "./server.ts";

const log = logger("dashboard");

/** Ports that are tried behind one that was not asked for and is taken; then any that is free. */
const NEXT_PORTS = 20;
/** For answers that are under way, and then for closing the ends; what takes longer goes with the process. */
const CLOSE_MS = 1_000;

export interface Listening {
  /** `http://127.0.0.1:8642` */
  url: string;
  port: number;
  /** Ends what is under way, and closes the ends. Throws nothing. */
  close(): Promise<void>;
}

/** @throws {UserpipeError} `settings` where the address cannot be listened at */
export function listen(options: Omit<AppOptions, "stop">): Listening {
  const { access } = options;
  const stop = new AbortController();
  let app: Promise<App> | undefined;
  const load = async () => (await import("./server.ts")).openApp({ ...options, stop: stop.signal });
  const answer: Deno.ServeHandler<Deno.NetAddr> = async (request, { remoteAddr }) => {
    if (stop.signal.aborted) return new Response(null, { status: 503 });
    app ??= load();
    app.catch(() => app = undefined);
    return await (await app).fetch(request, remoteAddr.hostname);
  };
  const server = bind(access, answer);
  const { port } = server.addr;
  return {
    url: urlOf(access, port),
    port,
    async close() {
      stop.abort();
      await within(CLOSE_MS, server.shutdown());
      await within(CLOSE_MS, app?.then((app) => app.close()));
    },
  };
}

type Server = Deno.HttpServer<Deno.NetAddr>;

function bind(access: Access, answer: Deno.ServeHandler<Deno.NetAddr>): Server {
  const { host: hostname, port, portAsked, tls } = access;
  const serve = (port: number) =>
    Deno.serve(
      { ...tls, hostname, port, automaticCompression: true, onListen() {}, onError: defect },
      answer,
    ) as Server;
  const others = portAsked ? [] : [...Array.from({ length: NEXT_PORTS }, (_, i) => port + 1 + i), 0];
  for (const next of [port, ...others]) {
    try {
      return serve(next);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw cannotListen(access, error);
      if (portAsked) throw taken(access, error);
    }
  }
  throw taken(access, undefined);
}

/** What went wrong outside the app: while it was loaded, or in a stream, where one that was cut off is none. */
function defect(error: unknown): Response {
  const cut = error instanceof DOMException && error.name === "AbortError";
  log[cut ? "debug" : "error"]("The page cannot be shown: {error}", { error });
  return new Response("A defect of userpipe: its log says more\n", { status: 500 });
}

function taken({ host, port }: Access, cause: unknown): UserpipeError {
  return new UserpipeError(
    "settings",
    `The page cannot be shown at port ${port} of "${host}": another program listens there`,
    "Name another port, or leave it out: userpipe then takes the next that is free",
    { cause },
  );
}

function cannotListen({ host, port, tls }: Access, error: unknown): UserpipeError {
  const hint = tls === undefined
    ? "Name an address of this machine, and a port that its user may listen at"
    : "Name an address of this machine, and a certificate and its key in PEM";
  return new UserpipeError("settings", `The page cannot be shown at "${host}:${port}": ${messageOf(error)}`, hint, {
    cause: error,
  });
}

/** What is listened at; where that is every address of the machine, one by which it is reached here. */
export function urlOf({ host, tls }: { host: string; tls: unknown }, port: number): string {
  const local = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${tls === undefined ? "http" : "https"}://${local.includes(":") ? `[${local}]` : local}:${port}`;
}

/** Waits for no longer; what fails on the way out is told in the log. */
async function within(ms: number, work: Promise<unknown> | undefined): Promise<void> {
  const over = new AbortController();
  const done = work?.catch((error) => log.debug("Closing the page: {error}", { error }));
  await Promise.race([done, sleep(ms, over.signal)]);
  over.abort();
}
