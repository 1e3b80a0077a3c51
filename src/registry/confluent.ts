/** A registry that speaks Confluent's API, as Apicurio's does at `/apis/ccompat/v7`. */
import { type Change, type Check, failed, type Finding, UserpipeError } from "../errors.ts";
import { type Access, ConfluentHttp, DIFFERS_HINT } from "./confluent_http.ts";
import type { JsonSchema, Registration, Registry } from "./registry.ts";
import { schemaDifferences } from "./schema_differences.ts";

/** A version of the subject. */
interface Version {
  id: number;
  version: number;
  /** The schema as text. */
  schema: string;
  schemaType?: string;
}

interface Verdict {
  is_compatible: boolean;
  /** Confluent's own says why in several, Apicurio in one. */
  messages?: string[];
  reason?: string | null;
}

/** Of what the registry says of a schema that it would not take. */
const MOST_MESSAGES = 5;
const MESSAGE_CHARS = 300;
/** For the first answer, where somebody waits to hear whether it works. */
const DIAGNOSE_MS = 5_000;
const UNHELD = "the registry's compatibility is NONE, so that nothing was compared";

/** Nothing is requested yet. */
export function openConfluent(options: Access & Registration): Registry {
  return new ConfluentRegistry(options);
}

class ConfluentRegistry implements Registry {
  readonly name: string;
  readonly #http: ConfluentHttp;
  readonly #subject: string;
  readonly #path: string;
  /** Of the compatibility that is asked for: the subject's, and that of those without one of their own. */
  readonly #levels: readonly string[];
  readonly #schema: JsonSchema;
  readonly #body: { schemaType: "JSON"; schema: string };

  constructor({ subject, schema, ...access }: Access & Registration) {
    this.#http = new ConfluentHttp(access);
    this.name = this.#http.name;
    this.#subject = subject;
    this.#path = `/subjects/${encodeURIComponent(subject)}`;
    this.#levels = [`/config/${encodeURIComponent(subject)}?defaultToGlobal=true`, "/config"];
    this.#schema = schema;
    this.#body = { schemaType: "JSON", schema: JSON.stringify(schema) };
  }

  async check(): Promise<Check> {
    try {
      const { id, version } = await this.#registered();
      return { component: "registry", ok: true, detail: `${this.#what} is version ${version}, id ${id}` };
    } catch (error) {
      if (error instanceof UserpipeError) return { component: "registry", ok: false, error };
      throw error;
    }
  }

  async *diagnose(): AsyncGenerator<Finding> {
    try {
      const latest = await this.#latest(DIAGNOSE_MS);
      yield { what: "connection", state: "ok", detail: `${this.name} answers` };
      const ours = await this.#ours();
      if (ours !== undefined) return yield this.#place(ours, latest);
      if (latest !== undefined) await this.#assertCompatible(latest);
      yield failed(this.#what, this.#missing());
    } catch (error) {
      yield failed(
        error instanceof UserpipeError && error.code === "schema-differs" ? this.#what : "connection",
        error,
      );
    }
  }

  #place(ours: Version, latest: Version | undefined): Finding {
    const detail = `version ${ours.version}, id ${ours.id}`;
    if (latest === undefined || latest.id === ours.id) {
      return { what: this.#what, state: "ok", detail: `${detail}, the latest` };
    }
    return {
      what: this.#what,
      state: "warn",
      detail: `Ours is ${detail}, and not the latest of "${this.#subject}", version ${latest.version}: ${
        isJson(latest) ? this.#differences(latest).join("; ") || "in words only" : `that is one of ${kindOf(latest)}`
      }`,
      hint: "Look who registered that, and whether this userpipe should be a newer one",
    };
  }

  async reach(): Promise<void> {
    await this.#latest();
  }

  async init({ dryRun }: { dryRun: boolean }): Promise<Change> {
    const ours = await this.#ours();
    const what = this.#what;
    const statement = `POST ${this.#path}/versions ${JSON.stringify(this.#body)}`;
    if (ours !== undefined) {
      return { what, state: "exists", statement, detail: `version ${ours.version}, id ${ours.id}` };
    }
    const latest = await this.#latest();
    if (latest !== undefined) await this.#assertCompatible(latest);
    if (dryRun) return { what, state: latest === undefined ? "would-make" : "would-change", statement };
    const { id } = await this.#present(this.#http.ask<{ id: number }>(`${this.#path}/versions`, this.#body));
    if (latest === undefined) return { what, state: "made", statement, detail: `id ${id}` };
    const unheld = await this.#comparesNothing() ? `, unlike version ${latest.version}: ${UNHELD}` : "";
    return { what, state: "changed", statement, detail: `id ${id}${unheld}` };
  }

  /**
   * Apicurio says NONE of a subject without a level of its own although the level of all holds for it: only both are certain.
   * A registry that does not say is no failure: it has taken the schema.
   */
  async #comparesNothing(): Promise<boolean> {
    try {
      for (const path of this.#levels) {
        const level = await this.#http.ask<{ compatibilityLevel?: string }>(path);
        if (level?.compatibilityLevel !== "NONE") return false;
      }
      return true;
    } catch (error) {
      if (error instanceof UserpipeError) return false;
      throw error;
    }
  }

  async id(): Promise<number> {
    return (await this.#registered()).id;
  }

  async kindOf(id: number): Promise<string | undefined> {
    const found = await this.#http.ask<{ schemaType?: string }>(`/schemas/ids/${id}`);
    return found && kindOf(found);
  }

  get #what(): string {
    return `schema "${this.#subject}"`;
  }

  async #latest(limitMs?: number): Promise<Version | undefined> {
    return this.#version(await this.#http.ask<Version>(`${this.#path}/versions/latest`, undefined, limitMs));
  }

  /** The version that is our schema. */
  async #ours(): Promise<Version | undefined> {
    return this.#version(await this.#http.ask<Version>(this.#path, this.#body));
  }

  /** @throws {UserpipeError} `registry-refused` for an answer that no registry gives: values would carry no id, or a wrong one */
  #version(answer: Version | undefined): Version | undefined {
    if (answer === undefined || Number.isInteger(answer.id) && typeof answer.schema === "string") return answer;
    throw this.#http.noRegistry();
  }

  async #registered(): Promise<Version> {
    const ours = await this.#ours();
    if (ours === undefined) throw this.#missing();
    return ours;
  }

  #missing(): UserpipeError {
    const message = `Our schema of the topic's values is not registered under "${this.#subject}" in ${this.name}`;
    return new UserpipeError("schema-missing", message, 'Register it with "userpipe init"');
  }

  /** @throws {UserpipeError} `schema-differs` */
  async #assertCompatible(latest: Version): Promise<void> {
    // The registry would say of it only that it cannot read the one or the other, or take it where it compares nothing.
    if (!isJson(latest)) throw this.#otherKind(latest);
    const path = `/compatibility${this.#path}/versions/latest?verbose=true`;
    const verdict = await this.#present(this.#http.ask<Verdict>(path, this.#body));
    if (verdict.is_compatible) return;
    const why = verdict.messages ?? (verdict.reason ? [verdict.reason] : []);
    const said = why.slice(0, MOST_MESSAGES).map((message) => message.slice(0, MESSAGE_CHARS));
    throw new UserpipeError(
      "schema-differs",
      [
        `Our schema is not compatible with what is registered under "${this.#subject}" (version ${latest.version}) in ${this.name}:`,
        ...this.#differences(latest).map((line) => `  ${line}`),
        ...said.map((line) => `  the registry says: ${line}`),
      ].join("\n"),
      DIFFERS_HINT,
    );
  }

  #differences({ schema }: Version): string[] {
    return schemaDifferences(JSON.parse(schema), this.#schema);
  }

  #otherKind(latest: Version): UserpipeError {
    const kind = kindOf(latest);
    return new UserpipeError(
      "schema-differs",
      `"${this.#subject}" in ${this.name} holds a schema of another kind, ${kind} (version ${latest.version}): ours is a ` +
        "JSON Schema, and who reads the topic by theirs could not read what is published here",
      "Publish to another topic (--topic), or delete the subject in the registry where nobody reads or writes by it any more",
    );
  }

  async #present<T>(asked: Promise<T | undefined>): Promise<T> {
    const answer = await asked;
    if (answer !== undefined) return answer;
    // The subject was there a moment ago.
    throw new UserpipeError("registry-unreachable", `"${this.#subject}" has gone from ${this.name}`, "Try again");
  }
}

function isJson(version: Version): boolean {
  return kindOf(version) === "JSON";
}

/** The first kind that there was is the one that is not named. */
function kindOf({ schemaType = "AVRO" }: { schemaType?: string }): string {
  return schemaType;
}
