/** Settings of the page: where it is shown, who may see it, and whether it may change anything. */
import { UserpipeError } from "./errors.ts";
import { isLoopback } from "./loopback.ts";
import type { Result } from "./pipeline.ts";
import { lacking, type Problem } from "./settings_fit.ts";
import { boolean, type Parse, setting, text } from "./settings_types.ts";

/** Where the page is shown. */
export interface DashboardAddress {
  host: string;
  /** 0 takes any that is free. */
  port: number;
  /** Whether the port was named. One that was not, and is taken, gives way to the next. */
  portAsked: boolean;
  /** Whether the command line asked for the page, and not the environment, which is for all commands. */
  byFlag: boolean;
}

/** Where the page is unless something else is said. 8080 is where the Airflow of these people is. */
export const DASHBOARD_ADDRESS = { host: "127.0.0.1", port: 8642, portAsked: false };

const USUAL = `${DASHBOARD_ADDRESS.host}:${DASHBOARD_ADDRESS.port}`;

export const DASHBOARD = {
  dashboard: {
    ...setting<DashboardAddress | "off">(
      "--dashboard [host:port]",
      "USERPIPE_DASHBOARD",
      `show all of it on a page; without an address at ${USUAL}, or the next port that is free; ` +
        `left out: up and dashboard show it at ${USUAL}, ingest and stream do not`,
      address(false),
    ),
    parseFlag: address(true),
    negated: { flag: "--no-dashboard", help: "no page" },
  },
  dashboardReadOnly: setting(
    "--dashboard-read-only",
    "USERPIPE_DASHBOARD_READ_ONLY",
    "the page changes nothing",
    boolean,
    false,
  ),
  dashboardPasswordFile: {
    ...setting(
      "--dashboard-password-file <path>",
      "USERPIPE_DASHBOARD_PASSWORD_FILE",
      "file with the page's password; left out: the one in USERPIPE_DASHBOARD_PASSWORD, else none",
      text,
    ),
    holds: { what: "page's password", env: "USERPIPE_DASHBOARD_PASSWORD" },
  },
  dashboardTokenFile: {
    ...setting(
      "--dashboard-token-file <path>",
      "USERPIPE_DASHBOARD_TOKEN_FILE",
      "file with the token by which scripts read /metrics and /api; left out: the one in USERPIPE_DASHBOARD_TOKEN, else none",
      text,
    ),
    holds: { what: "page's token", env: "USERPIPE_DASHBOARD_TOKEN" },
  },
  tlsCert: setting("--tls-cert <path>", "USERPIPE_TLS_CERT", "certificates of the page in PEM: it is then https", text),
  tlsKey: setting("--tls-key <path>", "USERPIPE_TLS_KEY", "key of --tls-cert in PEM", text),
};

/** `host:port`, either alone, or a word for yes or no; an IPv6 address in brackets. */
function address(byFlag: boolean): Parse<DashboardAddress | "off"> {
  return (given) => {
    if (["false", "no", "off"].includes(given)) return { ok: true, value: "off" };
    const here = ["true", "yes", "on"].includes(given) ? "" : given.trim();
    const parsed = parseAddress(here);
    return parsed.ok ? { ok: true, value: { ...parsed.value, byFlag } } : parsed;
  };
}

const HOST = /[a-zA-Z0-9._-]*[a-zA-Z._-][a-zA-Z0-9._-]*|\d+(?:\.\d+){3}/.source;
const ADDRESS = new RegExp(`^(?:\\[([0-9a-fA-F:.]+)\\]|(${HOST}))?(?::(\\d{1,5}))?$`);

/** An address as a person writes it: `0.0.0.0:8642`, `9000`, `localhost`, `[::1]:9000`; nothing is the default. */
export function parseAddress(given: string): Result<Omit<DashboardAddress, "byFlag">> {
  const [whole, bracketed, host, port] = ADDRESS.exec(/^\d+$/.test(given) ? `:${given}` : given) ?? [];
  if (whole === undefined || Number(port ?? 0) > 65_535) {
    return { ok: false, reason: "it takes host:port, a host or a port: 0.0.0.0:8642" };
  }
  const { host: usualHost, port: usualPort } = DASHBOARD_ADDRESS;
  return {
    ok: true,
    value: {
      host: bracketed ?? host ?? usualHost,
      port: port === undefined ? usualPort : Number(port),
      portAsked: port !== undefined,
    },
  };
}

/** Settings of the page that are checked once it is to be shown. */
interface PageSettings {
  dashboardPasswordFile: string | undefined;
  tlsCert: string | undefined;
  tlsKey: string | undefined;
}

/** What would stand open to a network without a login, and half of TLS. */
export function* dashboardProblems(
  { dashboardPasswordFile: file, tlsCert, tlsKey }: PageSettings,
  { host }: { host: string },
  env: (name: string) => string | undefined,
): Generator<Problem> {
  if (!isLoopback(host) && file === undefined && !env(DASHBOARD.dashboardPasswordFile.holds.env)) {
    const error = new UserpipeError(
      "settings",
      `The page at "${host}" would stand open to everyone who can reach it: no password is set`,
      "Set USERPIPE_DASHBOARD_PASSWORD, name a file with --dashboard-password-file, or listen on 127.0.0.1",
    );
    yield { of: "dashboard", error };
  }
  if (tlsCert !== undefined && tlsKey === undefined) {
    yield { of: "tlsCert", error: lacking(DASHBOARD.tlsCert, DASHBOARD.tlsKey) };
  }
  if (tlsKey !== undefined && tlsCert === undefined) {
    yield { of: "tlsKey", error: lacking(DASHBOARD.tlsKey, DASHBOARD.tlsCert) };
  }
}
