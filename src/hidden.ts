/** How what is secret is shown: not at all, or as far as an address is none. */

/** Stands for a secret, wherever one would be shown. */
export const HIDDEN = "********";

/** What a query of an address may show: libpq's word for how a connection is made safe. */
const PLAIN_PARAMETERS = ["sslmode"];

/**
 * An address without its secrets: the user stays, the password and whatever its query asks for are hidden. One without any is as it
 * was given, and one that cannot be read is hidden whole.
 */
export function withoutSecrets(address: string): string {
  const url = URL.parse(address.trim());
  // Such as user:password@host, which is read as an address of the scheme "user".
  if (url === null || url.host === "") return HIDDEN;
  const { protocol, username, password, host, pathname, search } = url;
  if (password === "" && search === "") return address;
  const user = password === "" ? username : `${username}:${HIDDEN}`;
  const query = [...url.searchParams].map(([name, value]) => {
    return `${encodeURIComponent(name)}=${PLAIN_PARAMETERS.includes(name) ? value : HIDDEN}`;
  });
  return `${protocol}//${user === "" ? "" : `${user}@`}${host}${pathname}${search === "" ? "" : `?${query.join("&")}`}`;
}

/** Of an address whose path is a secret too, as that of a service that takes notices: `https://host/********`. */
export function hostAlone(address: string): string {
  const url = URL.parse(address.trim());
  return url === null || url.host === "" ? HIDDEN : `${url.protocol}//${url.host}/${HIDDEN}`;
}

/**
 * The address that `recorded` was made of by {@linkcode withoutSecrets}: itself where it hides nothing, else `named` where that
 * is the same without its secrets.
 * @returns null where its secrets are not known
 */
export function withSecrets(recorded: string, named: string | undefined): string | null {
  if (!recorded.includes(HIDDEN)) return recorded;
  return named !== undefined && withoutSecrets(named) === recorded ? named : null;
}
