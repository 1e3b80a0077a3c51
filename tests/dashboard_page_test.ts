/** The page in a real browser: what people do on it, from the first look to a server that goes away and comes back. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { IGNORE, openBrowser, SKIPPED } from "./support/browser.ts";
import { type CliOptions, type Running, start, succeeds, until, withFolder } from "./support/cli.ts";
import { deadLetter, PASSWORD, startUp, urlOf } from "./support/dashboard.ts";
import { serveRandomUsers, trouble } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";

const GENERATED = ["up", "--dashboard", "127.0.0.1:0", "--generate", "40", "--every", "1d"];

interface Parts {
  cwd: string;
  running: Running;
  url: string;
  page: Page;
}

function pageTest(
  name: string,
  args: string[],
  work: (parts: Parts) => Promise<void>,
  options: Partial<CliOptions> = {},
) {
  Deno.test({
    name: `${name}${SKIPPED}`,
    ignore: IGNORE,
    fn: () =>
      withFolder(async (cwd) => {
        await using browser = await openBrowser();
        await using running = start(args, { cwd, ...options });
        const url = await urlOf(running);
        await using opened = await browser.open(url);
        await work({ cwd, running, url, page: opened.page });
        assert.deepEqual(opened.troubles, []);
      }),
  });
}

/** A figure of the page as a number. */
async function figure(page: Page, id: string): Promise<number> {
  return Number((await page.locator(`#${id}`).textContent())!.replace(/, counted.*/, "").replaceAll(",", ""));
}

/** Resolves once the text is somewhere in what is found. */
async function seen(page: Page, selector: string, text: string | RegExp): Promise<void> {
  try {
    await page.locator(selector).filter({ hasText: text }).first().waitFor();
  } catch (error) {
    throw new Error(`${selector} does not say ${text}:\n${await page.locator("body").innerText()}`, { cause: error });
  }
}

/** What the element says that has the focus. */
async function focused(page: Page): Promise<string> {
  return await page.evaluate("document.activeElement.textContent");
}

const rowsAbove = (page: Page, count: number) =>
  until(async () => await figure(page, "count-rows") > count, 30_000, () => `no more than ${count} rows`);

pageTest(
  "the rows are seen to rise without a reload, and each part of the way is fine",
  GENERATED,
  async ({ page, cwd }) => {
    await page.evaluate("globalThis.sameDocument = true");
    await rowsAbove(page, 0);
    const before = await figure(page, "count-rows");
    await succeeds(["trigger"], { cwd });
    await rowsAbove(page, before);
    for (const part of ["source", "ingest", "broker", "stream", "store"]) {
      await seen(
        page,
        `#part-${part} .state`,
        "fine",
      );
    }
    await seen(page, "#connection", "live");
    assert.equal(await page.evaluate("globalThis.sameDocument"), true);
    await until(
      async () => /\d (ms|s) · /.test((await page.locator("#fresh-table").textContent())!),
      30_000,
      () => "no freshness",
    );
  },
);

pageTest(
  "a run is made by hand, and the schedule is paused and resumed",
  GENERATED,
  async ({ page, cwd }) => {
    await rowsAbove(page, 0);
    await page.getByRole("button", { name: "Run now" }).click();
    await seen(page, "#notice", "is asked for");
    await rowsAbove(page, 40);
    await seen(page, "tbody tr", "manual");

    await page.getByRole("button", { name: "Pause" }).click();
    await seen(page, "#part-ingest .state", "waiting");
    await seen(page, "#next-run", "paused");
    assert.match(
      await succeeds(["status", "--format", "json"], { cwd }).catch((error) => error.message),
      /"paused":"20/,
    );
    await page.locator("#part-ingest").getByRole("button", { name: "Resume" }).press("Enter");
    await seen(page, "#part-ingest .state", "fine");
    assert.equal(await focused(page), "Ingest", "the button is gone, and the place of the keyboard is not");
    await seen(page, "#next-run", "in ");
  },
);

Deno.test({
  name: `a run that failed is in sight, is opened with its log, and succeeds when it is tried again${SKIPPED}`,
  ignore: IGNORE,
  fn: () =>
    withFolder(async (cwd) => {
      await using server = serveRandomUsers(records(20));
      server.always(trouble(400));
      await using browser = await openBrowser();
      await using running = startUp(cwd, server.url);
      await using opened = await browser.open(await urlOf(running));
      const { page } = opened;
      await seen(page, "#last-error", "gives no records");
      await seen(page, "#part-source .state", "down");
      await page.locator("#last-error").getByRole("button", { name: "Try again" }).click();
      await seen(page, "#notice", "is asked for once more");
      await page.locator("#last-error a").click();
      await seen(page, "#panel .run-head", "failed");
      await page.locator("#panel tbody tr").nth(1).waitFor();
      await seen(page, "#panel .log", "gives no records");

      server.always();
      await page.locator("#panel").getByRole("button", { name: "Try again" }).press("Enter");
      await seen(page, "#panel-notice", "is asked for once more");
      await seen(page, "#panel .run-head", "delivered");
      assert.equal(await page.evaluate("document.activeElement.closest('#panel') !== null"), true, await focused(page));
      await page.locator("#panel-close").click();
      await seen(page, "tbody tr", "delivered");
      await rowsAbove(page, 19);
      assert.equal(await page.locator("#last-error .trouble").count(), 0);
      assert.deepEqual(opened.troubles, []);
    }),
});

pageTest("a message is found by its offset, and its row says by which way it came", GENERATED, async ({ page }) => {
  await rowsAbove(page, 0);
  await page.getByRole("link", { name: "Topic", exact: true }).click();
  await seen(page, "h2", "Topic");
  const first = page.locator("tbody tr a").first();
  await first.waitFor();
  const [partition] = (await first.textContent())!.split("/");
  await page.getByRole("textbox", { name: "Partition" }).fill(partition!);
  await page.getByRole("textbox", { name: "Offset" }).fill("0");
  await page.getByRole("button", { name: "Find" }).click();
  await seen(page, "#messages-title", "found");
  await page.getByRole("link", { name: `${partition}/0`, exact: true }).waitFor();
  await page.getByRole("textbox", { name: "Offset" }).fill("9".repeat(16));
  await page.getByRole("textbox", { name: "Partition" }).fill("99");
  await page.getByRole("button", { name: "Find" }).click();
  await seen(page, "#notice", "99");
  await page.getByRole("textbox", { name: "Offset" }).fill("0");
  await page.getByRole("textbox", { name: "Partition" }).fill(partition!);
  await page.getByRole("button", { name: "Find" }).click();
  await page.locator("#notice .alert").waitFor({ state: "detached" });
  await page.getByRole("link", { name: `${partition}/0`, exact: true }).click();
  await seen(page, "#panel-title", `Message ${partition}/0`);
  await seen(page, "#panel", "userpipe-run");
  await page.getByRole("link", { name: "The row of this id" }).click();
  await seen(page, "#panel .path", "Fetched by run");
  await seen(page, "#panel .path", `partition ${partition}, offset 0`);
  await page.keyboard.press("Escape");
  await seen(page, ".facet", "by gender");
  await seen(page, "#table-title ~ p, .view-head", "spark_streams.created_users");
});

Deno.test({
  name: `a dead letter is replayed after a question, and what it holds is shown as text${SKIPPED}`,
  ignore: IGNORE,
  fn: () =>
    withFolder(async (cwd) => {
      await using browser = await openBrowser();
      await succeeds(["init"], { cwd });
      await deadLetter(cwd, "once bad: <script>document.title = 'taken'</script>\u202e");
      await deadLetter(cwd, "bad", { email: 7 });
      await using running = start(GENERATED, { cwd });
      await using opened = await browser.open(`${await urlOf(running)}/#/letters`);
      const { page } = opened;
      await seen(page, "tbody tr", "</script>\\u202e");
      await page.locator("table").nth(1).locator("tbody a").nth(1).click();
      await seen(page, "#panel", "Why it was refused");
      await page.getByRole("button", { name: "Replay this one" }).click();
      await seen(page, "dialog.ask", "Replay this dead letter?");
      await page.getByRole("button", { name: "Cancel" }).click();
      assert.equal(await figure(page, "count-letters"), 2);

      await page.getByRole("button", { name: /^Show those of the reason once/ }).click();
      await page.getByRole("button", { name: "Replay all of this reason (1)" }).waitFor();
      assert.equal(await page.locator("table").first().locator("tbody tr").count(), 2, "all reasons stay in sight");
      await page.getByRole("button", { name: "Show all" }).click();
      await page.getByRole("button", { name: "Replay all (2)" }).click();
      await seen(page, "dialog.ask", "1 would be refused again, and would stay:1 × email: ");
      await page.getByRole("button", { name: "Replay 1", exact: true }).click();
      await seen(
        page,
        "#notice",
        /1 dead letter replayed; 1 refused again\.1 × email: .*correct these where they come from/,
      );
      await until(async () => await figure(page, "count-letters") === 1, 30_000, () => "it is still counted");
      await page.locator("tbody tr", { hasText: "once bad" }).first().waitFor({ state: "detached" });
      assert.doesNotMatch(await page.title(), /taken/);
      assert.deepEqual(opened.troubles, []);
    }),
});

pageTest(
  "who does not know the password sees nothing, and who does signs in and out",
  GENERATED,
  async ({ page, url }) => {
    await seen(page, "h2", "Sign in");
    assert.equal((await fetch(`${url}/api/way`).then(async (answer) => (await answer.text(), answer))).status, 401);
    await page.getByLabel("Password").fill("guessed");
    await page.keyboard.press("Enter");
    await seen(page, "#login-wrong", "The password is wrong");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await rowsAbove(page, 0);
    await page.reload();
    await rowsAbove(page, 0);
    await page.getByRole("button", { name: "Sign out" }).click();
    await seen(page, "h2", "Sign in");
    await page.reload();
    await seen(page, "h2", "Sign in");
    assert.equal(await page.locator("#signed-in").isVisible(), false);
  },
  { env: { USERPIPE_DASHBOARD_PASSWORD: PASSWORD } },
);

pageTest("the page says that the server is gone, and comes back with it", GENERATED, async (parts) => {
  const { page, running, url, cwd } = parts;
  await rowsAbove(page, 0);
  running.signal("SIGKILL");
  await running.ended;
  await seen(page, "#connection", "away");
  await page.getByText("has not answered since").waitFor();
  const before = await figure(page, "count-rows");
  assert.ok(before > 0, "what was seen last stays");

  const again = GENERATED.with(2, new URL(url).host);
  await using restarted = start(again, { cwd });
  await urlOf(restarted);
  await seen(page, "#connection", "live");
  await page.locator("#away").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Run now" }).click();
  await seen(page, "#notice", "is asked for");
  await rowsAbove(page, before);
});

pageTest(
  "a page that nobody sees holds no connection, and is live again when it is seen",
  GENERATED,
  async ({ page }) => {
    await rowsAbove(page, 0);
    const show = (state: string) =>
      page.evaluate(`
      Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    `);
    const ended = page.waitForEvent("requestfailed", (request) => request.url().includes("/api/events"));
    await show("hidden");
    await ended;
    await seen(page, "#connection", "live");
    const opened = page.waitForRequest((request) => request.url().includes("/api/events"));
    const loaded = page.waitForRequest((request) => request.url().includes("/api/runs?"));
    await show("visible");
    await Promise.all([opened, loaded]);
    await seen(page, "#connection", "live");
  },
);

pageTest("all is within reach of the keyboard: from the skip link to a run and back", GENERATED, async ({ page }) => {
  await rowsAbove(page, 0);
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to the page");
  await page.keyboard.press("Enter");
  await page.locator(".bar").first().waitFor();
  for (let i = 0; i < 40 && !await page.evaluate("document.activeElement.matches('.bar')"); i++) {
    await page.keyboard.press("Tab");
  }
  const place = "[...document.querySelectorAll('.bar')].indexOf(document.activeElement)";
  const last = await page.evaluate(place) as number;
  assert.ok(last >= 0, "the tab key comes to the bars");
  await page.keyboard.press("Home");
  assert.equal(await page.evaluate(place), 0);
  await page.keyboard.press("Enter");
  await seen(page, "#panel-title", "Run ");
  await page.keyboard.press("Escape");
  await page.locator("#panel").waitFor({ state: "hidden" });
  assert.equal(await page.evaluate(place), 0, "the focus is back where it was");
});
