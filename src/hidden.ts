/** How what is secret is shown: not at all, or as far as an address is none. */

/** Stands for a secret, wherever one would be shown. */
export const HIDDEN = "********";

/** Whether a text that should be none may have a login in it like that of an address: `user:password@host`, `token@host`. */
export function hasLogin(text: string): boolean {
  return /.@/s.test(text);
}

/** What a query of an address may show: libpq's word for how a connection is made safe. */
const PLAIN_PARAMETERS = ["sslmode"];

const SECRET_NAME =
  /(?:key|token|secret|passwd|password|passphrase|pwd|auth|authorization|signature|credentials?)$|^(?:pass|sig)$/i;

/** Whether what goes by a name in a query is a secret by that name: `key`, `api_key`, `accessToken`. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

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

/** Shorter ones are in too many words, and are no secrets. */
const MIN_SECRET_CHARS = 4;

/**
 * For what others say of an address, who may quote what is secret in it: its password and what its query asks for are hidden in
 * any text, as they are and as an address, a form, JSON or a login has them. To be used before a text is cut.
 */
export function hidingSecretsOf(address: string): (text: string) => string {
  const forms = [...new Set(secretsOf(address).flatMap(formsOf))].sort((a, b) => b.length - a.length);
  if (forms.length === 0) return (text) => text;
  const pattern = new RegExp(forms.map((form) => form.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|"), "gi");
  return (text) => text.replace(pattern, HIDDEN);
}

/** As they are meant, without what encodes them in an address. */
function secretsOf(address: string): string[] {
  const url = URL.parse(address.trim());
  if (url === null) return [];
  const [user, password] = [url.username, url.password].map(decoded) as [string, string];
  const login = password.length < MIN_SECRET_CHARS ? [] : [password, base64(`${user}:${password}`)];
  const asked = [...url.searchParams].flatMap(([name, value]) => PLAIN_PARAMETERS.includes(name) ? [] : [value]);
  return [...login, ...asked].filter(({ length }) => length >= MIN_SECRET_CHARS);
}

function formsOf(secret: string): string[] {
  const inForm = new URLSearchParams({ "": secret }).toString().slice(1);
  const inUser = Object.assign(new URL("http://host"), { password: secret }).password;
  const inQuery = Object.assign(new URL("http://host"), { search: secret }).search.replace(/^\?/, "");
  const inJson = JSON.stringify(secret).slice(1, -1);
  const forms = [secret, encodeURIComponent(secret), encodeURI(secret), inForm, inUser, inQuery, inJson];
  // An address that is quoted in another is encoded once more.
  return [...forms, ...forms.map(encodeURIComponent)];
}

function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone % is one that stands for itself.
    return text;
  }
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
