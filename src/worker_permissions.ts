/** What the stream's thread may do, which is less than its process may: what it needs for its ends, and nothing else. */
import { resolve } from "node:path";
import type { Settings } from "./settings.ts";
import { REGISTRY, REGISTRY_FILES } from "./settings_registry.ts";
import { SECURITY, SECURITY_FILES } from "./settings_secure.ts";

/** Variables that the thread's own code and its libraries look at. */
const VARIABLES = [
  ...["OTEL_DENO", "USERPIPE_FAULT", "NODE_ENV", "KAFKAJS_LOG_LEVEL", "KAFKAJS_NO_PARTITIONER_WARNING"],
  ...["KAFKAJS_DEBUG_PROTOCOL_BUFFERS", "KAFKAJS_DEBUG_EXTENDED_PROTOCOL_BUFFERS"],
];

const SECRETS = [
  ...["kafkaKeyPassphraseFile", "kafkaSaslPasswordFile"] as const,
  ...["cassandraKeyPassphraseFile", "cassandraPasswordFile"] as const,
  "schemaRegistryPasswordFile" as const,
];
const HOLDERS = { ...SECURITY, ...REGISTRY };

/** @returns paths are absolute: the current folder is nothing that the thread may ask for */
export function workerPermissions(settings: Settings): Deno.PermissionOptionsObject {
  const folders = placesOf(settings.dataDir);
  return {
    // Brokers and nodes say at run time where the others are.
    net: "inherit",
    read: [...folders, ...filesRead(settings).flatMap(placesOf)],
    write: folders,
    env: [...VARIABLES, ...secretsRead(settings)],
    sys: false,
    run: false,
    ffi: false,
    import: false,
  };
}

/** Files beside the data folder that its ends are opened with. */
function filesRead(settings: Settings): string[] {
  return [...SECURITY_FILES, ...REGISTRY_FILES].flatMap((name) => settings[name] ?? []);
}

/** Variables with a secret of its ends, where no file with it is named. */
function secretsRead(settings: Settings): string[] {
  return SECRETS.flatMap((name) => settings[name] === undefined ? HOLDERS[name].holds.env : []);
}

/** The path as it is named, and where it leads: permissions hold for a path and not for what it links to. */
function placesOf(path: string): string[] {
  const named = resolve(path);
  try {
    return [...new Set([named, Deno.realPathSync(named)])];
  } catch {
    // It is not there yet, or cannot be looked at: the end that wants it says so.
    return [named];
  }
}
