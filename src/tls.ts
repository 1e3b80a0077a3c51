/** TLS with the ends: what is shown and trusted, and what a failed handshake means and how it is mended. */
import type { ConnectionOptions } from "node:tls";

/** All of it in PEM. */
export interface Tls {
  /** Authorities whose certificates are trusted; left out: those that are publicly trusted. */
  ca?: string;
  /** The certificate that is shown, with its key; left out: none. */
  cert?: string;
  key?: string;
  /** The name that the other end's certificate must have; left out: its address. */
  serverName?: string;
}

/** Who logs in. */
export interface Login {
  username: string;
  password: string;
}

/** As node's `tls.connect` takes it. Nothing is left undefined: it would stand over what a driver puts beside it. */
export function tlsOptions({ ca, cert, key, serverName }: Tls): ConnectionOptions {
  return {
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** Whose settings a hint names. */
export type End = "kafka" | "cassandra" | "registry";

/** Why there is no connection, where that is no matter of being reached. */
export interface Refusal {
  /** A clause to go behind an address and a colon: `its certificate has expired`. */
  why: string;
  hint: string;
  /** Whether it is the other end that does not let us in. */
  refused: boolean;
}

/** What an end that was spoken to in plain says of itself. */
export const SPEAKS_TLS = "it speaks TLS only";

/** Of who takes the connection and leaves TLS's hello unanswered. */
export const SILENT_IN_TLS = "it takes connections and answers nothing in TLS";

/** What node calls a certificate that it does not take, also one that has expired: a look at it says more. */
export const NOT_TAKEN: ReadonlySet<unknown> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);
/** What such a certificate is found to be once it is looked at. */
export const EXPIRED = "its certificate has expired";
export const NOT_YET_VALID = "its certificate is not valid yet";

/**
 * What TLS has against a connection; undefined where an error is of something else.
 * @param error what the handshake threw, a driver's words around it included
 */
export function tlsRefusal(error: unknown, end: End): Refusal | undefined {
  const said = saidBy(error);
  const found = TROUBLES.find(({ said: pattern }) => pattern.test(said));
  if (found === undefined) return undefined;
  const { why, hint, refused = false } = found;
  const names = why === OTHER_NAME ? namesIn(error, said) : "";
  return { why: names === "" ? why : `${why} (it is for ${names})`, hint: hint(end), refused };
}

/** An error's words, and those of what caused it: drivers wrap what the handshake threw. */
function saidBy(error: unknown): string {
  const { code, message } = (error ?? {}) as Record<string, unknown>;
  const inner = behind(error);
  return `${code ?? ""} ${message ?? ""}${inner === undefined ? "" : ` ${saidBy(inner)}`}`;
}

function behind(error: unknown): unknown {
  const { cause, innerError } = (error ?? {}) as Record<string, unknown>;
  return cause ?? innerError;
}

/** `DNS:a.test, IP Address:10.0.0.1`: the certificate's own names, where the error has it or tells; else nothing. */
function namesIn(error: unknown, said: string): string {
  for (let at = error; at !== undefined && at !== null; at = behind(at)) {
    const { cert } = at as { cert?: { subjectaltname?: string; subject?: { CN?: string } } };
    const names = cert?.subjectaltname || cert?.subject?.CN;
    if (names) return names;
  }
  return [...said.matchAll(DENO_NAME)].map(([, name, ip]) => ip === undefined ? `DNS:${name}` : `IP Address:${ip}`)
    .join(", ");
}

/** As Deno's fetch writes one. */
const DENO_NAME = /DnsName\("(.+?)"\)|IpAddress\((.+?)\)/g;

interface Trouble {
  /** The code or the words of Deno's TLS, or ours. */
  said: RegExp;
  why: string;
  hint: (end: End) => string;
  refused?: boolean;
}

const OTHER_NAME = "its certificate is for another name";
const NO_AUTHORITY = "its certificate is signed by no authority that is trusted here";

/** An alert is what the other end says of us; the others are what we say of it. */
const TROUBLES: readonly Trouble[] = [
  {
    said: /fatal alert: (?:CertificateRequired|BadCertificate|UnknownCA|UnsupportedCertificate|AccessDenied)/,
    why: "it lets nobody in without a certificate that it trusts",
    hint: (end) =>
      end === "registry"
        ? NONE_SHOWN
        : `Name one that it trusts with --${end}-cert-file, and its key with --${end}-key-file`,
    refused: true,
  },
  {
    said: /fatal alert: (?:CertificateExpired|CertificateUnknown|CertificateRevoked|DecryptError)/,
    why: "it does not take our certificate: it is not trusted there, has expired, or is not a client's",
    hint: lookAtOurs,
    refused: true,
  },
  {
    said: /fatal alert: (?:ProtocolVersion|HandshakeFailure|InsufficientSecurity)|ERR_SSL_(?:UNSUPPORTED|NO_)/,
    why: "it speaks no TLS that is known here, or lets nobody in without a certificate",
    hint: (end) =>
      end === "registry"
        ? `Let it speak TLS 1.2 or 1.3. ${NONE_SHOWN}`
        : `Let it speak TLS 1.2 or 1.3; where it asks for a certificate, name one with --${end}-cert-file`,
    refused: true,
  },
  {
    said: /fatal alert: /,
    why: "it breaks off TLS's handshake, as who does not trust our certificate may",
    hint: lookAtOurs,
  },
  {
    said: /ERR_TLS_CERT_ALTNAME_INVALID|certificate not valid for name/,
    why: OTHER_NAME,
    hint: (end) => `${RIGHT_NAME[end]}, or have its certificate made for that name too (subject alternative name)`,
  },
  {
    said: new RegExp(`${EXPIRED}|certificate expired`),
    why: EXPIRED,
    hint: () => "Have it made anew, or set the clock of this machine",
  },
  {
    said: new RegExp(`${NOT_YET_VALID}|certificate not valid yet`),
    why: NOT_YET_VALID,
    hint: () => "Set the clock of this machine, or that of the machine that made it",
  },
  {
    said: /DEPTH_ZERO_SELF_SIGNED_CERT|self-signed certificate(?! in)/,
    why: `${NO_AUTHORITY} (self-signed)`,
    hint: (end) => `Name the certificate itself, or that of its authority, in PEM, ${TRUSTED[end]}`,
  },
  {
    // Deno's fetch takes none that may sign others, whether it is trusted or not.
    said: /CaUsedAsEndEntity/,
    why: `${NO_AUTHORITY} (self-signed)`,
    hint: (end) => `Have it made anew as a server's (basicConstraints=CA:FALSE), and name it, in PEM, ${TRUSTED[end]}`,
  },
  {
    said:
      /UNABLE_TO_(?:VERIFY_LEAF|GET_ISSUER)|SELF_SIGNED_CERT_IN_CHAIN|in certificate chain|UnknownIssuer|BadSignature/,
    why: NO_AUTHORITY,
    hint: (end) => `Name the certificate of its authority, or itself where it is self-signed, in PEM, ${TRUSTED[end]}`,
  },
  {
    said: /ERR_SSL_WRONG_VERSION_NUMBER|InvalidContentType|before secure TLS connection was established/,
    why: "it does not speak TLS there",
    hint: (end) =>
      `${
        end === "registry" ? "Begin SCHEMA_REGISTRY_URL with http:" : `Leave out --${end}-tls`
      }, or name the port where it speaks TLS`,
  },
  {
    said: new RegExp(SILENT_IN_TLS),
    why: SILENT_IN_TLS,
    hint: (end) =>
      `Look whether it hangs or is overloaded, and whether TLS is spoken at that port: else leave out --${end}-tls`,
  },
  { said: new RegExp(SPEAKS_TLS), why: SPEAKS_TLS, hint: (end) => `Add --${end}-tls (${end.toUpperCase()}_TLS=true)` },
];

const NONE_SHOWN = "Let it take clients without a certificate: a schema registry is shown none";

function lookAtOurs(end: End): string {
  return end === "registry" ? NONE_SHOWN : `Look at the certificate in --${end}-cert-file, and at the other end's log`;
}

/** Where what is trusted is named. */
const TRUSTED: Record<End, string> = {
  kafka: "with --kafka-ca-file",
  cassandra: "with --cassandra-ca-file",
  registry: "with --schema-registry-ca-file, or set DENO_TLS_CA_STORE=system where this machine trusts it",
};

const RIGHT_NAME: Record<End, string> = {
  kafka: "Name it in --brokers, and in its advertised.listeners, as its certificate does",
  cassandra: "Give a name that all nodes' certificates have with --cassandra-server-name",
  registry: "Name it in SCHEMA_REGISTRY_URL as its certificate does",
};
