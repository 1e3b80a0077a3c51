/** `dashboard`: the page by itself, for what other processes run; and the page of a command that keeps running. */
import { type Access, accessOf } from "../dashboard/access.ts";
import { listen, type Listening } from "../dashboard/listen.ts";
import { EXIT, UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import type { Settings } from "../settings.ts";
import { DASHBOARD_ADDRESS, type DashboardAddress, parseAddress } from "../settings_dashboard.ts";
import { type FlagOf, needed } from "../settings_fit.ts";
import { type Context, DASHBOARD } from "./command.ts";
import type { Terminal } from "./terminal.ts";

const log = logger("dashboard");

/** Characters. A shorter password is taken, with a warning. */
const LEAST_PASSWORD = 8;

type Where = Omit<DashboardAddress, "byFlag">;

export async function dashboard({ settings, args: [given], terminal, stop }: Context): Promise<number> {
  const access = await accessOf(settings, whereOf("dashboard", settings, given));
  const page = listen({ settings, access });
  tell(page, access, terminal);
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener("abort", () => resolve(), { once: true });
  });
  await page.close();
  return EXIT.done;
}

/**
 * Shows the page for as long as `work` takes.
 * @param always where nothing is said of it; then a page that cannot be shown is told in the log and holds nothing up
 */
export async function withDashboard<T>(
  { settings, terminal, flagOf }: Context,
  { always }: { always: boolean },
  work: () => Promise<T>,
): Promise<T> {
  const { dashboard: asked = always ? DASHBOARD_ADDRESS : "off" } = settings;
  if (asked === "off") {
    assertNoPage(flagOf);
    return await work();
  }
  const access = await accessOf(settings, asked);
  const page = shown(settings, access);
  if (page === undefined) return await work();
  tell(page, access, terminal);
  try {
    return await work();
  } finally {
    await page.close();
  }
}

/** @throws {UserpipeError} `settings` where a page was asked for that cannot be shown */
function shown(settings: Settings, access: Access): Listening | undefined {
  try {
    return listen({ settings, access });
  } catch (error) {
    if (settings.dashboard !== undefined || !(error instanceof UserpipeError)) throw error;
    log.warning`${error.message}`;
    return undefined;
  }
}

/** @throws {UserpipeError} `settings` where a flag is about a page that is not shown */
function assertNoPage(flagOf: FlagOf): void {
  const given = DASHBOARD.filter((name) => name !== "dashboard").map(flagOf).find((flag) => flag !== undefined);
  if (given !== undefined) throw needed(given, ["--dashboard"], "it is about the page");
}

/** @throws {UserpipeError} `usage` for one run by itself: its page would be gone with it */
export function refuseDashboard({ settings: { dashboard }, flagOf }: Context): void {
  if (dashboard === undefined || dashboard === "off" || !dashboard.byFlag) return assertNoPage(flagOf);
  throw new UserpipeError(
    "usage",
    "--dashboard shows a process that keeps running, and this is one run",
    "Add --every or --cron, or run userpipe dashboard beside it",
  );
}

/**
 * The address that `command` was given, or else the usual one.
 * @throws {UserpipeError} `usage`
 */
export function whereOf(command: string, { dashboard }: Settings, given: string | undefined): Where {
  if (dashboard !== undefined && (dashboard === "off" || dashboard.byFlag)) {
    throw new UserpipeError(
      "usage",
      `${command} takes its address by itself`,
      `For example: userpipe ${command} 127.0.0.1:8642`,
    );
  }
  if (given === undefined) return dashboard ?? DASHBOARD_ADDRESS;
  const parsed = parseAddress(given);
  if (parsed.ok) return parsed.value;
  throw new UserpipeError("usage", `"${given}" is no address: ${parsed.reason}`, `See "userpipe ${command} --help"`);
}

function tell({ url, port }: Listening, access: Access, terminal: Terminal): void {
  const moved = access.port === 0 || access.port === port ? "" : `, since another program listens at ${access.port}`;
  terminal.note(`The page is at ${url}${moved}.`);
  if ((access.password?.length ?? Infinity) < LEAST_PASSWORD) {
    log.warning`The page's password has fewer than ${LEAST_PASSWORD} characters: it is soon guessed`;
  }
  if (access.loopback) return;
  terminal.note(
    `It listens at ${access.host}, port ${port}: other machines that reach it can sign in, with its password.`,
  );
  if (access.tls !== undefined) return;
  terminal.note(
    "Its password crosses the network as it is: name --tls-cert and --tls-key, or put a proxy that does TLS in front of it.",
  );
}
