/**
 * Where the page is shown and who may see it, from the settings, the environment and the files that they name. What
 * would stand open to a network without a login is refused here, before anything listens.
 */
import { isLoopback } from "../loopback.ts";
import { environment, type Settings } from "../settings.ts";
import { type DashboardAddress, dashboardProblems } from "../settings_dashboard.ts";
import { pairOf, secretOf } from "../settings_files.ts";

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

/**
 * @param settings those of the page
 * @throws {UserpipeError} `settings`
 */
export async function accessOf(
  settings: Pick<Settings, "dashboardReadOnly" | "dashboardPasswordFile" | "dashboardTokenFile" | "tlsCert" | "tlsKey">,
  { host, port, portAsked }: Omit<DashboardAddress, "byFlag">,
  env = environment,
): Promise<Access> {
  for (const { error } of dashboardProblems(settings, { host }, env)) throw error;
  const password = await secretOf("dashboardPasswordFile", settings, env);
  const token = await secretOf("dashboardTokenFile", settings, env);
  const tls = await pairOf("tlsCert", "tlsKey", settings, env);
  return {
    host,
    port,
    portAsked,
    loopback: isLoopback(host),
    password,
    token,
    tls,
    readOnly: settings.dashboardReadOnly,
  };
}
