/** The page's own routes on the ends of a data folder, asked without a server. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Hono } from "hono";
import { COMMANDS } from "../../src/cli/commands.ts";
import { openSqliteBroker } from "../../src/broker/sqlite.ts";
import { failed } from "../../src/dashboard/answers.ts";
import type { ApiDeps, DashboardEnds } from "../../src/dashboard/deps.ts";
import { openDashboardEnds } from "../../src/dashboard/ends.ts";
import { apiRoutes } from "../../src/dashboard/routes.ts";
import { logger } from "../../src/log.ts";
import { namesOf, targetOf } from "../../src/open.ts";
import { resolveSettings } from "../../src/settings.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { TABLE } from "../../src/users/created_user.ts";
import { withFolder } from "./cli.ts";

// deno-lint-ignore no-explicit-any
export type Json = any;

export interface Api extends AsyncDisposable {
  deps: ApiDeps;
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** What is answered with 200. */
  get(path: string): Promise<Json>;
  post(path: string, body?: unknown): Promise<Json>;
  /** How it is refused: `[status, message]`. */
  refusal(path: string, body?: unknown): Promise<[status: number, message: string]>;
}

export interface ApiOptions {
  /** What the environment has. */
  env?: Record<string, string>;
  /** In place of those of the folder. */
  ends?: Partial<DashboardEnds>;
}

/** @param cwd the data folder is `userpipe-data` in it */
export function openApi(cwd: string, { env = {}, ends = {} }: ApiOptions = {}): Api {
  const { settings: names } = COMMANDS.find(({ name }) => name === "dashboard")!;
  const settings = resolveSettings(names, { dataDir: join(cwd, "userpipe-data") }, (name) => env[name]);
  const stop = new AbortController();
  const opened = openDashboardEnds(settings);
  const deps: ApiDeps = {
    ...{ settings, names: namesOf(settings), target: targetOf(settings), ends: { ...opened, ...ends } },
    ...{ readOnly: false, log: logger("dashboard"), stop: stop.signal },
  };
  const app = new Hono();
  app.onError(failed);
  apiRoutes(app, deps);
  const ask = async (path: string, init?: RequestInit) => await app.request(path, init);
  const posted = (body: unknown): RequestInit => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const json = async (answer: Response) => {
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return JSON.parse(text);
  };
  return {
    deps,
    ask,
    get: async (path) => await json(await ask(path)),
    post: async (path, body = {}) => await json(await ask(path, posted(body))),
    async refusal(path, body) {
      const answer = await ask(path, body === undefined ? undefined : posted(body));
      const { error } = await answer.json();
      for (const part of ["code", "message", "hint"]) assert.equal(typeof error[part], "string", JSON.stringify(error));
      return [answer.status, error.message];
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await opened.close();
    },
  };
}

const TOPIC = { partitions: 2, replication: 1, retentionMs: -1, retentionBytes: -1 };

/** The routes on empty topics and an empty table. */
export async function withEnds(work: (api: Api, cwd: string) => Promise<void>): Promise<void> {
  await withFolder(async (cwd) => {
    const dataDir = join(cwd, "userpipe-data");
    const broker = openSqliteBroker({ path: join(dataDir, "topics.db") });
    await broker.init([{ ...TOPIC, name: "users_created" }, { ...TOPIC, name: "users_created.dlq", partitions: 1 }], {
      dryRun: false,
    });
    await broker.close();
    const store = openSqliteStore({ dataDir, table: TABLE });
    await store.init({ migrate: false, dryRun: false });
    await store.close();
    await using api = openApi(cwd);
    await work(api, cwd);
  });
}
