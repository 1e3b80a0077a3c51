/** `SHA256SUMS`: what `sha256sum --check` compares a folder's executables with. */
import { createHash } from "node:crypto";
import { join } from "node:path";

export const SUMS = "SHA256SUMS";

/** Of every executable in the folder, whole or not at all. */
export async function writeSums(folder: string): Promise<void> {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  const lines: string[] = [];
  for (const name of names.filter((name) => name.startsWith("userpipe-")).sort()) {
    lines.push(`${await sha256(join(folder, name))}  ${name}\n`);
  }
  const made = join(folder, `.${SUMS}`);
  await Deno.writeTextFile(made, lines.join(""));
  await Deno.rename(made, join(folder, SUMS));
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of (await Deno.open(path)).readable) hash.update(chunk);
  return hash.digest("hex");
}
