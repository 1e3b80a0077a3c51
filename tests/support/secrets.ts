/**
 * The secrets that tests use, made here so that each is known again wherever it turns up: whatever the program wrote or
 * printed in a test is searched for them, and a test whose secret is found fails.
 */
import { Buffer } from "node:buffer";
import { AssertionError } from "node:assert/strict";
import { join, relative } from "node:path";

/** In every secret: what is found is a test's, whoever looks for it. */
const INFIX = "zQsecretQz";

/** By the secret, what it is of. */
const made = new Map<string, string>();
/** Files and folders that a test has put secrets into by itself. */
const allowed = new Set<string>();

/** A secret of its own: letters, digits and `-`. @param of for the message where it is found: `the page's password` */
export function secretOf(of: string): string {
  return register(newSecret(), of);
}

/** One with what has to be encoded in an address. */
export function oddSecretOf(of: string): string {
  return register(`é /@:${newSecret()}`, of);
}

function newSecret(): string {
  return `${INFIX}-${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
}

function register(secret: string, of: string): string {
  made.set(secret, of);
  return secret;
}

/** Writes a file that holds a secret because the program is to read it there. @returns its path */
export async function secretFile(folder: string, name: string, secret: string): Promise<string> {
  const path = join(folder, name);
  await Deno.writeTextFile(path, `${secret}\n`);
  allowed.add(path);
  return path;
}

/** Leaves a file, or a folder and all in it, out of the search: a server's own, say. */
export function mayHoldSecrets(path: string): void {
  allowed.add(path);
}

/** The secret that is in it in any form, as words; undefined where there is none. */
export function secretIn(content: string | Uint8Array): string | undefined {
  const bytes = typeof content === "string"
    ? Buffer.from(content)
    : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  for (const [secret, of] of made) {
    for (const [form, text] of formsOf(secret)) if (bytes.includes(text)) return `${of}${form}`;
  }
}

/** @throws {AssertionError} where a secret is in it */
export function assertNoSecret(content: string | Uint8Array, where: string): void {
  const found = secretIn(content);
  if (found !== undefined) throw new AssertionError({ message: `A secret is in ${where}: ${found}` });
}

/** Searches every file of a folder. @throws {AssertionError} that names the files and the secrets in them */
export async function assertNoSecretBelow(folder: string): Promise<void> {
  if (made.size === 0) return;
  const found: string[] = [];
  for await (const path of filesOf(folder)) {
    const secret = secretIn(await Deno.readFile(path));
    if (secret !== undefined) found.push(`${relative(folder, path)}: ${secret}`);
  }
  if (found.length > 0) throw new AssertionError({ message: `Secrets are in files:\n${found.join("\n")}` });
}

/** Whatever passes through is searched when it has ended. @returns the response that is to be read in its place */
export function watched(response: Response, where: string): Response {
  if (response.body === null) return response;
  let text = "";
  const decoder = new TextDecoder();
  const watch = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      text += decoder.decode(chunk, { stream: true });
      assertNoSecret(text, where);
      controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  for (const [name, value] of headers) assertNoSecret(value, `the header ${name} of ${where}`);
  return new Response(response.body.pipeThrough(watch), { status, statusText, headers });
}

async function* filesOf(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (allowed.has(path)) continue;
    if (isDirectory) yield* filesOf(path);
    else if (isFile) yield path;
  }
}

function* formsOf(secret: string): Iterable<[form: string, text: string]> {
  yield ["", secret];
  for (const encode of [encodeURIComponent, encodeURI]) {
    const encoded = encode(secret);
    if (encoded !== secret) yield [" (encoded as in an address)", encoded];
  }
  const json = JSON.stringify(secret).slice(1, -1);
  if (json !== secret) yield [" (escaped as in JSON)", json];
  for (const before of [0, 1, 2]) yield [" (in base64)", base64Within(secret, before)];
}

/** What base64 makes of a text that stands behind `before` other bytes, without the characters that its neighbours share in. */
function base64Within(text: string, before: number): string {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
  const whole = bytes.subarray(0, bytes.length - bytes.length % 3).toString("base64");
  return whole.slice(Math.ceil(before * 8 / 6));
}
