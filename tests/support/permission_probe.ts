/** A thread that tries what it is told, and says what became of each: `done`, or the name of the error. */

const scope = self as unknown as {
  onmessage: (event: MessageEvent<{ inside: string; outside: string; file: string }>) => void;
  postMessage(message: Record<string, string>): void;
};

scope.onmessage = async ({ data: { inside, outside, file } }) => {
  const tries: Record<string, () => unknown> = {
    "write in the data folder": () => Deno.writeTextFileSync(`${inside}/probe`, "x"),
    "read in the data folder": () => Deno.readTextFileSync(`${inside}/probe`),
    "read a named file": () => Deno.readTextFileSync(file),
    "connect": () => Deno.connect({ hostname: "127.0.0.1", port: 1 }),
    "write a named file": () => Deno.writeTextFileSync(file, "x"),
    "read a file of the system": () => Deno.readTextFileSync("/etc/hostname"),
    "read beside the data folder": () => Deno.readTextFileSync(`${outside}/secret`),
    "read above the data folder": () => Deno.readTextFileSync(`${inside}/../secret`),
    "write beside the data folder": () => Deno.writeTextFileSync(`${outside}/probe`, "x"),
    "link to what is outside": () => Deno.symlinkSync(`${outside}/secret`, `${inside}/another`),
    "run a program": () => new Deno.Command(Deno.execPath(), { args: ["--version"] }).outputSync(),
    "load a library": () => Deno.dlopen("libc.so.6", {}),
    "read a variable": () => Deno.env.get("USERPIPE_DASHBOARD_PASSWORD"),
    "read all variables": () => Deno.env.toObject(),
    "ask who runs it": () => Deno.uid(),
  };
  const outcomes: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(tries)) {
    try {
      await attempt();
      outcomes[name] = "done";
    } catch (error) {
      outcomes[name] = (error as Error).name;
    }
  }
  scope.postMessage(outcomes);
};
