/**
 * What holds for every request, whoever makes it: it comes from the page itself and not from another one, it changes
 * something only by POST, and what is answered runs no script but ours.
 */
import type { MiddlewareHandler } from "hono";
import { isLoopback, withoutBrackets } from "../loopback.ts";
import { refuse } from "./answers.ts";
import { smallBody } from "./body.ts";

/** No inline script and no inline style, and nothing from elsewhere. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** Headers of every answer; one that says nothing of its own is kept by nobody. */
export const withHeaders: MiddlewareHandler = async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(HEADERS)) c.res.headers.set(name, value);
  if (!c.res.headers.has("cache-control")) c.res.headers.set("cache-control", "no-store");
};

/**
 * Against DNS rebinding: another site whose name was made to point to this machine says that name as the host. Where a
 * login is needed any host is right, since that site has no session, and a proxy may say a name of its own.
 */
export function ownHost(login: boolean): MiddlewareHandler {
  return async (c, next) => {
    const { hostname } = new URL(c.req.url);
    if (login || isLoopback(withoutBrackets(hostname))) return await next();
    return refuse(c, 403, {
      code: "host",
      message: `This page is not called "${hostname}"`,
      hint: "Open it at 127.0.0.1 or localhost, or set a password for other names",
    });
  };
}

/** Whatever another page asks is refused, reading too; it may only lead here, as a link does. */
export const fromHere: MiddlewareHandler = async (c, next) => {
  const site = c.req.header("sec-fetch-site");
  const origin = c.req.header("origin");
  // Only browsers say either, and no page can make them say another; old ones and those on plain http say no site.
  const elsewhere = site === undefined
    ? origin !== undefined && URL.parse(origin)?.host !== new URL(c.req.url).host
    : site !== "same-origin" && site !== "none";
  const link = c.req.method === "GET" && c.req.path === "/" && c.req.header("sec-fetch-mode") === "navigate";
  if (!elsewhere || link) return await next();
  return refuse(c, 403, {
    code: "origin",
    message: "The request comes from another page",
    hint: "Open this page itself; a proxy in front of it has to pass the Host header on",
  });
};

/** GET changes nothing, and what POST is sent is JSON, which a form of another page cannot send. */
export const plainMethods: MiddlewareHandler = async (c, next) => {
  const { method } = c.req;
  if (method === "GET" || method === "HEAD") return await next();
  if (method !== "POST") {
    c.header("allow", "GET, HEAD, POST");
    return refuse(c, 405, { code: "method", message: `"${method}" is not taken`, hint: "Use GET or POST" });
  }
  const type = c.req.header("content-type");
  if (type === undefined ? c.req.raw.body !== null : !/^application\/json\s*(;|$)/i.test(type)) {
    return refuse(c, 415, { code: "body", message: "The body is not JSON", hint: "Send it as application/json" });
  }
  return await smallBody(c, next);
};
