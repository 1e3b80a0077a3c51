/** Requests to a registry that speaks Confluent's API, and what its refusals are as operating errors. */
import { messageOf, UserpipeError } from "../errors.ts";
import { tlsRefusal } from "../tls.ts";
import { whyUnreached } from "../unreached.ts";

export interface Access {
  /** The root of the API; a user and a password in it are used and never shown. */
  url: string;
  user?: string;
  password?: string;
  /** Authorities that are trusted beside those that publicly are, in PEM. */
  ca?: string;
}

interface Answer {
  status: number;
  text: string;
  /** Where a redirect leads to. */
  location: string | null;
}

/** The API's codes of what is not there: a subject, a version, a schema. */
const NOT_THERE: readonly unknown[] = [40401, 40402, 40403];
const TIMEOUT_MS = 10_000;
/** Of an answer: more than any schema has. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Of an answer that is quoted. */
const QUOTED_CHARS = 300;
const TYPE = "application/vnd.schemaregistry.v1+json";

export class ConfluentHttp {
  /** As {@linkcode Registry.name}. */
  readonly name: string;
  readonly #root: string;
  readonly #headers: Record<string, string>;
  readonly #user: string;
  readonly #ca: string | undefined;

  constructor({ url, user, password, ca }: Access) {
    const root = new URL(url);
    this.#ca = ca;
    this.#user = user ?? decodeURIComponent(root.username);
    const secret = password ?? decodeURIComponent(root.password);
    root.username =
      root.password =
      root.search =
      root.hash =
        "";
    this.#root = root.href.replace(/\/+$/, "");
    this.name = `the schema registry at "${this.#root}"`;
    this.#headers = { accept: `${TYPE}, application/json`, "content-type": TYPE };
    if (this.#user !== "" || secret !== "") this.#headers.authorization = basic(this.#user, secret);
  }

  /**
   * @param path behind the root
   * @param body makes it a POST
   * @param limitMs for the whole answer
   * @returns the answer; undefined where what it names is not there
   * @throws {UserpipeError} `registry-unreachable`, `registry-refused`, `not-authorised`; `schema-differs` for a conflict
   */
  async ask<T>(path: string, body?: unknown, limitMs = TIMEOUT_MS): Promise<T | undefined> {
    const { status, text, location } = await this.#request(path, body, limitMs);
    const answer = parsed(text);
    if (status === 200 && answer !== undefined) return answer as T;
    if (status >= 300 && status < 400) throw this.#redirected(status, location);
    const { error_code: code, message = "" }: { error_code?: unknown; message?: unknown } = answer ?? {};
    if (status === 404 && NOT_THERE.includes(code)) return undefined;
    if (answer === undefined && !LOGIN.includes(status) && !passes(status)) {
      throw this.noRegistry(status, isPage(text) ? "a web page" : "no JSON");
    }
    throw this.#refusal(status, String(message).slice(0, QUOTED_CHARS));
  }

  /** Of an answer that is not in the registry's language. */
  noRegistry(status = 200, what = "JSON that is not of a registry's API"): UserpipeError {
    return new UserpipeError(
      "registry-refused",
      `What is at "${this.#root}" answers with ${what} (${status}): it is no schema registry`,
      `${NO_ROOT}, and no login page is before it`,
    );
  }

  async #request(path: string, body: unknown, limitMs: number): Promise<Answer> {
    const request = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    try {
      // Requests are rare: nothing is held open for the next.
      using client = this.#ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [this.#ca] });
      const response = await fetch(`${this.#root}${path}`, {
        ...request,
        client,
        headers: this.#headers,
        // The password goes to nobody else.
        redirect: "manual",
        signal: AbortSignal.timeout(limitMs),
      });
      const { status, headers } = response;
      return { status, text: await this.#textOf(response), location: headers.get("location") };
    } catch (error) {
      if (error instanceof UserpipeError) throw error;
      const kept = tlsRefusal(error, "registry");
      if (kept !== undefined) {
        const code = kept.refused ? "not-authorised" : "registry-unreachable";
        throw new UserpipeError(code, `Cannot reach ${this.name}: ${kept.why}`, kept.hint, { cause: messageOf(error) });
      }
      // Why it failed stands in the cause, where there is one.
      const why = whyUnreached((error as Error).cause ?? error);
      throw new UserpipeError(
        "registry-unreachable",
        `Cannot reach ${this.name}${why}`,
        "Start it, or look at the address in SCHEMA_REGISTRY_URL",
        { cause: messageOf(error) },
      );
    }
  }

  async #textOf(response: Response): Promise<string> {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw this.#refusal(response.status, `more than ${MOST_BYTES / 1024 ** 2} MiB`);
      chunks.push(chunk);
    }
    return await new Blob(chunks).text();
  }

  #redirected(status: number, location: string | null): UserpipeError {
    const to = location === null ? null : URL.parse(location, `${this.#root}/`);
    // What stands behind the path is between the two of them.
    const where = to === null ? "elsewhere" : `to "${to.origin}${to.pathname}"`;
    return new UserpipeError(
      "registry-refused",
      `${this.#capital} sends on ${where} (${status}), which is not followed: the password is for nobody else`,
      "If that is the registry, name its root in SCHEMA_REGISTRY_URL; if it is a login page, name an address that lets programs by it",
    );
  }

  get #capital(): string {
    return `T${this.name.slice(1)}`;
  }

  #refusal(status: number, said: string): UserpipeError {
    const why = said === "" ? `answers with ${status}` : `answers with ${status}: ${said.replace(/[.\s]+$/, "")}`;
    const capital = this.#capital;
    if (LOGIN.includes(status)) {
      const who = this.#headers.authorization === undefined ? "anonymous access" : `the user "${this.#user}"`;
      return new UserpipeError(
        "not-authorised",
        `${capital} refuses ${who} (${status})`,
        "Give SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, and the user the right to read and write the subject",
      );
    }
    if (status === 409) return new UserpipeError("schema-differs", `${capital} ${why}`, DIFFERS_HINT);
    if (passes(status)) {
      return new UserpipeError("registry-unreachable", `${capital} ${why}`, "Look at its log, or try again later");
    }
    const hint = status === 422 ? "Look at what the registry takes: its mode, and its rules for this subject" : NO_ROOT;
    return new UserpipeError("registry-refused", `${capital} ${why}`, hint);
  }
}

/** Of a refusal to let somebody in. */
const LOGIN: readonly number[] = [401, 403];
const NO_ROOT =
  "Look whether SCHEMA_REGISTRY_URL is the root of Confluent's API there (Apicurio has it at /apis/ccompat/v7)";

/** Whether it may be otherwise a little later. */
function passes(status: number): boolean {
  return status >= 500 || status === 408 || status === 429;
}

function isPage(text: string): boolean {
  return /^\s*<(?:!doctype html|html)/i.test(text);
}

/** What can be done about a schema that is refused. */
export const DIFFERS_HINT =
  "Publish to another topic (--topic), or loosen the subject's compatibility in the registry where all who read it are ready";

function basic(user: string, password: string): string {
  return `Basic ${new TextEncoder().encode(`${user}:${password}`).toBase64()}`;
}

/** JSON of an object, as all of the API's answers are; else undefined. */
function parsed(text: string): object | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === "object" && answer !== null ? answer : undefined;
  } catch {
    return undefined;
  }
}
