/**
 * Where the page is shown and who may see it, from the settings, the environment and the files that they name. What
 * would stand open to a network without a login is refused here, before anything listens.
 */
import { UserpipeError } from "../errors.ts";
import { certificatesIn, keyIn, secretIn } from "../secret_file.ts";
import type { Settings } from "../settings.ts";
import type { DashboardAddress } from "../settings_dashboard.ts";

export interface Access {
  host: string;
  /** 0 takes any that is free. */
  port: number;
  /** Whether the port was named: one that was not gives way to the next. */
  portAsked: boolean;
  /** Whether only this machine can reach the host. */
  loopback: boolean;
  /** Undefined where no login is asked for. */
  password: string | undefined;
  /** By which scripts read what the page reads. */
  token: string | undefined;
  /** In PEM. */
  tls: { cert: string; key: string } | undefined;
  readOnly: boolean;
}

type Environment = (name: string) => string | undefined;

/**
 * @param settings those of the page
 * @throws {UserpipeError} `settings`
 */
export async function accessOf(
  settings: Pick<Settings, "dashboardReadOnly" | "dashboardPasswordFile" | "dashboardTokenFile" | "tlsCert" | "tlsKey">,
  { host, port, portAsked }: Omit<DashboardAddress, "byFlag">,
  env: Environment = (name) => Deno.env.get(name),
): Promise<Access> {
  const { dashboardPasswordFile, dashboardTokenFile, dashboardReadOnly: readOnly } = settings;
  const password = await secretOf("password", "USERPIPE_DASHBOARD_PASSWORD", dashboardPasswordFile, env);
  const token = await secretOf("token", "USERPIPE_DASHBOARD_TOKEN", dashboardTokenFile, env);
  const loopback = isLoopback(host);
  if (!loopback && password === undefined) throw open(host);
  return { host, port, portAsked, loopback, password, token, tls: await tlsOf(settings), readOnly };
}

/** A name that only a resolver could tell is taken for one of a network. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function open(host: string): UserpipeError {
  return new UserpipeError(
    "settings",
    `The page at "${host}" would stand open to everyone who can reach it: no password is set`,
    "Set USERPIPE_DASHBOARD_PASSWORD, name a file with --dashboard-password-file, or listen on 127.0.0.1",
  );
}

/** Of a file in place of the environment, where one is named. */
async function secretOf(
  what: "password" | "token",
  variable: string,
  path: string | undefined,
  env: Environment,
): Promise<string | undefined> {
  if (path === undefined) return env(variable) || undefined;
  return await secretIn(path, `the page's ${what}`, `--dashboard-${what}-file`);
}

async function tlsOf({ tlsCert, tlsKey }: Pick<Settings, "tlsCert" | "tlsKey">): Promise<Access["tls"]> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UserpipeError("settings", "Of --tls-cert and --tls-key one is missing", "Name both, or leave both out");
  }
  return {
    cert: await certificatesIn(tlsCert, "the page's certificate", "--tls-cert"),
    key: await keyIn(tlsKey, "the page's key", "--tls-key"),
  };
}
