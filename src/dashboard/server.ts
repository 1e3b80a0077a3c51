/** Puts the app together: what guards it, the page's files, what machines ask, the events, and the routes of the views. */
import { type Context, Hono } from "hono";
import { logger } from "../log.ts";
import { METRICS_TYPE, metricsText } from "../metrics.ts";
import { namesOf, targetOf } from "../open.ts";
import type { Settings } from "../settings.ts";
import type { Access } from "./access.ts";
import { failed, notFound, refuse } from "./answers.ts";
import { assetRoutes } from "./assets.ts";
import { restDropped } from "./body.ts";
import type { ApiDeps } from "./deps.ts";
import { openDashboardEnds } from "./ends.ts";
import { type EventSources, Hub, MOST_MESSAGES } from "./events.ts";
import { fromHere, ownHost, plainMethods, withHeaders } from "./guard.ts";
import { type Environment, Login } from "./login.ts";
import { lookedOf } from "./looked.ts";
import { readinessOf } from "./readiness.ts";
import { apiRoutes } from "./routes.ts";
import { newestMessages } from "./views/messages.ts";
import { way } from "./views/way.ts";

export interface App {
  /** @param address whose request it is */
  fetch(request: Request, address: string): Promise<Response>;
  /** Closes the ends; what is under way was ended by the signal. */
  close(): Promise<void>;
}

export interface AppOptions {
  settings: Settings;
  access: Access;
  /** Aborted when the server stops. */
  stop: AbortSignal;
}

export function openApp({ settings, access, stop }: AppOptions): App {
  const ends = openDashboardEnds(settings);
  const named = { settings, names: namesOf(settings), target: targetOf(settings) };
  const deps = { ...named, ends, readOnly: access.readOnly, log: logger("dashboard"), stop };
  const app = routed(deps, new Login(access), access.password !== undefined);
  return {
    fetch: async (request, address) => await app.fetch(request, { address }),
    close: () => ends.close(),
  };
}

function routed(deps: ApiDeps, login: Login, needed: boolean): Hono<Environment> {
  const app = new Hono<Environment>();
  app.use(restDropped, withHeaders, ownHost(needed), fromHere, plainMethods, login.needed, login.changes);
  app.onError(failed);
  app.notFound(notFound);
  login.routes(app);
  const hub = new Hub(sourcesOf(deps), deps.stop);
  // Behind the answer, while the browser reads it.
  assetRoutes(app, (c) => login.sees(c) && setTimeout(() => hub.expect()));
  machineRoutes(app, deps, login);
  eventRoute(app, hub, login);
  const api = new Hono();
  apiRoutes(api, deps);
  app.route("/", api);
  return app;
}

/** What is not the page's: for whoever starts, watches and measures the process. */
function machineRoutes(app: Hono<Environment>, deps: ApiDeps, login: Login): void {
  const readiness = readinessOf(deps);
  app.get("/healthz", (c) => c.text("ok"));
  app.get("/readyz", async (c) => {
    const { ready, parts } = await readiness();
    // Addresses and errors are not for everyone.
    const told = login.sees(c) ? parts : parts.map(({ name, ok }) => ({ name, ok }));
    return c.json({ parts: told }, ready ? 200 : 503);
  });
  app.get("/metrics", async (c) => {
    return c.body(await metricsText(await lookedOf(deps)), 200, { "content-type": METRICS_TYPE });
  });
}

/** The page shows so many runs. */
const RUNS_SHOWN = 60;

function sourcesOf(deps: ApiDeps): EventSources {
  return {
    way: () => way(deps),
    runs: async () => await (await deps.ends.runs()).list({ target: deps.target, limit: RUNS_SHOWN }),
    messages: () => newestMessages(deps, MOST_MESSAGES),
  };
}

function eventRoute(app: Hono<Environment>, hub: Hub, login: Login): void {
  app.get("/api/events", (c: Context<Environment>) => {
    const session = login.session(c);
    const byToken = !login.sees(c);
    const messages = c.req.query("messages") === "1";
    const stream = hub.listen({ messages, isWelcome: () => byToken || login.stillSees(session) });
    if (stream === null) {
      return refuse(c, 503, { code: "busy", message: "Too many pages listen", hint: "Close some of them" });
    }
    // Neither kept back by a proxy nor packed here, which would hold events up.
    return c.body(stream, 200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    });
  });
}
