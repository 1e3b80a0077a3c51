/** Log lines: a plain sentence with each value once, for people and, with the properties as fields, for programs. */
import assert from "node:assert/strict";

async function logged(format: string, call: string): Promise<string> {
  const code = `
    import { configureLog, logger } from ${JSON.stringify(import.meta.resolve("../src/log.ts"))};
    await configureLog({ level: "info", format: ${JSON.stringify(format)}, colour: false });
    const log = logger("test");
    ${call}`;
  const config = new URL(import.meta.resolve("../deno.json")).pathname;
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", "--config", config, code], stderr: "piped" });
  const { success, stderr } = await command.output();
  const text = new TextDecoder().decode(stderr);
  assert.ok(success, text);
  return text.trimEnd();
}

const OUTAGE = `log.warning("{message}. Again in {seconds} s", { message: 'No "x"', seconds: "0.3", left: 3n });`;

Deno.test("a pretty line is a sentence, and behind it what it does not name", async () => {
  const line = await logged("pretty", OUTAGE);
  assert.match(line, /^\S+ +warning +userpipe·test +No "x"\. Again in 0\.3 s \(left 3\)$/);
  assert.equal(line.split("0.3").length, 2);
});

Deno.test("what a pretty line quotes cannot steer the terminal, and an error brings its stack", async () => {
  const call = `log.error("Failed: {error}", { error: new Error("\\x1b[31mred") });`;
  const [line, ...stack] = (await logged("pretty", call)).split("\n");
  assert.match(line!, /Failed: \\u001b\[31mred$/);
  assert.ok(stack.some((each) => /^ +at /.test(each)), String(stack));
});

Deno.test("a JSON line has the sentence as its message, and the properties as fields", async () => {
  const { message, seconds, left, level, logger } = JSON.parse(await logged("json", OUTAGE));
  assert.deepEqual([message, seconds, left, level, logger], [
    'No "x". Again in 0.3 s',
    "0.3",
    "3",
    "WARN",
    "userpipe.test",
  ]);
});
