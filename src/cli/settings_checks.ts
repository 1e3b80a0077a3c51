/** All that commands would find wrong in the settings, by their own checks: every problem, and what each is shown with. */
import { UserpipeError } from "../errors.ts";
import { askedOf, namesOf, openAsRecorded, openRuns, pipelineNamed } from "../open.ts";
import {
  type Environment,
  type Flags,
  givenOf,
  problemsTogether,
  type SettingName,
  SETTINGS,
  type Settings,
  wrongValues,
} from "../settings.ts";
import { DASHBOARD_ADDRESS, dashboardProblems } from "../settings_dashboard.ts";
import { fileProblems } from "../settings_files.ts";
import type { Problem } from "../settings_fit.ts";
import { scheduleOf } from "./ingest.ts";

const NAMES = Object.keys(SETTINGS) as SettingName[];

/**
 * Nothing is connected to, and nothing made.
 * @param settings where a value is wrong, its default
 */
export async function problemsIn(settings: Settings, flags: Flags, env: Environment): Promise<Problem[]> {
  const values = valuesGiven(settings, flags, env);
  const { dashboard = DASHBOARD_ADDRESS } = settings;
  const isUsed = (name: SettingName) => name === "dashboard" ? dashboard !== "off" : values[name] !== undefined;
  const problems = [...wrongValues(NAMES, flags, env), ...problemsTogether(NAMES, values, flags, env)];
  if (dashboard !== "off") problems.push(...dashboardProblems(settings, dashboard, env));
  problems.push(...await fileProblems(settings, isUsed, env));
  for (const [of, check] of checksOf(settings)) problems.push(...await tried(of, check));
  const messages = problems.map(({ error }) => error.message);
  return problems.filter(({ error }, i) => messages.indexOf(error.message) === i);
}

/** One that is wrong is given all the same: what belongs to it is not told to be without it. */
function valuesGiven(settings: Settings, flags: Flags, env: Environment): Record<string, unknown> {
  const values: Record<string, unknown> = { ...settings };
  for (const name of NAMES) {
    const given = givenOf(name, flags, env);
    if (given !== undefined && !given.parsed.ok) values[name] = given.text;
  }
  return values;
}

function checksOf(settings: Settings): [of: SettingName, check: () => unknown][] {
  const { every, file, generate, runs } = settings;
  return [
    ["pipeline", () => pipelineNamed(settings.pipeline)],
    ["deadLetterTopic", () => namesOf(settings)],
    [every === undefined ? "cron" : "every", () => scheduleOf(settings)],
    [file !== undefined ? "file" : generate !== undefined ? "generate" : "count", () => checkSource(settings)],
    ["runs", async () => runs !== undefined && await (await openRuns(settings, { make: false })).close()],
  ];
}

async function checkSource(settings: Settings): Promise<void> {
  const source = await openAsRecorded(settings, askedOf(settings, ""));
  try {
    if (settings.file === undefined) return;
    const check = await source.check();
    if (!check.ok) throw check.error;
  } finally {
    await source.close();
  }
}

async function tried(of: SettingName, check: () => unknown): Promise<Problem[]> {
  try {
    await check();
    return [];
  } catch (error) {
    if (!(error instanceof UserpipeError)) throw error;
    return [{ of, error }];
  }
}
