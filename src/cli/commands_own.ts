/** The commands about the program itself: whether its process works, its settings, its completion in shells. */
import { nameOf, type SettingName, SETTINGS } from "../settings.ts";
import { type Command, COMMON } from "./command.ts";

/** Every setting, and of those that share a flag the first; none with the flag of `--format`, which each command has as its own. */
const ONE_OF_EACH_FLAG = oneOfEachFlag();

function oneOfEachFlag(): SettingName[] {
  const seen = new Set(["--format"]);
  return (Object.keys(SETTINGS) as SettingName[]).filter((name) => {
    const flag = nameOf(SETTINGS[name].flag);
    return !seen.has(flag) && seen.add(flag);
  });
}

export const OWN_COMMANDS: readonly Command[] = [
  {
    name: "healthcheck",
    answers: true,
    undrained: true,
    summary: "ask the page of a running process whether its broker, store and record of runs work",
    arguments: "[address]",
    details: `For a container, whose health check it is: exit code 0 where all of them work, 1
where one does not, 3 where no page answers. The address is that of the page,
also as http:// or https://; left out, the one in USERPIPE_DASHBOARD, else 127.0.0.1:8642.`,
    examples: ["userpipe healthcheck", "userpipe healthcheck 127.0.0.1:9000"],
    settings: ["dashboard", "tlsCert", "logLevel", "logFormat", "quiet"],
    refused: ["dashboard"],
    load: async () => (await import("./healthcheck.ts")).healthcheck,
  },
  {
    name: "settings",
    undrained: true,
    summary: "show what each setting is, and what says so; secrets are hidden",
    details: `Takes the flags of all other commands, and shows what they and the environment come to. What Cassandra
settles where no setting does, it is asked for. All that commands would refuse is shown with its error, files that
are named included, and the exit code is then 2. Of variables that look like a setting's and are none it warns.`,
    examples: ["userpipe settings", "userpipe settings --brokers 127.0.0.1:9092 --format json"],
    settings: ["settingsFormat", ...ONE_OF_EACH_FLAG],
    unlisted: ONE_OF_EACH_FLAG.filter((name) => !(COMMON as readonly SettingName[]).includes(name)),
    lenient: true,
    load: async () => (await import("./settings.ts")).settings,
  },
  {
    name: "completion",
    undrained: true,
    summary: "print a script that completes commands and flags in a shell: bash, zsh or fish",
    arguments: "<shell>",
    words: ["bash", "zsh", "fish"],
    examples: ["userpipe completion bash"],
    settings: [],
    load: async () => (await import("./completion.ts")).completion,
  },
];
