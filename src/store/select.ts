/**
 * The check that a statement is one SELECT and nothing else, for both stores: what is in strings, quoted
 * names and comments is told apart from the statement itself, by the rules of CQL and SQL alike.
 */
import { UserpipeError } from "../errors.ts";

/** A piece of a statement, as it was written. `name` is a "quoted" identifier, `dollar` CQL's $$string$$. */
export interface Token {
  kind: "space" | "string" | "dollar" | "name" | "uuid" | "number" | "word" | "symbol";
  text: string;
}

const TOKENS = new RegExp(
  [
    String.raw`(?<comment>--[^\r\n]*|//[^\r\n]*|/\*[^]*?\*/)`,
    String.raw`(?<space>\s+)`,
    String.raw`(?<string>'[^']*(?:''[^']*)*')`,
    String.raw`(?<dollar>\$\$[^]*?\$\$)`,
    String.raw`(?<name>"[^"]*(?:""[^"]*)*")`,
    String.raw`(?<unclosed>'|\$\$|"|/\*)`,
    String.raw`(?<uuid>[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![\w-]))`,
    String.raw`(?<word>[\p{L}_][\p{L}\p{N}_$]*)`,
    String.raw`(?<number>\d[\w.]*)`,
    String.raw`(?<symbol>[^])`,
  ].join("|"),
  "gu",
);

const HINT = "Give one statement that begins with SELECT";

/**
 * The statement without comments and closing semicolons.
 * @throws {UserpipeError} `query` unless it is exactly one SELECT
 */
export function oneSelect(statement: string): string {
  return selectTokens(statement).map((token) => token.text).join("");
}

/**
 * The tokens of the statement, without comments, closing semicolons and space around it.
 * @throws {UserpipeError} `query` unless it is exactly one SELECT
 */
export function selectTokens(statement: string): Token[] {
  const tokens = [...tokenise(statement)];
  const idle = (token?: Token) => token?.kind === "space" || token?.text === ";";
  while (idle(tokens.at(-1))) tokens.pop();
  while (tokens[0]?.kind === "space") tokens.shift();
  const first = tokens[0];
  if (first === undefined) throw new UserpipeError("query", "The statement is empty", HINT);
  if (tokens.some((token) => token.kind === "symbol" && token.text === ";")) {
    throw new UserpipeError("query", "There is more than one statement", HINT);
  }
  if (!isWord(first, "SELECT")) {
    throw new UserpipeError(
      "query",
      `Only a SELECT can be run here, and this begins with "${first.text.slice(0, 30)}"`,
      HINT,
    );
  }
  return tokens;
}

/** Whether the token is this bare word, in whatever case. */
export function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === "word" && token.text.toUpperCase() === word;
}

function* tokenise(statement: string): Generator<Token> {
  for (const { groups } of statement.matchAll(TOKENS)) {
    const [kind, text] = Object.entries(groups!).find(([, text]) => text !== undefined)!;
    if (kind === "unclosed") {
      throw new UserpipeError("query", `The statement has a ${text} that is not closed`, "Close it, then try again");
    }
    if (kind === "comment") yield { kind: "space", text: " " };
    else yield { kind: kind as Token["kind"], text };
  }
}
