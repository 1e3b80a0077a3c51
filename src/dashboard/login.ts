/** Who may do what: signs people in and out, lets scripts read by their token, and guards what changes something. */
import type { Context, Hono, MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { VERSION } from "../version.ts";
import type { Access } from "./access.ts";
import { refuse } from "./answers.ts";
import { randomText, sameSecret, type Session, Sessions, Tries } from "./sessions.ts";

/** What the server hands to the app with each request. */
export interface Environment {
  Bindings: {
    /** Whose request it is: an IP address. */
    address: string;
  };
}

const COOKIE = "userpipe_session";
const CSRF_HEADER = "x-userpipe-csrf";
/** What a script may read by its token. */
const FOR_SCRIPTS = /^\/(metrics$|api\/)/;
/** What says nothing of what is carried: the page as such, and whether the process lives and is ready. */
const FOR_ALL = /^\/($|assets\/|healthz$|readyz$|login$|api\/session$)/;

export class Login {
  readonly #access: Access;
  readonly #sessions = new Sessions();
  readonly #passwords = new Tries();
  readonly #tokens = new Tries();
  /** Of everyone, where no login is needed. */
  readonly #csrf = randomText();

  constructor(access: Access) {
    this.#access = access;
  }

  /** Whether whoever asks may see what is carried. */
  sees(c: Context): boolean {
    return this.#access.password === undefined || this.session(c) !== undefined;
  }

  session(c: Context): Session | undefined {
    return this.#sessions.use(getCookie(c, COOKIE) ?? "");
  }

  /** Whether a stream that was begun may go on: asked without using the session. */
  stillSees({ id }: Pick<Session, "id"> = { id: "" }): boolean {
    return this.#access.password === undefined || this.#sessions.isOpen(id);
  }

  /** Lets through who is signed in or has the token, and everyone where no login is needed. */
  readonly needed: MiddlewareHandler<Environment> = async (c, next) => {
    if (FOR_ALL.test(c.req.path) || this.sees(c)) return await next();
    const given = c.req.header("authorization");
    if (given !== undefined) return this.#byToken(c, given) ?? await next();
    return refuse(c, 401, {
      code: "login",
      message: "A login is needed",
      hint: "Sign in on the page; a script sends the token of USERPIPE_DASHBOARD_TOKEN as a bearer",
    });
  };

  /** @returns the refusal, or undefined where the token is right */
  #byToken(c: Context<Environment>, given: string): Response | undefined {
    const { token } = this.#access;
    const { address } = c.env;
    const waitMs = this.#tokens.waitMs(address);
    if (waitMs > 0) return tooMany(c, waitMs);
    const reads = (c.req.method === "GET" || c.req.method === "HEAD") && FOR_SCRIPTS.test(c.req.path);
    const [, said = ""] = /^Bearer +(\S+)$/i.exec(given) ?? [];
    if (token === undefined || !sameSecret(said, token)) {
      this.#tokens.wrong(address);
      c.header("www-authenticate", "Bearer");
      return refuse(c, 401, { code: "login", message: "The token is wrong", hint: "See USERPIPE_DASHBOARD_TOKEN" });
    }
    if (reads) return undefined;
    return refuse(c, 403, { code: "login", message: "The token is for reading only", hint: "Sign in on the page" });
  }

  /** Whatever changes something says what only the page can know, and none of it passes where the page only reads. */
  readonly changes: MiddlewareHandler<Environment> = async (c, next) => {
    if (c.req.method !== "POST" || c.req.path === "/login") return await next();
    const expected = this.#access.password === undefined ? this.#csrf : this.session(c)?.csrf;
    if (expected === undefined || !sameSecret(c.req.header(CSRF_HEADER) ?? "", expected)) {
      return refuse(c, 403, {
        code: "csrf",
        message: "The request does not come from the page as it was loaded last",
        hint: "Load the page again",
      });
    }
    if (this.#access.readOnly && c.req.path !== "/logout") {
      return refuse(c, 403, {
        code: "read-only",
        message: "This page only shows: it was started with --dashboard-read-only",
        hint: "Use the command line, or start it without",
      });
    }
    return await next();
  };

  routes(app: Hono<Environment>): void {
    app.get("/api/session", (c) => c.json(this.#state(c)));
    app.post("/login", async (c) => {
      const { password } = this.#access;
      if (password === undefined) return c.body(null, 204);
      const given = passwordOf(await c.req.json().catch(() => null));
      // From here to the count of a wrong one nothing is awaited, so that no number of tries at once gets past it.
      const waitMs = this.#passwords.waitMs(c.env.address);
      if (waitMs > 0) return tooMany(c, waitMs);
      if (given === undefined || !sameSecret(given, password)) {
        this.#passwords.wrong(c.env.address);
        return refuse(c, 401, { code: "login", message: "The password is wrong", hint: "Try again" });
      }
      this.#sessions.close(getCookie(c, COOKIE) ?? "");
      setCookie(c, COOKIE, this.#sessions.open().id, this.#cookie(c));
      return c.body(null, 204);
    });
    app.post("/logout", (c) => {
      this.#sessions.close(getCookie(c, COOKIE) ?? "");
      deleteCookie(c, COOKIE, this.#cookie(c));
      return c.body(null, 204);
    });
  }

  #state(c: Context): { login: "none" | "needed" | "done"; readOnly: boolean; version: string; csrf: string } {
    const { password, readOnly } = this.#access;
    const about = { readOnly, version: VERSION };
    if (password === undefined) return { login: "none", ...about, csrf: this.#csrf };
    const session = this.session(c);
    if (session === undefined) return { login: "needed", ...about, csrf: "" };
    return { login: "done", ...about, csrf: session.csrf };
  }

  /** Secure behind a proxy that does the TLS, too: that it may say so wrongly makes it no weaker. */
  #cookie(c: Context) {
    const secure = this.#access.tls !== undefined || c.req.header("x-forwarded-proto") === "https";
    return { path: "/", httpOnly: true, sameSite: "Strict", secure } as const;
  }
}

function passwordOf(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("password" in body)) return undefined;
  return typeof body.password === "string" ? body.password : undefined;
}

function tooMany(c: Context, waitMs: number): Response {
  const seconds = Math.ceil(waitMs / 1000);
  c.header("retry-after", String(seconds));
  return refuse(c, 429, {
    code: "too-many-tries",
    message: "Too many wrong tries",
    hint: `Wait ${seconds} s and try again`,
  });
}
