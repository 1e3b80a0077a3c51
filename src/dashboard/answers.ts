/** How the page is told what went wrong: `{"error": {"code", "message", "hint"}}` and the status that fits. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type Code, CODES, EXIT, messageOf, UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";

const log = logger("dashboard");

export interface Refusal {
  code: string;
  message: string;
  hint: string;
}

export function refuse(c: Context, status: ContentfulStatusCode, error: Refusal): Response {
  return c.json({ error }, status);
}

/** Of what a route threw. A defect is logged; what is said of it to the page is not its stack. */
export function failed(error: Error, c: Context): Response {
  if (error instanceof UserpipeError) {
    const { code, message, hint } = error;
    return refuse(c, statusOf(code), { code, message, hint });
  }
  if (error instanceof HTTPException) {
    return refuse(c, error.status as ContentfulStatusCode, {
      code: "request",
      message: messageOf(error),
      hint: "Look at what was sent",
    });
  }
  log.error("A request for {path} failed: {error}", { path: c.req.path, error });
  return refuse(c, 500, {
    code: "defect",
    message: `A defect of userpipe: ${messageOf(error)}`,
    hint: "Please report it with the lines of the log",
  });
}

export function notFound(c: Context): Response {
  return refuse(c, 404, { code: "not-found", message: `There is no "${c.req.path}"`, hint: "The page is at /" });
}

function statusOf(code: Code): ContentfulStatusCode {
  if (code === "topic-missing" || code === "store-missing") return 404;
  const { exit } = CODES[code];
  // Whoever asked is not the one whose password or right is wrong.
  if (exit === EXIT.unreachable || code === "not-authorised") return 503;
  return exit === EXIT.usage ? 400 : 500;
}
