/** A certificate of localhost and 127.0.0.1 by itself, with its key: for tests alone, known to everyone and trusted by nobody. */

import type { Identity } from "./certificates.ts";

export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEcYVvleK2eAW3/N
sM1jRfps3rfzPn4nJ0uQgzg81BnsDQqCH9jEhaS+o/zg7HfdYkI6Z2slxuVYesgb
zoBvWv+jYDBeMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAMBgNVHRMBAf8E
AjAAMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBTI2om+XJpt7x9G6qSU
l141HEXI6DAKBggqhkjOPQQDAgNIADBFAiBwM1CLJNSDabABPGjePfHeNqyGPqyz
eLAIpbl9YEQ7dgIhAOdupagR1fv7t1iBRe3vfoLGIbOgEYEOOR6mqDiH4OPW
-----END CERTIFICATE-----
`;

export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7TwHB4f3v/SAKYqu
sz96JY8f6kUcGSYsxNcaryO/ljyhRANCAARHGFb5XitngFt/zbDNY0X6bN638z5+
JydLkIM4PNQZ7A0Kgh/YxIWkvqP84Ox33WJCOmdrJcblWHrIG86Ab1r/
-----END PRIVATE KEY-----
`;

/** A server of TLS and nothing else, for certificates that a Kafka or a Cassandra would not start with. */
export function tlsServer({ cert, key }: Identity): { at: string; close(): Promise<void> } {
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const accepting = (async () => {
    for await (const connection of listener) connection.handshake().catch(() => {}).finally(() => connection.close());
  })().catch(() => {});
  return {
    at: `localhost:${(listener.addr as Deno.NetAddr).port}`,
    close: () => (listener.close(), accepting),
  };
}
