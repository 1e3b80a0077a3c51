/** Arguments to a command: builds the command line from the table of commands, and prints what went wrong. */
import { Command as Commander, CommanderError, Option } from "commander";
import { EXIT, messageOf, UserpipeError } from "../errors.ts";
import { configureLog, jsonLine, logger } from "../log.ts";
import { securityWarnings } from "../secure.ts";
import {
  environment,
  flagOf,
  groupOf,
  LOG_GROUP,
  resolveGood,
  resolveSettings,
  type SettingName,
  SETTINGS,
} from "../settings.ts";
import { defaultText, type Setting } from "../settings_types.ts";
import { shown, shownLines } from "../shown.ts";
import type { Command } from "./command.ts";
import { commandFirst } from "./command_first.ts";
import { commandOf, COMMANDS } from "./commands.ts";
import { descriptionOf, examplesOf, flowed, helpWidth, layout, TIE } from "./help.ts";
import { listen, unheard } from "./signals.ts";
import { Terminal, wantsColour } from "./terminal.ts";
import { refusedLine, unknownCommand } from "./usage.ts";
import { VERSION } from "../version.ts";

/** Ends the process at once. */
type Exit = (code: number) => never;

/** Runs the command that `args` name. Never throws. @returns the exit code */
export async function main(args: readonly string[], exit: Exit): Promise<number> {
  // What a driver throws where nobody awaits it ends the process too, in the same words and with the same codes.
  globalThis.addEventListener("error", (event) => exit(reported(event, event.error)));
  globalThis.addEventListener("unhandledrejection", (event) => exit(reported(event, event.reason)));
  json = wantsJson(args);
  try {
    return await parse(args, exit);
  } catch (error) {
    return report(error);
  }
}

async function parse(args: readonly string[], exit: Exit): Promise<number> {
  let code: number = EXIT.done;
  const line = commandFirst(args);
  // Where help is asked for of no such command, commander would print that of the program.
  const [first, topic] = line;
  const named = first === "help" ? topic : first;
  if (named !== undefined && named !== "help" && !named.startsWith("-") && commandOf(named) === undefined) {
    throw unknownCommand(named);
  }
  const program = programOf(
    async (command, flags, positional) => code = await run(command, flags, positional, exit),
    helpWidth(),
  );
  try {
    await program.parseAsync([...line], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    // Without a command commander prints the help to standard error by itself.
    if (error.code === "commander.help") return EXIT.usage;
    throw refusedLine(error, line);
  }
  return code;
}

type Action = (command: Command, flags: Record<string, string | boolean>, args: string[]) => Promise<unknown>;

/** The command line. @param width of its help, in columns */
export function programOf(action: Action, width: number): Commander {
  const program = quiet(new Commander("userpipe"), width)
    .description(
      flowed("Carries users from an HTTP source through a topic into a table, and lets you see it happen.", width),
    )
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", HELP.map((paragraph) => `\n${flowed(paragraph, width)}`).join("\n"));
  for (const command of COMMANDS) program.addCommand(build(command, action, width));
  return program;
}

const HELP = [
  "With nothing named, topic and table are SQLite files in ./userpipe-data. Name a Kafka with --brokers or " +
  "KAFKA_BROKERS, a Cassandra with --contact-points or CASSANDRA_CONTACT_POINTS.",
  '"userpipe <command> --help" has the flags of a command. Flags may stand before the command too.',
  "Exit codes: 0 done, 1 done with records refused or something found, 2 wrong usage or settings, 3 a component is out " +
  "of reach, 4 stopped by --max-refused, 130 and 143 cut short by a signal, 70 a defect of userpipe.",
];

function quiet(commander: Commander, width: number): Commander {
  return commander.exitOverride().configureOutput({ outputError: () => {} }).configureHelp(layout(width));
}

function build(command: Command, action: Action, width: number) {
  const built = quiet(new Commander(command.name), width)
    .summary(command.summary)
    .description(descriptionOf(command, width))
    .helpOption("-h, --help", "print this help")
    .allowExcessArguments(false)
    .addHelpText("after", examplesOf(command, width));
  if (command.alias !== undefined) built.alias(command.alias);
  if (command.arguments !== undefined) built.arguments(command.arguments);
  const names = new Map<string, string>();
  // Of a flag and its negation commander keeps the last: which of the two were given.
  const pairs: Set<string>[] = [];
  for (const name of inOrder(command.settings)) {
    const { flag, env, default: value, negated } = SETTINGS[name] as Setting<unknown, unknown>;
    const help = command.help?.[name] ?? SETTINGS[name].help;
    const also = [env && `env${TIE}${env}`, defaultText(value) && `default${TIE}${defaultText(value)}`].filter(Boolean)
      .join(
        ", ",
      );
    const option = new Option(flag, also === "" ? help : `${help} (${also})`);
    names.set(option.attributeName(), name);
    const hidden = [...command.refused ?? [], ...command.unlisted ?? []].includes(name);
    const heading = `${groupOf(name)}:`;
    built.addOption(option.hideHelp(hidden).helpGroup(heading));
    if (negated === undefined) continue;
    const negation = new Option(negated.flag, negated.help);
    built.addOption(negation.hideHelp(hidden).helpGroup(heading));
    const given = new Set<string>();
    for (const each of [option, negation]) built.on(`option:${each.name()}`, () => given.add(each.long!));
    pairs.push(given);
  }
  built.action(async () => {
    const both = pairs.find(({ size }) => size > 1);
    if (both !== undefined) throw contradiction([...both]);
    const flags: Record<string, string | boolean> = {};
    for (const [option, value] of Object.entries(built.opts())) flags[names.get(option)!] = value;
    await action(command, flags, built.processedArgs.flat().filter((arg) => arg !== undefined));
  });
  return built;
}

/** What the command is for before where its ends are, and that before how it logs. */
const LAST_GROUPS = ["Places", "What init makes", "The page", "Secure connections", "The schema registry", LOG_GROUP];

function inOrder(names: readonly SettingName[]): SettingName[] {
  const place = (name: SettingName) => LAST_GROUPS.indexOf(groupOf(name));
  return names.toSorted((a, b) => place(a) - place(b));
}

function contradiction(flags: readonly string[]): UserpipeError {
  return new UserpipeError("settings", `${flags.join(" and ")} contradict each other`, "Give one of them");
}

async function run(
  command: Command,
  flags: Record<string, string | boolean>,
  args: string[],
  exit: Exit,
): Promise<number> {
  const resolve = command.lenient ? resolveGood : resolveSettings;
  const settings = resolve(command.settings, flags, environment);
  const format = settings.logFormat ?? (Deno.stderr.isTerminal() ? "pretty" : "json");
  // What is watched ends with its reader: it has no other end.
  const unread = command.answers === true && settings.watch !== true;
  const terminal = new Terminal({ quiet: settings.quiet, json: format === "json", jsonNotes: json, unread });
  const level = settings.quiet ? "error" : settings.logLevel;
  const log = { level, format, colour: wantsColour(Deno.stderr.isTerminal()) };
  await configureLog({ ...log, beforeWrite: () => terminal.clear() });
  const warnings = await securityWarnings(settings, environment, flagOf.bind(null, flags));
  for (const warning of warnings) logger("settings").warn`${warning}`;
  const signals = command.undrained ? unheard() : listen(terminal, settings.stopTimeout, exit, command);
  try {
    const work = await command.load();
    const { stop, abort, cutCode } = signals;
    const context = { settings, flags, flagOf: flagOf.bind(null, flags), args, terminal, log, stop, abort, cutCode };
    return signals.exitCode(await work(context));
  } catch (error) {
    terminal.clear();
    return signals.exitCode(report(error));
  } finally {
    signals.end();
  }
}

function reported(event: Event, error: unknown): number {
  event.preventDefault();
  return report(error);
}

/** Whether all of standard error is to be lines of JSON; asked also where the settings are wrong. */
let json = false;

function wantsJson(args: readonly string[]): boolean {
  const flag = args.findLastIndex((arg) => arg === "--log-format" || arg.startsWith("--log-format="));
  if (flag === -1) return Deno.env.get("USERPIPE_LOG_FORMAT") === "json";
  return args[flag] === "--log-format=json" || args[flag + 1] === "json";
}

/** The one place that prints an error. */
function report(error: unknown): number {
  if (error instanceof Deno.errors.BrokenPipe) return EXIT.done;
  if (error instanceof UserpipeError) {
    const { message, hint, code } = error;
    // What it quotes is data.
    const lines = `error: ${shownLines(message)}\n  ${shown(hint)}`;
    console.error(json ? jsonLine("ERROR", message, { hint, code }) : lines);
    return error.exit;
  }
  const what = `a defect of userpipe: ${error instanceof Error ? error.stack ?? error.message : messageOf(error)}`;
  const hint = "Nothing that was acknowledged is lost. Please report it with the lines above";
  console.error(json ? jsonLine("ERROR", what, { hint }) : `error: ${what}\n  ${hint}`);
  return EXIT.defect;
}
