/** How the table is made up: counted once for all who ask, whatever its rows hold. */
import assert from "node:assert/strict";
import type { Store } from "../src/store/store.ts";
import { openApi } from "./support/api.ts";
import { until, withFolder } from "./support/cli.ts";
import { eventsOf } from "./support/poison.ts";

Deno.test("the whole table is counted once for all who ask, and no further when all of them are gone", () =>
  withFolder(async (cwd) => {
    let pages = 0;
    let scans = 0;
    let ended = 0;
    const [event] = eventsOf("one", 1);
    const row = Object.values(event!) as string[];
    const store = {
      name: "an endless store",
      async *scan() {
        scans++;
        try {
          for (;; await new Promise((resolve) => setTimeout(resolve, 1))) {
            pages++;
            yield [row];
          }
        } finally {
          ended++;
        }
      },
    } as unknown as Store;
    await using api = openApi(cwd, { ends: { store: async () => store } });
    const clients = [new AbortController(), new AbortController()];
    const asked = clients.map(({ signal }) => api.ask("/api/table/facets?all=1", { signal }));
    await until(() => pages > 3, 30_000, () => "no page was read");
    clients[0]!.abort();
    const then = pages;
    await until(() => pages > then + 3, 30_000, () => "it ended though one waits");
    assert.deepEqual([scans, ended], [1, 0]);
    clients[1]!.abort();
    await until(() => ended === 1, 30_000, () => "it goes on though nobody waits");
    for (const answer of await Promise.all(asked)) {
      assert.equal(answer.status, 503);
      await answer.body?.cancel();
    }
  }));

Deno.test("a row that another program left without what a facet looks at is counted as unknown", () =>
  withFolder(async (cwd) => {
    const [event] = eventsOf("one", 1);
    const row = Object.values(event!) as string[];
    const nulls = row.map((value, i) => i === 0 ? value : null);
    const store = {
      async *scan() {
        yield [row, nulls];
      },
    } as unknown as Store;
    await using api = openApi(cwd, { ends: { store: async () => store } });
    const { of, facets } = await api.get("/api/table/facets?all=1");
    assert.equal(of, 2);
    for (const { name, values } of facets) {
      assert.equal(values.length, 2, name);
      assert.deepEqual(values.find(([value]: [string]) => value === "unknown"), ["unknown", 1], name);
    }
  }));
