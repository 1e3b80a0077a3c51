/** Reads the files that settings name: secrets and certificates. An error names the file and what is wrong with it, never what is in it. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { sleep } from "./backoff.ts";
import { messageOf, UserpipeError } from "./errors.ts";

const MAX_SECRET_BYTES = 64 * 1024;
/** The authorities of a whole operating system are a quarter of it. */
const MAX_PEM_BYTES = 1024 * 1024;
/** A pipe gives what is in it within this, in ms. */
const READ_MS = 10_000;

/**
 * A secret from a file: one line of text, without the newline that an editor leaves behind it.
 * @param what for messages: `the password of Kafka`
 * @param setting for the hint: `--kafka-sasl-password-file`
 * @param limitMs for all of it: a pipe that nobody writes into gives nothing for ever
 * @throws {UserpipeError} `settings` where it cannot be read, is empty, or is anything else
 */
export async function secretIn(path: string, what: string, setting: string, limitMs = READ_MS): Promise<string> {
  const bytes = await bytesIn(path, what, setting, MAX_SECRET_BYTES, limitMs);
  const secret = plainText(bytes)?.replace(/\r?\n$/, "");
  const file = `The file of ${what}, "${path}"`;
  if (secret === undefined) {
    throw wrong(`${file}, is no text in UTF-8`, `Write ${what} into it as UTF-8, or name another with ${setting}`);
  }
  if (secret.trim() === "") {
    throw wrong(`${file}, is empty`, `Put ${what} into it, or name another with ${setting}`);
  }
  if (!/[\r\n]/.test(secret)) return secret;
  throw wrong(
    `${file}, has more than one line`,
    `Leave ${what} alone in it, in one line, or name another with ${setting}`,
  );
}

/** Undefined where it is none. That of other encodings has bytes that UTF-8 has not, or zeros. */
function plainText(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/;
const CERTIFICATES = /-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs;
const KEY = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/;
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/;

/** Certificates in PEM. @throws {UserpipeError} `settings` where the file cannot be read or holds none that is whole */
export async function certificatesIn(path: string, what: string, setting: string): Promise<string> {
  const text = await textOf(path, what, setting);
  if (!CERTIFICATE.test(text)) throw noPem(text, path, what, "certificate");
  // Of many authorities the runtime leaves out what it cannot read.
  const whole = text.match(CERTIFICATES) ?? [];
  if (/-----BEGIN (?:TRUSTED|X509) /.test(text) || whole.some(isCertificate)) return text;
  const hint = `Look at it with: openssl x509 -noout -text -in "${path}", or name another with ${setting}`;
  throw wrong(`The file of ${what}, "${path}", holds no certificate that can be read: it is damaged`, hint);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** As {@linkcode certificatesIn}, for Deno's fetch. @throws {UserpipeError} `settings`, also where it would not take one */
export async function trustedIn(path: string, what: string, setting: string): Promise<string> {
  const text = await certificatesIn(path, what, setting);
  try {
    Deno.createHttpClient({ caCerts: [text] }).close();
    return text;
  } catch (error) {
    const message = `The file of ${what}, "${path}", holds a certificate that cannot be read: ${messageOf(error)}`;
    throw wrong(message, "Look at it with: openssl x509 -noout -text", error);
  }
}

/**
 * A private key in PEM; one that is encrypted is given in the clear.
 * @throws {UserpipeError} `settings` where the file cannot be read, holds none, or has another passphrase
 */
export async function keyIn(
  path: string,
  what: string,
  { setting, passphrase, passphraseFlag }: { setting: string; passphrase?: string; passphraseFlag?: string },
): Promise<string> {
  const text = await textOf(path, what, setting);
  if (!KEY.test(text)) throw noPem(text, path, what, "key");
  if (!ENCRYPTED.test(text)) return text;
  if (passphrase === undefined) {
    throw wrong(
      `The file of ${what}, "${path}", is encrypted, and no passphrase is given`,
      `${passphraseFlag === undefined ? "D" : `Name a file with it with ${passphraseFlag}, or d`}ecrypt the key: ` +
        "openssl pkey -in …",
    );
  }
  try {
    return createPrivateKey({ key: text, passphrase }).export({ type: "pkcs8", format: "pem" }).toString();
  } catch (error) {
    throw wrong(
      `The file of ${what}, "${path}", is not opened by the passphrase that is given`,
      "Look at the passphrase; PKCS#8 is understood: openssl pkcs8 -topk8 -in key.pem",
      error,
    );
  }
}

/** @throws {UserpipeError} `settings` where a certificate, the first of `cert`, has another key: it would be shown to nobody */
export function assertPair(cert: string, key: string, paths: { cert: string; key: string }): void {
  let fits: boolean;
  try {
    fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    const message = `Cannot read the certificate in "${paths.cert}", or its key in "${paths.key}": ${messageOf(error)}`;
    throw wrong(message, "Look at both with: openssl x509 -noout -text, and openssl pkey -noout -text", error);
  }
  if (fits) return;
  throw wrong(
    `The key in "${paths.key}" is not that of the certificate in "${paths.cert}"`,
    "Name the key that the certificate was made with; of a chain the own certificate comes first",
  );
}

/** Whether every user of the machine may read a file; one that cannot be looked at is no matter of this. */
export async function isOpenToAll(path: string): Promise<boolean> {
  try {
    const { mode, isFile } = await Deno.stat(path);
    return isFile && mode !== null && (mode & 0o004) !== 0;
  } catch {
    return false;
  }
}

function noPem(text: string, path: string, what: string, part: string): UserpipeError {
  return wrong(
    text.trim() === ""
      ? `The file of ${what}, "${path}", is empty`
      : `The file of ${what}, "${path}", holds no ${part} in PEM`,
    "A PKCS#12 file becomes PEM by: openssl pkcs12 -in file.p12 -nodes (a Java keystore by keytool -importkeystore " +
      "-deststoretype PKCS12 first)",
  );
}

async function textOf(path: string, what: string, setting: string): Promise<string> {
  return new TextDecoder().decode(await bytesIn(path, what, setting, MAX_PEM_BYTES));
}

async function bytesIn(
  path: string,
  what: string,
  setting: string,
  mostBytes: number,
  limitMs = READ_MS,
): Promise<Uint8Array> {
  const unread = (why: string, hint: string, cause?: unknown) =>
    wrong(`Cannot read ${what} in "${path}": ${why}`, hint, cause);
  const read = async () => {
    using file = await Deno.open(path);
    if ((await file.stat()).isDirectory) throw unread("it is a folder", `Name a file with ${setting}`);
    return await bytesOf(file, mostBytes);
  };
  const late = async (signal: AbortSignal) => {
    await sleep(limitMs, signal);
    if (signal.aborted) return;
    const why = `it gave nothing whole in ${limitMs / 1_000} s`;
    throw unread(why, `Look whether anything writes into it and closes it, or name another file with ${setting}`);
  };
  let bytes: Uint8Array | undefined;
  const done = new AbortController();
  try {
    const reading = read().finally(() => done.abort());
    await Promise.race([reading, late(done.signal)]);
    bytes = await reading;
  } catch (error) {
    if (error instanceof UserpipeError) throw error;
    const another = `or name another file with ${setting}`;
    if (error instanceof Deno.errors.NotFound) {
      throw unread("there is no such file", `Look at the path, ${another}`, error);
    }
    if (error instanceof Deno.errors.NotADirectory) {
      throw unread("a part of its path is no folder", `Look at the path, ${another}`, error);
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw unread("this user may not read it", `Let this user read the file and enter its folders, ${another}`, error);
    }
    throw unread(messageOf(error), `Look at the file and its disk, ${another}`, error);
  }
  if (bytes !== undefined) return bytes;
  throw unread(`it is larger than ${mostBytes / 1024} KiB`, `Name the file that has ${what} alone with ${setting}`);
}

/** Undefined where there are more than `mostBytes`. A pipe gives them in pieces, and has no size. */
async function bytesOf(file: Deno.FsFile, mostBytes: number): Promise<Uint8Array | undefined> {
  const into = new Uint8Array(mostBytes + 1);
  let length = 0;
  while (length <= mostBytes) {
    const read = await file.read(into.subarray(length));
    if (read === null) return into.subarray(0, length);
    length += read;
  }
}

function wrong(message: string, hint: string, cause?: unknown): UserpipeError {
  return new UserpipeError("settings", message, hint, { cause });
}
