/** Settings of the schema registry. By https its authority may be named. Its password comes from the environment or from a file, never from an argument. */
import { UserpipeError } from "./errors.ts";
import { withoutSecrets } from "./hidden.ts";
import { called, needed, type Problem } from "./settings_fit.ts";
import { setting, text, webAddress, webAddressInTheOpen } from "./settings_types.ts";

export const REGISTRY = {
  schemaRegistryUrl: {
    ...setting(
      "--schema-registry-url <url>",
      "SCHEMA_REGISTRY_URL",
      "schema registry that speaks Confluent's API; left out: values are plain JSON",
      webAddress,
    ),
    parseFlag: webAddressInTheOpen(
      "SCHEMA_REGISTRY_URL",
      "set SCHEMA_REGISTRY_PASSWORD, or name a file with --schema-registry-password-file",
    ),
    // It may have a password in it.
    secret: true,
    shownAs: withoutSecrets,
  },
  schemaRegistryCaFile: setting(
    "--schema-registry-ca-file <path>",
    "SCHEMA_REGISTRY_CA_FILE",
    "authorities that sign the schema registry's certificate, in PEM; left out: those that are publicly trusted",
    text,
  ),
  schemaRegistryUsername: setting(
    "--schema-registry-username <name>",
    "SCHEMA_REGISTRY_USERNAME",
    "user of the schema registry",
    text,
  ),
  schemaRegistryPasswordFile: {
    ...setting(
      "--schema-registry-password-file <path>",
      "SCHEMA_REGISTRY_PASSWORD_FILE",
      "file with that user's password; left out: the one in SCHEMA_REGISTRY_PASSWORD",
      text,
    ),
    holds: { what: "password of the schema registry", env: "SCHEMA_REGISTRY_PASSWORD" },
  },
};

/** Settings that name a file which is read to connect. */
export const REGISTRY_FILES = ["schemaRegistryCaFile", "schemaRegistryPasswordFile"] as const;

const URL_NAME = called(REGISTRY.schemaRegistryUrl);
const USER_NAME = called(REGISTRY.schemaRegistryUsername);
const CA_NAME = called(REGISTRY.schemaRegistryCaFile);
const FILE_NAME = called(REGISTRY.schemaRegistryPasswordFile);
const PASSWORD_NAME = REGISTRY.schemaRegistryPasswordFile.holds.env;

/** What has a meaning beside an address only. */
const BESIDE = ["schemaRegistryCaFile", "schemaRegistryUsername", "schemaRegistryPasswordFile"] as const;

/**
 * A user and a password belong together, and each is said once: in the address, or beside it. An authority belongs to https.
 * Where no registry is named, variables are left aside.
 * @param names the settings that the command takes
 * @param flagOf the flag of a setting that the command line gave
 * @param env the environment, which may have the password
 */
export function* registryProblems(
  names: readonly string[],
  values: Record<string, unknown>,
  flagOf: (name: keyof typeof REGISTRY) => string | undefined,
  env: (name: string) => string | undefined,
): Generator<Problem> {
  if (!names.includes("schemaRegistryUrl")) return;
  if (values.schemaRegistryUrl === undefined) {
    for (const name of BESIDE) {
      const flag = flagOf(name);
      if (flag === undefined) continue;
      yield { of: name, error: needed(flag, ["--schema-registry-url"], "it is about the connection to that") };
    }
    return;
  }
  const url = URL.parse(String(values.schemaRegistryUrl).trim());
  if (values.schemaRegistryCaFile !== undefined && url?.protocol !== "https:") {
    const why = `${CA_NAME} is of no use where ${URL_NAME} does not begin with https:`;
    const hint = `Begin the address with https:, or leave out ${CA_NAME}`;
    yield { of: "schemaRegistryCaFile", error: new UserpipeError("settings", why, hint) };
  }
  const beside = values.schemaRegistryUsername === undefined ? [] : [USER_NAME];
  const users = [...(url?.username ? [URL_NAME] : []), ...beside];
  const kept = [
    ...(env(PASSWORD_NAME) ? [PASSWORD_NAME] : []),
    ...(values.schemaRegistryPasswordFile === undefined ? [] : [FILE_NAME]),
  ];
  const passwords = [...(url?.password ? [URL_NAME] : []), ...kept];
  yield* twice("schemaRegistryUsername", users, "user");
  yield* twice("schemaRegistryPasswordFile", passwords, "password");
  // An address may have one of them alone: a token.
  if (kept.length > 0 && users.length === 0) {
    yield half("schemaRegistryPasswordFile", kept[0]!, "user", `Name the user with ${USER_NAME}, or leave it out`);
  }
  if (beside.length > 0 && passwords.length === 0) {
    const hint = `Set ${PASSWORD_NAME} to it, or name a file with ${FILE_NAME}`;
    yield half("schemaRegistryUsername", USER_NAME, "password", hint);
  }
}

type Name = keyof typeof REGISTRY;

function* twice(of: Name, [first, second]: readonly string[], what: string): Generator<Problem> {
  if (second === undefined) return;
  const message = `${first} and ${second} both give the ${what} of the schema registry`;
  yield { of, error: new UserpipeError("settings", message, "Leave one of them out") };
}

function half(of: Name, given: string, missing: string, hint: string): Problem {
  return { of, error: new UserpipeError("settings", `${given} is given, and no ${missing}`, hint) };
}
