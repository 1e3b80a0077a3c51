/** Reads the files that settings name: secrets and certificates. An error names the file and what is wrong with it, never what is in it. */
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

/** What a file in PEM holds. */
const PARTS = {
  certificate: /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/,
  key: /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/,
};

/**
 * The text of a file in PEM.
 * @throws {UserpipeError} `settings` where it cannot be read, or is no such file
 */
export async function pemIn(path: string, part: keyof typeof PARTS, what: string, setting: string): Promise<string> {
  const text = await textOf(path, what, setting);
  if (PARTS[part].test(text)) return text;
  if (/-----BEGIN (?:ENCRYPTED PRIVATE KEY-----|(?:RSA |EC )?PRIVATE KEY-----\r?\nProc-Type: 4,ENCRYPTED)/.test(text)) {
    throw wrong(
      `The file of ${what}, "${path}", is encrypted, which is not supported`,
      "Decrypt it to a file that only you can read: openssl pkey -in encrypted.pem -out key.pem",
    );
  }
  throw wrong(
    text.trim() === ""
      ? `The file of ${what}, "${path}", is empty`
      : `The file of ${what}, "${path}", holds no ${part} in PEM`,
    "A PKCS#12 file becomes PEM by: openssl pkcs12 -in file.p12 -nodes (a Java keystore by keytool -importkeystore " +
      "-deststoretype PKCS12 first)",
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
