/** Which versions are started (compose.yaml has the same of Kafka and Cassandra), and where their files go. */
import { fileURLToPath } from "node:url";
import { join } from "node:path";

export const KAFKA_VERSION = "3.9.1";
export const CASSANDRA_VERSION = "5.0.6";

/** The next Kafka, on which the broker's contract is tried too. */
export const NEXT_KAFKA_VERSION = "4.1.2";

/** Of Confluent's client for Python. */
export const CONFLUENT_KAFKA_VERSION = "2.15.0";

/** Of Apicurio's registry. */
export const REGISTRY_VERSION = "2.6.13.Final";

export const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/** The set that `deno task services up` starts: one folder a service. */
export const DEFAULT_DIR = join(PROJECT, ".services");

/** The set that a run of the tests starts for itself. */
export const TEST_DIR = join(DEFAULT_DIR, "test");

/** Shared by all sets. */
export const JARS = join(DEFAULT_DIR, "jars");
