/** What `doctor` looks at in the data folder: whether it can be written, and the room on its disk. */
import { statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { failed, type Finding, UserpipeError } from "../errors.ts";
import { translate } from "../sqlite.ts";

/** Less than this and the next minutes may fill it. */
const FULL_BYTES = 64 * 1024 * 1024;
/** What the outbox keeps by default, and a partition of the embedded broker. */
const LITTLE_BYTES = 1024 ** 3;
const PROBE_BYTES = 64 * 1024;

/** @param path the folder, which need not be there yet */
export async function* dataFolderFindings(path: string): AsyncGenerator<Finding> {
  try {
    const there = nearest(resolve(path));
    const disk = statfsSync(there, { bigint: true });
    // Some file systems count no files.
    if (disk.files > 0n && disk.ffree === 0n) return yield noInodes(path);
    writeProbe(there);
    const detail = there === resolve(path) ? path : `${path} is not there yet, and can be made`;
    yield { what: "folder", state: "ok", detail };
    yield room(path, Number(disk.bavail * disk.bsize));
  } catch (error) {
    yield failed("folder", translate(error, path));
  }
}

/** The folder, or where it is not there the one that it would be made in. */
function nearest(path: string): string {
  try {
    if (Deno.statSync(path).isDirectory) return path;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return nearest(dirname(path));
    throw error;
  }
  throw new UserpipeError(
    "data-folder",
    `Cannot use "${path}": a file is where its folder should be`,
    "Name another folder with --data-dir",
  );
}

/** Whether permissions, the file system and quotas let us write is best known by doing it. */
function writeProbe(folder: string): void {
  const probe = Deno.makeTempFileSync({ dir: folder, prefix: ".userpipe-doctor-" });
  try {
    Deno.writeFileSync(probe, new Uint8Array(PROBE_BYTES));
  } finally {
    Deno.removeSync(probe);
  }
}

const HINT = "Make room, or name a folder on another disk with --data-dir";

function noInodes(path: string): Finding {
  return {
    what: "disk",
    state: "fail",
    detail: `The disk of "${path}" takes no more files (no inodes are left)`,
    hint: HINT,
  };
}

function room(path: string, free: number): Finding {
  const what = "disk";
  if (free >= LITTLE_BYTES) return { what, state: "ok", detail: `${sizeText(free)} free` };
  const detail = `The disk of "${path}" is nearly full: ${sizeText(free)} free`;
  return { what, state: free < FULL_BYTES ? "fail" : "warn", detail, hint: HINT };
}

function sizeText(bytes: number): string {
  return bytes < LITTLE_BYTES ? `${Math.floor(bytes / 1024 ** 2)} MiB` : `${(bytes / LITTLE_BYTES).toFixed(1)} GiB`;
}
