/** The code blocks of the documents, what each says of itself, and whether what was printed is what stands there. */
import { join } from "node:path";
import { ROOT } from "../../tools/build/options.ts";

export const DOCUMENTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md"];

/**
 * What the comment before a block says: `run` (a reader types it), `run: services` (with a Kafka and a Cassandra),
 * `run: until "text"` (ended by Ctrl-C once that is printed), `run: terminals` (a line a terminal), `session` (commands
 * behind `$`, each with what it prints), `run by: a test file`, `not run: the reason`.
 */
export interface Block {
  /** `README.md:12` */
  where: string;
  text: string;
  kind: "run" | "session" | "run by" | "not run" | undefined;
  /** Behind the colon. */
  of: string;
}

const FENCED = /(?:^<!-- (run by|not run|run|session)(?:: ([^\n]*))? -->\n)?^```(\w+)\n([\s\S]*?)^```$/gm;

export function textOf(path: string): string {
  return Deno.readTextFileSync(join(ROOT, path));
}

export function blocksOf(path: string): Block[] {
  const document = textOf(path);
  return [...document.matchAll(FENCED)].map((match) => {
    const [whole, kind, of = "", , text] = match;
    const line = document.slice(0, match.index + whole!.indexOf("```")).split("\n").length;
    return { where: `${path}:${line}`, text: text!, kind: kind as Block["kind"], of };
  });
}

/** Lines of code that stand in no fence, where nothing can be said of them. */
export function unfenced(path: string): string[] {
  const outside = textOf(path).replace(/^```[\s\S]*?^```$/gm, "");
  return [...outside.matchAll(/\n\n( {4,}\S.*)/g)].map(([, line]) => line!);
}

/** Commands of a session, each with the lines that stand below it. */
export function commandsOf(session: string): { command: string; lines: string[] }[] {
  return session.split(/^\$ /m).slice(1).map((part) => {
    const [command, ...lines] = part.trimEnd().split("\n");
    return { command: command!, lines };
  });
}

/**
 * The first of `lines` that was not printed behind those before it. Numbers, ids and times are others each time, and
 * `…` is anything; a line that is nothing else stands for any number of lines.
 */
export function missingOf(lines: readonly string[], printed: string): string | undefined {
  const left = printed.split("\n").map(plain);
  for (const line of lines.filter((line) => plain(line) !== "" && plain(line) !== "…")) {
    const pattern = new RegExp(`^${patternOf(plain(line))}$`);
    const at = left.findIndex((each) => pattern.test(each));
    if (at < 0) return line;
    left.splice(0, at + 1);
  }
}

function plain(line: string): string {
  return line.replace(/[─┬┼┴]+/g, "─").replace(/\s+/g, " ").trim();
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

function patternOf(line: string): string {
  // Of a row of a table only its id says that it is one.
  const [upToId] = new RegExp(`^.*?${UUID.source}`).exec(line) ?? [];
  const text = upToId === undefined ? line : `${upToId}…`;
  return text.split(new RegExp(`(${UUID.source}|\\b[0-9a-f]{8}\\b|\\d{4}-\\d\\d-\\d\\d[ T][\\d:.]+Z?|\\d[\\d,.]*|…)`))
    .map(
      (piece, index) => {
        if (index % 2 === 0) return RegExp.escape(piece);
        if (piece === "…") return ".*";
        if (/^[0-9a-f]{8}$/.test(piece)) return "[0-9a-f]{8}";
        return UUID.test(piece) ? UUID.source : piece.includes(":") ? "[-\\d:.TZ ]+" : "[\\d,.]+";
      },
    ).join("");
}
