/** How help is laid out: within the terminal's width, text that flows, a long term on a line of its own. */
import type { Help } from "commander";
import type { Command } from "./command.ts";

/** Where no terminal says how wide it is, and more than which nobody reads well. */
const WIDTH = { pipe: 80, most: 120 };
/** Longer terms stand on a line of their own. */
const LONGEST_TERM = 26;
/** Where less is left beside the terms, all stand on lines of their own. */
const LEAST_BESIDE = 30;

/** A space at which no line ends. */
export const TIE = "\u00a0";

/** Columns that help may fill. */
export function helpWidth(): number {
  if (!Deno.stdout.isTerminal()) return WIDTH.pipe;
  return Math.min(Deno.consoleSize().columns || WIDTH.pipe, WIDTH.most);
}

/** What of commander's own help looks otherwise. */
export function layout(width: number): Partial<Help> {
  return {
    helpWidth: width,
    subcommandTerm: (command) => command.name(),
    padWidth: (command, helper) => {
      const options = helper.visibleOptions(command).map((option) => helper.optionTerm(option));
      const names = helper.visibleCommands(command).map((each) => helper.subcommandTerm(each));
      return beside([...options, ...names]);
    },
    formatItem: (term, termWidth, description) => item(term, termWidth, description, width),
    // What is handed to it is wrapped already.
    boxWrap: (text) => text,
  };
}

/** Its summary, details and list, for `width` columns. */
export function descriptionOf({ summary, details, list }: Command, width: number): string {
  const paragraphs = [summary, ...details?.split("\n\n") ?? []].map((text) => flowed(text, width));
  if (list === undefined) return paragraphs.join("\n\n");
  const terms = Object.entries(list.terms);
  const termWidth = beside(terms.map(([term]) => term));
  const items = terms.map(([term, text]) => item(term, termWidth, text, width));
  return [...paragraphs, [`${list.title}:`, ...items].join("\n")].join("\n\n");
}

/** Examples, the long ones broken before a flag as a shell takes it. */
export function examplesOf({ examples }: Command, width: number): string {
  const lines = examples.flatMap((example) => {
    if (example.length + 2 <= width) return [`  ${example}`];
    const parts = example.split(/ (?=--)/);
    return broken(parts, width).map((line, n) => n === 0 ? `  ${line}` : `      ${line}`);
  });
  return `\nExamples:\n${lines.join("\n")}`;
}

/** Text of which line ends mean nothing, in lines of `width`, unbroken at {@linkcode TIE}. A longer word stands by itself. */
export function flowed(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/[ \n]+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n").replaceAll(TIE, " ");
}

function broken(parts: string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    // Beside its indent, a line has room for the backslash behind it.
    if (last !== undefined && last.length + part.length + 9 <= width) lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(part);
  }
  return lines.map((line, n) => n + 1 < lines.length ? `${line} \\` : line);
}

function beside(terms: readonly string[]): number {
  return Math.max(0, ...terms.map(({ length }) => length).filter((length) => length <= LONGEST_TERM));
}

function item(term: string, termWidth: number, text: string, width: number): string {
  const indent = width - termWidth - 4 < LEAST_BESIDE ? 6 : termWidth + 4;
  const lines = flowed(text, width - indent).split("\n").map((line) => " ".repeat(indent) + line);
  if (indent < termWidth + 4 || term.length > termWidth) return [`  ${term}`, ...lines].join("\n");
  return [`  ${term}`.padEnd(indent) + lines[0]!.trimStart(), ...lines.slice(1)].join("\n");
}
