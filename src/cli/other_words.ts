/** Commands and flags of Airflow, Kafka, Spark and Cassandra, and what they are here: for whoever types them by habit. */

const COMMANDS: readonly (readonly [words: string, here: string])[] = [
  ["topics topic describe groups consumer-groups lag offsets", '"userpipe status" shows the topic and the lag'],
  [
    "consume consumer console-consumer tail messages cat",
    '"userpipe peek" shows messages, "userpipe peek --follow" goes on',
  ],
  ["produce producer publish fetch import load", '"userpipe ingest" fetches and publishes, also from a file (--file)'],
  ["dags dag jobs tasks history list ls ps", '"userpipe runs" lists what ran'],
  ["logs log", '"userpipe runs show <id>" shows the log of a run'],
  ["schedule scheduler cron", '"userpipe ingest --every 1m" and "userpipe up" run on a schedule'],
  ["start run standalone all", '"userpipe up" runs all of it'],
  ["stop down kill", 'Ctrl-C or SIGTERM ends a process; "userpipe pause" holds the schedule'],
  ["unpause", '"userpipe resume" lets the schedule go on'],
  ["submit spark-submit sink connect worker", '"userpipe stream" carries the topic into the table'],
  ["reset seek rewind", '"userpipe stream --from earliest" reads the topic from its start'],
  ["cqlsh cql sql select", '"userpipe query --cql "SELECT …"" asks the table'],
  ["count by rows table", '"userpipe query count", "query list" and "query by <column>" ask the table'],
  ["web webserver ui page serve metrics", '"userpipe dashboard" shows the page, with /metrics beside it'],
  ["create setup migrate db", '"userpipe init" makes the topic and the table'],
  ["config configure env info", '"userpipe settings" shows what is set, and what says so'],
  ["check test ping health diagnose", '"userpipe doctor" looks at each component'],
  ["errors failed refused dead", '"userpipe dead-letters" lists what was refused'],
  ["retry", '"userpipe runs retry <id>" tries a run again'],
  ["prune clean cleanup", '"userpipe runs prune --older-than 30d" removes old runs'],
  ["replay", '"userpipe dead-letters replay" puts refused records through again'],
  ["flush", '"userpipe outbox flush" forwards what waits for Kafka'],
  [
    "services service",
    'From source, "deno task services up" starts a Kafka and a Cassandra, and "deno task services down" ends them',
  ],
  ["version", '"userpipe --version" prints it'],
];

const FLAGS: readonly (readonly [words: string, here: string])[] = [
  ["--bootstrap-server --bootstrap-servers --broker-list --kafka", "--brokers"],
  ["--consumer-group --group-id", "--group"],
  ["--host --hosts --cassandra", "--contact-points"],
  ["--dc --local-dc --local-data-center", "--data-center"],
  ["--max-messages --limit --count -n -c", "--max"],
  ["--results --size --max --limit --number -n -c", "--count"],
  ["--max -n", "--limit"],
  ["--json", "--format json"],
  ["--csv", "--format csv"],
  ["--output -o", "--format"],
  ["--verbose --debug -v", "--log-level debug"],
  ["--silent -q", "--quiet"],
  ["--tail -f", "--follow"],
  ["--execute --query -e", "--cql"],
  ["--interval --schedule --period", "--every"],
  ["--input -f", "--file"],
  ["--dir --data --home -d", "--data-dir"],
  ["--topics -t", "--topic"],
  ["--ks -k", "--keyspace"],
  ["--from --from-earliest --from-start", "--from-beginning"],
  ["--from-beginning --earliest", "--from earliest"],
];

/** What does here what that command does elsewhere, in a sentence. */
export function commandHere(typed: string): string | undefined {
  return COMMANDS.find(([words]) => words.split(" ").includes(typed.toLowerCase()))?.[1];
}

/** What does here what that flag does elsewhere: a flag of `taken`, with its value where that is one. */
export function flagHere(typed: string, taken: readonly string[]): string | undefined {
  return FLAGS.find(([words, here]) => words.split(" ").includes(typed) && taken.includes(here.split(" ")[0]!))?.[1];
}
