/**
 * Makes one script of the page's modules, so that a browser asks once and not for each of them: no build step, and no other text
 * than the files have. Each module is a function's body, behind those that it imports.
 */

/** As the modules of the page have them, one a line. */
const IMPORT = /^import \{ (.+) \} from "\.\/(\w+)\.js";$/gm;
const EXPORT = /^export (?=(?:async )?(?:function|class|const) (\w+))/gm;
/** Any other way to import or export. */
const OTHER = /^(?:import|export)\b.*|\bawait import\(.*/m;

/**
 * @param modules by file name
 * @param entry the one that begins
 * @throws {Error} a defect: a file that is missing, that imports itself by way of others, or in a way that is not understood
 */
export function bundleOf(modules: Readonly<Record<string, string>>, entry: string): string {
  const parts: string[] = [];
  const added = new Set<string>();
  const add = (name: string, above: readonly string[]) => {
    if (added.has(name)) return;
    const text = modules[`${name}.js`];
    if (text === undefined) throw new Error(`The page has no module "${name}.js"`);
    const path = [...above, name];
    if (above.includes(name)) throw new Error(`Modules of the page import each other: ${path.join(", ")}`);
    for (const [, , other] of text.matchAll(IMPORT)) add(other!, path);
    parts.push(wrapped(name, text));
    added.add(name);
  };
  add(entry, []);
  return parts.join("\n");
}

/** The module's exports, under the name of its file. */
function wrapped(name: string, text: string): string {
  const exported = [...text.matchAll(EXPORT)].map(([, each]) => each);
  const body = text
    .replace(IMPORT, (_, names: string, other: string) => `const { ${names.replaceAll(" as ", ": ")} } = ${other}Js;`)
    .replace(EXPORT, "");
  const [left] = OTHER.exec(body) ?? [];
  if (left !== undefined) throw new Error(`The module "${name}.js" of the page cannot be bundled for: ${left}`);
  return `const ${name}Js = (() => {\n${body}return { ${exported.join(", ")} };\n})();\n`;
}
