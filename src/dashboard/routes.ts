/** The page's own routes below /api: what is asked for is checked here, and answered by the views and the actions. */
import type { Hono } from "hono";
import * as z from "zod/mini";
import { RUN_STATES } from "../runs/runs.ts";
import { hold, replay, retry, trigger } from "./actions.ts";
import { asking, doing, limit, offset, partOf, Refused, text, time, wholeNumber } from "./asked.ts";
import type { ApiDeps } from "./deps.ts";
import { facets, wholeFacets } from "./views/facets.ts";
import { letter, letters, MOST_LISTED as MOST_LETTERS } from "./views/letters.ts";
import { live, MOST_MINUTES } from "./views/live_series.ts";
import { message, messages, MOST_LISTED as MOST_MESSAGES } from "./views/messages.ts";
import { MOST_RUNS, run, runs, stats, USUAL_RUNS } from "./views/runs.ts";
import { MOST_ROWS, newestRows, row, table } from "./views/table.ts";
import { topic } from "./views/topic.ts";
import { way } from "./views/way.ts";

/** Things in an answer where nothing is said. */
const USUAL = 50;
const MOST_PARTITION = 1_000_000;
/** Records of a run that is asked for. */
const MOST_COUNT = 1_000_000_000;

const KINDS = ["scheduled", "manual", "backfill"] as const;
const partition = wholeNumber(0, MOST_PARTITION);
const id = z.string().check(z.minLength(1), z.maxLength(200, "it is longer than 200 characters"));

export function apiRoutes(app: Hono, deps: ApiDeps): void {
  app.get("/api/way", asking({}, () => way(deps)));
  runRoutes(app, deps);
  topicRoutes(app, deps);
  tableRoutes(app, deps);
  letterRoutes(app, deps);
}

function runRoutes(app: Hono, deps: ApiDeps): void {
  const asked = {
    limit: limit(MOST_RUNS, USUAL_RUNS),
    state: z.optional(z.enum(RUN_STATES, `it takes ${RUN_STATES.join(", ")}`)),
    kind: z.optional(z.enum(KINDS, `it takes ${KINDS.join(", ")}`)),
  };
  const minutes = limit(MOST_MINUTES, MOST_MINUTES);
  const error = `it takes a whole number from 1 to ${MOST_COUNT}`;
  const count = z.optional(z.int({ error }).check(z.minimum(1, error), z.maximum(MOST_COUNT, error)));

  app.get(
    "/api/runs",
    asking(asked, ({ limit, state, kind }) => runs(deps, { limit, states: state && [state], kinds: kind && [kind] })),
  );
  app.get("/api/runs/:id", asking({}, (_, c) => run(deps, partOf(c, "id", id))));
  app.get("/api/stats", asking({}, () => stats(deps)));
  app.get("/api/live", asking({ minutes }, ({ minutes }) => live(deps, minutes)));
  app.post("/api/runs/trigger", doing({ count }, ({ count }) => trigger(deps, count)));
  app.post("/api/runs/:id/retry", doing({}, (_, c) => retry(deps, partOf(c, "id", id))));
  app.post("/api/schedule/pause", doing({}, () => hold(deps, true)));
  app.post("/api/schedule/resume", doing({}, () => hold(deps, false)));
}

function topicRoutes(app: Hono, deps: ApiDeps): void {
  const asked = {
    partition: z.optional(partition),
    offset: z.optional(offset),
    at: z.optional(time),
    key: z.optional(text),
    limit: limit(MOST_MESSAGES, USUAL),
  };
  app.get("/api/topic", asking({}, () => topic(deps)));
  app.get(
    "/api/messages",
    asking(asked, async (query) => {
      const { partition, offset, at, key } = query;
      if (named(offset, at, key) > 1) throw wrong("offset, at and key name two places", "Give one of them");
      if (offset !== undefined && partition === undefined) {
        throw wrong("An offset alone names no place", "Give its partition too");
      }
      return await messages(deps, query);
    }),
  );
  app.get(
    "/api/messages/:partition/:offset",
    asking({}, (_, c) => message(deps, partOf(c, "partition", partition), partOf(c, "offset", offset))),
  );
}

function tableRoutes(app: Hono, deps: ApiDeps): void {
  const all = z._default(z.enum(["0", "1"], "it takes 0 or 1"), "0");
  app.get("/api/table", asking({}, () => table(deps)));
  app.get("/api/table/newest", asking({ limit: limit(MOST_ROWS, USUAL) }, ({ limit }) => newestRows(deps, limit)));
  app.get("/api/table/row/:id", asking({}, (_, c) => row(deps, partOf(c, "id", id))));
  app.get(
    "/api/table/facets",
    asking({ all }, ({ all }, c) => all === "1" ? wholeFacets(deps, c.req.raw.signal) : facets(deps)),
  );
}

function letterRoutes(app: Hono, deps: ApiDeps): void {
  const which = {
    offset: z.optional(offset),
    reason: z.optional(text),
    all: z.optional(z.literal(true, "it takes true")),
    dryRun: z._default(z.boolean("it takes true or false"), false),
  };
  app.get(
    "/api/dead-letters",
    asking({ reason: z.optional(text), limit: limit(MOST_LETTERS, USUAL) }, (asked) => letters(deps, asked)),
  );
  app.get("/api/dead-letters/:offset", asking({}, (_, c) => letter(deps, partOf(c, "offset", offset))));
  app.post(
    "/api/dead-letters/replay",
    doing(which, async (asked, c) => {
      const { offset, reason, all } = asked;
      if (named(offset, reason, all) !== 1) throw wrong("It is not said which letters", "Give offset, reason or all");
      return await replay(deps, asked, c.req.raw.signal);
    }),
  );
}

/** How many are. */
function named(...given: unknown[]): number {
  return given.filter((each) => each !== undefined).length;
}

function wrong(message: string, hint: string): Refused {
  return new Refused(400, "request", message, hint);
}
