/** The page of a data folder, served within the test's own process, and asked as browsers, scripts and other pages do. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import { accessOf } from "../../src/dashboard/access.ts";
import { listen } from "../../src/dashboard/listen.ts";
import { parseAddress } from "../../src/settings_dashboard.ts";
import { resolveSettings } from "../../src/settings.ts";
import { withFolder } from "./cli.ts";
import { watched } from "./secrets.ts";

export interface PageOptions {
  /** The data folder is `userpipe-data` in it. */
  cwd: string;
  /** By setting name. */
  flags?: Record<string, string>;
  env?: Record<string, string>;
}

export interface ShownPage extends AsyncDisposable {
  url: string;
  port: number;
  /** Every answer's body has to be read. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** A POST as the page makes it. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** The head and the body of what is answered to the lines as they are, which fetch would not send so. */
  raw(...lines: string[]): Promise<string>;
  close(): Promise<void>;
}

export async function showPage({ cwd, flags = {}, env = {} }: PageOptions): Promise<ShownPage> {
  const { settings: names } = COMMANDS.find(({ name }) => name === "dashboard")!;
  const settings = resolveSettings(names, { dataDir: join(cwd, "userpipe-data"), ...flags }, () => undefined);
  const address = parseAddress("127.0.0.1:0");
  assert.ok(address.ok);
  const access = await accessOf(settings, address.value, (name) => env[name]);
  const { url, port, close } = listen({ settings, access });
  const caCerts = access.tls === undefined ? [] : [access.tls.cert];
  const client = Deno.createHttpClient({ caCerts });
  const ask = async (path: string, init: RequestInit = {}) =>
    watched(await fetch(`${url}${path}`, { ...init, client, redirect: "manual" }), `the page's answer to ${path}`);
  let ended: Promise<void> | undefined;
  const end = () => ended ??= close().then(() => client.close());
  return {
    url,
    port,
    ask,
    post: (path, body, headers = {}) =>
      ask(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      }),
    async raw(...lines) {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(new TextEncoder().encode([...lines, "Connection: close", "", ""].join("\r\n")));
      return await new Response(connection.readable).text();
    },
    close: end,
    [Symbol.asyncDispose]: end,
  };
}

/** A test of the page of a folder of its own. */
export function pageTest(
  name: string,
  work: (page: ShownPage) => Promise<void>,
  options: Omit<PageOptions, "cwd"> = {},
): void {
  Deno.test(name, () =>
    withFolder(async (cwd) => {
      await using page = await showPage({ cwd, ...options });
      await work(page);
    }));
}

/** Paths that change something. */
export const CHANGES = [
  "/api/schedule/pause",
  "/api/schedule/resume",
  "/api/runs/trigger",
  "/api/runs/abc/retry",
  "/api/dead-letters/replay",
  "/logout",
];

/** What went wrong, as the page is told. */
export async function errorOf(
  answer: Response,
): Promise<{ status: number; code: string; message: string; hint: string }> {
  const { error } = await answer.json();
  return { status: answer.status, ...error };
}

export async function refusalOf(answer: Response): Promise<[status: number, code: string]> {
  const { status, code } = await errorOf(answer);
  return [status, code];
}

/** The headers by which a signed-in page changes something. */
export async function signIn(
  page: ShownPage,
  password: string,
): Promise<{ cookie: string; "x-userpipe-csrf": string }> {
  const answer = await page.post("/login", { password });
  assert.equal(answer.status, 204, await answer.text());
  const cookie = answer.headers.get("set-cookie")!.split(";")[0]!;
  const session = await (await page.ask("/api/session", { headers: { cookie } })).json();
  return { cookie, "x-userpipe-csrf": session.csrf };
}

/** The events of a stream as they come: `[name, data]`. It ends where the server ends it. */
export async function* eventsOf(answer: Response): AsyncGenerator<[name: string, data: unknown]> {
  let rest = "";
  for await (const text of answer.body!.pipeThrough(new TextDecoderStream())) {
    const events = (rest + text).split("\n\n");
    rest = events.pop()!;
    for (const event of events) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
      if (name !== undefined) yield [name, JSON.parse(data!)];
    }
  }
}
