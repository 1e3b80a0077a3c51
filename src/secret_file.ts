/** Reads the files that settings name: secrets and certificates. An error names the file and what is wrong with it, never what is in it. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { messageOf, UserpipeError } from "./errors.ts";

/**
 * A secret from a file, without the newline that an editor leaves behind it.
 * @param what for messages: `the password of Kafka`
 * @param setting for the hint: `--kafka-sasl-password-file`
 * @throws {UserpipeError} `settings` where it cannot be read or is empty
 */
export async function secretIn(path: string, what: string, setting: string): Promise<string> {
  const secret = (await textOf(path, what, setting)).replace(/\r?\n$/, "");
  if (secret !== "") return secret;
  throw wrong(`The file of ${what}, "${path}", is empty`, `Put ${what} into it, or name another with ${setting}`);
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/;
const KEY = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/;
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/;

/** Certificates in PEM. @throws {UserpipeError} `settings` where the file cannot be read or holds none */
export async function certificatesIn(path: string, what: string, setting: string): Promise<string> {
  const text = await textOf(path, what, setting);
  if (CERTIFICATE.test(text)) return text;
  throw noPem(text, path, what, "certificate");
}

/**
 * A private key in PEM; one that is encrypted is given in the clear.
 * @throws {UserpipeError} `settings` where the file cannot be read, holds none, or has another passphrase
 */
export async function keyIn(path: string, what: string, setting: string, passphrase?: string): Promise<string> {
  const text = await textOf(path, what, setting);
  if (!KEY.test(text)) throw noPem(text, path, what, "key");
  if (!ENCRYPTED.test(text)) return text;
  if (passphrase === undefined) {
    throw wrong(
      `The file of ${what}, "${path}", is encrypted, and no passphrase is given`,
      `Name a file with it with ${
        setting.replace("-file", "-passphrase-file")
      }, or decrypt the key: openssl pkey -in …`,
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
    const { mode } = await Deno.stat(path);
    return mode !== null && (mode & 0o004) !== 0;
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
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const message = `Cannot read ${what} in "${path}": ${messageOf(error)}`;
    throw wrong(message, `Name another file with ${setting}, or let this user read it`, error);
  }
}

function wrong(message: string, hint: string, cause?: unknown): UserpipeError {
  return new UserpipeError("settings", message, hint, { cause });
}
