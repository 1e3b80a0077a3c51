/** Settings of the schema registry. Its password comes from the environment or from a file, never from an argument. */
import { withoutSecrets } from "./hidden.ts";
import { type Parse, setting, text, webAddress } from "./settings_types.ts";

const withoutPassword: Parse<string> = (given) => {
  if (!URL.parse(given.trim())?.password) return webAddress(given);
  const reason = "a password on the command line can be seen by every user of the machine. Leave it out, and set " +
    "SCHEMA_REGISTRY_PASSWORD, or name a file with --schema-registry-password-file";
  return { ok: false, reason };
};

export const REGISTRY = {
  schemaRegistryUrl: {
    ...setting(
      "--schema-registry-url <url>",
      "SCHEMA_REGISTRY_URL",
      "schema registry that speaks Confluent's API; left out: values are plain JSON",
      webAddress,
    ),
    parseFlag: withoutPassword,
    // It may have a password in it.
    secret: true,
    shownAs: withoutSecrets,
  },
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
