/** `healthcheck`: whether the process whose page is at an address works, by what its `/readyz` says. */
import { get as getHttp, type IncomingMessage } from "node:http";
import { get as getHttps } from "node:https";
import { text } from "node:stream/consumers";
import { urlOf } from "../dashboard/listen.ts";
import type { Readiness } from "../dashboard/readiness.ts";
import { EXIT, messageOf, UserpipeError } from "../errors.ts";
import { shown } from "../shown.ts";
import type { Context } from "./command.ts";
import { certificatesOf } from "../settings_files.ts";
import { whereOf } from "./dashboard.ts";

/** The process gives each of its ends less. */
const LIMIT_MS = 5_000;

export async function healthcheck({ settings, args: [given], terminal }: Context): Promise<number> {
  const { address, scheme } = addressIn(given);
  const { host, port } = whereOf("healthcheck", settings, address);
  const ca = scheme === "http:" ? undefined : await certificatesOf("tlsCert", settings);
  const url = urlOf({ host, tls: scheme === "https:" ? scheme : ca }, port);
  if (scheme === "https:" && ca === undefined) throw wantsCertificate(url);
  const { status, body } = await ask(`${url}/readyz`, ca);
  const parts = partsOf(url, status, body);
  for (const part of parts) {
    terminal.print(shown(`${part.ok ? "ok  " : "fail"}  ${part.name}${!part.ok && part.why ? `: ${part.why}` : ""}`));
  }
  return parts.every(({ ok }) => ok) ? EXIT.done : EXIT.found;
}

/** Of a page's address in whole, as a process that shows one prints it; anything else is as it was given. */
function addressIn(given: string | undefined): { address: string | undefined; scheme?: string } {
  const url = URL.parse(given ?? "");
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.username || url.password) {
    return { address: given };
  }
  const { protocol: scheme, hostname, port } = url;
  return { address: `${hostname}:${port || (scheme === "https:" ? 443 : 80)}`, scheme };
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

/**
 * Nothing secret is sent, and what answers is a process of this machine: its certificate need not be one for its address.
 * @param ca without any, https would take those of the system, which are not for the program to read
 */
async function ask(url: string, ca: string | undefined): Promise<{ status: number; body: string }> {
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { signal: AbortSignal.timeout(LIMIT_MS), agent: false };
      const request = ca === undefined
        ? getHttp(url, options, resolve)
        : getHttps(url, { ...options, ca, rejectUnauthorized: false }, resolve);
      request.on("error", reject);
    });
    return { status: answer.statusCode!, body: await text(answer) };
  } catch (error) {
    if (isAlert(error)) throw wantsCertificate(url);
    throw new UserpipeError(
      "page-unreachable",
      `Nothing answers at ${url}: ${messageOf(error)}`,
      "Start a process with a page there: userpipe up, or ingest --every or stream with --dashboard",
      { cause: error },
    );
  }
}

/** Of the records of TLS, https://www.rfc-editor.org/rfc/rfc8446#section-5.1, the one that says what is wrong. */
const ALERT = 21;

/** Whether an answer that is no HTTP is what a server that speaks TLS says to a request in the clear. */
function isAlert(error: unknown): boolean {
  return (error as { rawPacket?: Uint8Array }).rawPacket?.[0] === ALERT;
}

function wantsCertificate(url: string): UserpipeError {
  return new UserpipeError(
    "settings",
    `What answers at ${new URL(url).host} is asked by TLS, and no certificate is named`,
    "Name the page's with USERPIPE_TLS_CERT or --tls-cert, and leave out http://",
  );
}
