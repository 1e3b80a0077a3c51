/** What `doctor` looks at in the embedded store: whether its table is there, and whether the file holds together. */
import { type Check, failed, type Finding, findingOf, UserpipeError } from "../errors.ts";
import { translate } from "../sqlite.ts";
import type { KeyspaceFile } from "./sqlite_file.ts";
import { tableName } from "./sqlite_table.ts";

/** The whole file is read, at some hundred MB/s, and nothing can stop that: a larger one is for a person to start. */
const MOST_LOOKED_THROUGH = 2 * 1024 ** 3;

export function checkFile(file: KeyspaceFile): Check {
  try {
    file.ready();
    return { component: "store", ok: true, detail: `table ${tableName(file.table)} in ${file.path}` };
  } catch (error) {
    if (error instanceof UserpipeError) return { component: "store", ok: false, error };
    throw error;
  }
}

export function* diagnoseFile(file: KeyspaceFile): Generator<Finding> {
  const check = checkFile(file);
  yield findingOf("table", check);
  if (check.ok) yield whole(file);
}

/**
 * Damage that SQLite meets while it reads is an error of the query that met it. Some it does not meet: a page that is
 * no longer reached takes its rows with it without a word, and only a look through the whole file finds that.
 */
function whole(file: KeyspaceFile): Finding {
  const what = "file";
  try {
    const { size } = Deno.statSync(file.path);
    if (size > MOST_LOOKED_THROUGH) {
      const detail = `not looked through for damage: it has ${(size / 1024 ** 3).toFixed(1)} GiB`;
      return { what, state: "ok", detail: `${file.path}, ${detail}` };
    }
    const answer = file.prepare("PRAGMA quick_check(1)").get() as unknown as [string];
    if (answer[0] === "ok") return { what, state: "ok", detail: `${file.path}, looked through` };
    return {
      what,
      state: "fail",
      detail: `"${file.path}" is damaged, and queries may miss rows without a word: ${answer[0].replaceAll("\n", " ")}`,
      hint: "Put back a copy of it, or move it away, run init, and carry the topic again with " +
        '"userpipe stream --from earliest"',
    };
  } catch (error) {
    return failed(what, translate(error, file.path));
  }
}
