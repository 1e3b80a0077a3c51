/** Serves the page's own files, and nothing else: they are found by name among those that the program has, never on a disk. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Context, Hono } from "hono";
import { notFound } from "./answers.ts";
import type { Environment } from "./login.ts";
import { FILES, PAGE } from "./page_files.ts";

const TYPES: Record<string, string> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

interface Asset {
  text: string;
  type: string;
  etag: string;
  /** Once it was asked for: packing takes longer than all else about it. */
  packed?: Uint8Array<ArrayBuffer>;
}

/** @param loads told whenever somebody loads the page */
export function assetRoutes(app: Hono<Environment>, loads: (c: Context<Environment>) => void): void {
  const page = assetOf("index.html", PAGE);
  const assets = new Map(Object.entries(FILES).map(([name, text]) => [name, assetOf(name, text)]));
  app.get("/", (c) => {
    loads(c);
    return answer(c, page);
  });
  app.get("/assets/:name", (c) => {
    const asset = assets.get(c.req.param("name"));
    return asset === undefined ? notFound(c) : answer(c, asset);
  });
}

function assetOf(name: string, text: string): Asset {
  // A weak one: packed or not, it is the same.
  const etag = `W/"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
  return { text, type: TYPES[name.split(".").at(-1)!]!, etag };
}

/** Kept by the browser, and asked for each time whether it is still the same. */
function answer(c: Context, asset: Asset): Response {
  const { text, type, etag } = asset;
  const headers = { etag, "cache-control": "no-cache", vary: "accept-encoding" };
  const known = c.req.header("if-none-match")?.split(",").map((each) => each.trim());
  if (known?.includes(etag)) return c.body(null, 304, headers);
  if (!/\bgzip\b/.test(c.req.header("accept-encoding") ?? "")) {
    return c.body(text, 200, { ...headers, "content-type": type });
  }
  asset.packed ??= new Uint8Array(gzipSync(text));
  return c.body(asset.packed, 200, { ...headers, "content-type": type, "content-encoding": "gzip" });
}
