/** `healthcheck`: whether the process whose page is at an address works, by what its `/readyz` says. */
import { get as getHttp, type IncomingMessage } from "node:http";
import { get as getHttps } from "node:https";
import { text } from "node:stream/consumers";
import { urlOf } from "../dashboard/listen.ts";
import type { Readiness } from "../dashboard/readiness.ts";
import { EXIT, messageOf, UserpipeError } from "../errors.ts";
import type { Context } from "./command.ts";
import { whereOf } from "./dashboard.ts";

/** The process gives each of its ends less. */
const LIMIT_MS = 5_000;

export async function healthcheck({ settings, args: [given], terminal }: Context): Promise<number> {
  const { host, port } = whereOf("healthcheck", settings, given);
  const url = urlOf({ host, tls: settings.tlsCert }, port);
  const { status, body } = await ask(`${url}/readyz`, settings.tlsCert);
  const parts = partsOf(url, status, body);
  for (const part of parts) {
    terminal.print(`${part.ok ? "ok  " : "fail"}  ${part.name}${!part.ok && part.why ? `: ${part.why}` : ""}`);
  }
  return parts.every(({ ok }) => ok) ? EXIT.done : EXIT.found;
}

/** Why is told only where the page has no password. */
type Part = Readiness["parts"][number] & { why?: string };

function partsOf(url: string, status: number, body: string): Part[] {
  if (status === 200 || status === 503) {
    try {
      return JSON.parse(body).parts;
    } catch {
      // It is no answer of userpipe.
    }
  }
  throw new UserpipeError(
    "page-unreachable",
    `What answers at ${url} is no page of userpipe: status ${status}`,
    "Name the address that the process shows its page at: userpipe healthcheck 127.0.0.1:8642",
  );
}

/** Nothing secret is sent, and what answers is a process of this machine: its certificate need not be one for its address. */
async function ask(url: string, tlsCert: string | undefined): Promise<{ status: number; body: string }> {
  try {
    // Without any it would take those of the system, which are not for the program to read.
    const ca = tlsCert === undefined ? undefined : await Deno.readTextFile(tlsCert);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { signal: AbortSignal.timeout(LIMIT_MS), agent: false };
      const request = ca === undefined
        ? getHttp(url, options, resolve)
        : getHttps(url, { ...options, ca, rejectUnauthorized: false }, resolve);
      request.on("error", reject);
    });
    return { status: answer.statusCode!, body: await text(answer) };
  } catch (error) {
    throw new UserpipeError(
      "page-unreachable",
      `Nothing answers at ${url}: ${messageOf(error)}`,
      "Start a process with a page there: userpipe up, or ingest --every or stream with --dashboard",
      { cause: error },
    );
  }
}
