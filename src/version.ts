/** The program's version, from deno.json, its one place. */
import config from "../deno.json" with { type: "json" };

export const VERSION: string = config.version;
