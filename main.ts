/** userpipe: arguments to a command to an exit code. The only place that exits. */
import { main } from "./src/cli/program.ts";

Deno.exit(await main(Deno.args, Deno.exit));
