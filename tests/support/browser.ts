/** A headless Chromium for tests of the page: the system's own, driven by playwright-core. */
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { join } from "node:path";
import { assertNoSecret } from "./secrets.ts";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const path = PATHS.find((each) => {
  try {
    return Deno.statSync(each).isFile;
  } catch {
    return false;
  }
});

/** For `Deno.test`: in CI nothing is skipped. */
export const IGNORE: boolean = path === undefined && Deno.env.get("CI") !== "true";
/** For a test's name. */
export const SKIPPED: string = IGNORE ? ` (skipped: no Chromium at ${PATHS[0]}; apt-get install chromium)` : "";

/** Where pictures are put; none are made where it is not set. */
const PICTURES = Deno.env.get("USERPIPE_SCREENSHOTS");

export interface TestBrowser extends AsyncDisposable {
  /** A page in a context of its own, without cookies; what it throws or a policy blocks is among its `troubles`. */
  open(url: string, options?: BrowserContextOptions): Promise<TestPage>;
}

export interface TestPage extends AsyncDisposable {
  page: Page;
  /** What the page threw, and what its policy blocked. */
  troubles: string[];
}

export async function openBrowser(): Promise<TestBrowser> {
  const browser: Browser = await chromium.launch({
    executablePath: path ?? PATHS[0]!,
    // As root Chromium has no sandbox; the others keep it from asking for addresses of its makers.
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });
  return {
    async open(url, options = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      // A condition that is not met soon never is.
      context.setDefaultTimeout(30_000);
      const page = await context.newPage();
      const troubles: string[] = [];
      page.on("pageerror", (error) => troubles.push(error.stack ?? error.message));
      page.on("console", (message) => {
        // That a request failed is what the page shows, and it is shown in tests on purpose.
        const ofNetwork = /Failed to load resource|net::ERR_/.test(message.text());
        if (message.type() === "error" && !ofNetwork) troubles.push(message.text());
      });
      await page.goto(url);
      const close = async () => {
        const content = await page.content();
        await context.close();
        assertNoSecret(content, "the page as the browser has it");
      };
      return { page, troubles, [Symbol.asyncDispose]: close };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

interface Finding {
  id: string;
  impact: string | null;
  help: string;
  nodes: { target: unknown[]; failureSummary?: string }[];
}

/** What axe finds in the page as it is, that is serious or critical: one line each. */
export async function seriousOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(`axe.run({ resultTypes: ["violations"] })`) as { violations: Finding[] };
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target.join(" ")}: ${failureSummary}`)
    );
}

/** A picture of the page as it is, where pictures are wanted. @param name of the file, without its ending */
export async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}
