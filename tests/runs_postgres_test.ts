/** The record of runs in Postgres: the runs contract, with processes whose connections are cut and frozen. */
import { openPostgresRuns } from "../src/runs/postgres.ts";
import { runsContract } from "./contracts/runs.ts";
import type { Process, RecordOfRuns } from "./contracts/runs_kit.ts";
import { at, IGNORE, type TestPostgres, testPostgres } from "./support/postgres.ts";
import { tcpProxy } from "./support/tcp_proxy.ts";

const LEASE_MS = 1_500;

let own: TestPostgres | undefined;

if (!IGNORE) {
  Deno.test.beforeAll(async () => void (own = await testPostgres()));
  Deno.test.afterAll(async () => await own?.[Symbol.asyncDispose]());
  runsContract("Postgres", record);
}

async function record(): Promise<RecordOfRuns> {
  const url = await own!.database();
  const opened: (() => Promise<void>)[] = [];
  return {
    leaseMs: LEASE_MS,
    goneMs: 30_000,
    async open(): Promise<Process> {
      const proxy = tcpProxy(Number(new URL(url).port));
      const runs = openPostgresRuns({ url: at(url, { port: String(proxy.port) }), leaseMs: LEASE_MS });
      await runs.schedules();
      opened.push(async () => {
        proxy.thaw();
        await runs.close();
        await proxy[Symbol.asyncDispose]();
      });
      return {
        runs,
        crash: async () => proxy.refuse(),
        freeze: async () => proxy.freeze(),
        thaw: async () => proxy.thaw(),
      };
    },
    async close() {
      for (const close of opened) await close();
    },
  };
}
