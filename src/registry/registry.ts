/** The schema registry port: where the schema of a topic's values is on record for those who share the topic. */
import type { Change, Check, Finding } from "../errors.ts";

/** A JSON Schema. */
export type JsonSchema = Record<string, unknown>;

/** What is registered: our schema, under a subject. */
export interface Registration {
  /** `<topic>-value`. */
  subject: string;
  schema: JsonSchema;
}

/** Everything throws {UserpipeError} `registry-unreachable`, `registry-refused` and `not-authorised`. */
export interface Registry {
  /** For messages: `the schema registry at "http://127.0.0.1:8081"`, without user and password. */
  readonly name: string;
  /** Whether it answers and has our schema. Throws nothing. */
  check(): Promise<Check>;
  /** As {@linkcode check}, and whether our schema is the latest or would be taken. Throws nothing for a registry that is away. */
  diagnose(): AsyncIterable<Finding>;
  /** Resolves where it answers. */
  reach(): Promise<void>;
  /**
   * Registers our schema where it is not there.
   * @throws {UserpipeError} `schema-differs`, with what differs, where those who read or write by the latest would break
   */
  init(options: { dryRun: boolean }): Promise<Change>;
  /** The id of our schema. @throws {UserpipeError} `schema-missing` where it is not registered */
  id(): Promise<number>;
  /** What language the schema of an id is written in: `JSON`, `AVRO`, `PROTOBUF`; undefined where there is no such id. */
  kindOf(id: number): Promise<string | undefined>;
}
