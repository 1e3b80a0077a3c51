/** Why a file of the data folder cannot be written: what is in the way, whose it is and who asks, and what to do. */
import { dirname, resolve } from "node:path";

/** @returns nothing where it can be written, or it is not known why not */
export function whyNotWritable(path: string): [what: string, hint: string] | undefined {
  const there = nearest(resolve(path));
  const folder = there === resolve(path) ? dirname(there) : there;
  return inTheWay(
    folder,
    "folder",
    () => Deno.removeSync(Deno.makeTempFileSync({ dir: folder, prefix: ".userpipe-" })),
  ) ??
    (there === folder ? undefined : inTheWay(there, "file", () => Deno.openSync(there, { append: true }).close()));
}

/** What is there: the path itself, or what is above it. */
function nearest(path: string): string {
  try {
    Deno.lstatSync(path);
    return path;
  } catch {
    // Whether it may not be seen or is not there, what is above it says why.
    return dirname(path) === path ? path : nearest(dirname(path));
  }
}

/** Tries it: permissions, access lists, mounts and security modules all have a say. */
function inTheWay(path: string, kind: "folder" | "file", write: () => void): [string, string] | undefined {
  try {
    write();
    return undefined;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EROFS") {
      return [
        `the file system of the ${kind} "${path}" is read-only`,
        "Mount it so that it can be written, or name another folder with --data-dir",
      ];
    }
    if (code !== "EACCES" && code !== "EPERM") return undefined;
    return [`the ${kind} "${path}" may not be written by ${whoAsks()}${whose(path)}`, hintOf(path)];
  }
}

function whoAsks(): string {
  const uid = ownUid();
  return uid === null ? "this user" : `user ${uid}`;
}

/** A thread may not ask. */
function ownUid(): number | null {
  try {
    return Deno.uid();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return null;
    throw error;
  }
}

function whose(path: string): string {
  const { uid, mode } = statOf(path);
  if (uid === null || mode === null) return "";
  return `: it is of user ${uid}, with the mode ${(mode & 0o7777).toString(8).padStart(3, "0")}`;
}

function hintOf(path: string): string {
  const owner = statOf(path).uid;
  const own = owner === null || owner === ownUid();
  if (own) return `Allow it with chmod u+w "${path}", or name another folder with --data-dir`;
  const give = `ive the folder to ${whoAsks()} with chown -R, or name another with --data-dir`;
  // Nothing here wants root.
  return owner === 0 ? `G${give}` : `Run it as user ${owner}, g${give}`;
}

function statOf(path: string): Pick<Deno.FileInfo, "uid" | "mode"> {
  try {
    return Deno.statSync(path);
  } catch {
    // It is left out of what is said.
    return { uid: null, mode: null };
  }
}
