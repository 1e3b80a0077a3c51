/**
 * One client of the driver, from its connection to its end: which nodes it talks to, and its limits of time.
 */
import { auth, Client, errors, type Host, type HostMap, policies, types } from "cassandra-driver";
import { UserpipeError } from "../errors.ts";
import { type Login, type Tls, tlsOptions } from "../tls.ts";
import { dataCenterOf, mend } from "./cassandra_internals.ts";
import { nameOf } from "./cassandra_errors.ts";

const DEFAULT_PORT = 9042;
/** How long one contact point may take to accept a connection. */
const CONNECT_MS = 3_000;
/** How long the handshake, a preparation or a heartbeat may take. */
const HANDSHAKE_MS = 4_000;
/** How many requests may be late before their connection counts as dead. */
const LATE_REQUESTS = 4;
/** Between the driver's tries of a node that is down. */
const RECONNECT_MS = { first: 500, max: 10_000 };
/** One carries 2,048 requests at once. */
const CONNECTIONS_PER_NODE = 1;

export interface SessionOptions {
  /** `host:port`, or `host` for port 9042. */
  contactPoints: readonly string[];
  /** The local data centre; where it is left out, that of the first contact point. */
  dataCenter?: string;
  /** Left out: connections are in plain. */
  tls?: Tls;
  /** Left out: nobody logs in. */
  login?: Login;
}

export interface Session {
  readonly client: Client;
  readonly dataCenter: string;
  /** The nodes of the local data centre, up or not. */
  nodes(): Host[];
  /** `ending` is called when the session is ended. */
  onEnd(ending: () => void): void;
  /** Ends every connection and timer. Never rejects. */
  end(): Promise<void>;
}

/**
 * Connects within a few seconds.
 * @param onFailure is given what still ends in the background where it does not
 * @throws the driver's error, or {UserpipeError} `settings` where there is no such data centre
 */
export async function connect(options: SessionOptions, onFailure: (ending: Promise<void>) => void): Promise<Session> {
  const local = new LocalNodes(options);
  const client = new Client({
    contactPoints: [...options.contactPoints],
    applicationName: "userpipe",
    // Without `rejectUnauthorized` the driver would take any certificate.
    ...(options.tls === undefined ? {} : { sslOptions: tlsOptions(options.tls) }),
    ...(options.login === undefined
      ? {}
      : { authProvider: new auth.PlainTextAuthProvider(options.login.username, options.login.password) }),
    // The driver asks nodes for their address, and takes their port from here.
    protocolOptions: { port: portOf(options.contactPoints[0]) },
    policies: {
      loadBalancing: new policies.loadBalancing.TokenAwarePolicy(local),
      reconnection: new policies.reconnection.ExponentialReconnectionPolicy(RECONNECT_MS.first, RECONNECT_MS.max),
      // Every row brings its own write time.
      timestampGeneration: null as never,
    },
    pooling: { coreConnectionsPerHost: { [types.distance.local]: CONNECTIONS_PER_NODE, [types.distance.remote]: 0 } },
    socketOptions: {
      connectTimeout: CONNECT_MS,
      readTimeout: HANDSHAKE_MS,
      defunctReadTimeoutThreshold: LATE_REQUESTS,
    },
    // What is missing is null, never "leave as it is".
    encoding: { useUndefinedAsUnset: false },
    monitorReporting: { enabled: false },
  });
  const unmend = mend(client, local);
  const started = client.connect();
  const endings: (() => void)[] = [];
  const end = async () => {
    await started.catch(() => {});
    for (const ending of endings) ending();
    const down = client.shutdown();
    unmend();
    await down.catch(() => {});
  };
  try {
    await within(started, options.contactPoints.length * CONNECT_MS + HANDSHAKE_MS);
  } catch (error) {
    onFailure(end());
    throw error;
  }
  const onEnd = (ending: () => void) => void endings.push(ending);
  return { client, dataCenter: local.name, nodes: () => local.of(client.hosts), onEnd, end };
}

/** All nodes of one data centre in turn; which one is known only once the first contact point has answered. */
class LocalNodes extends policies.loadBalancing.DCAwareRoundRobinPolicy {
  declare private localDc: string;
  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    super(options.dataCenter as string);
    this.#options = options;
  }

  get name(): string {
    return this.localDc;
  }

  of(hosts: HostMap): Host[] {
    return hosts.values().filter((host) => host.datacenter === this.localDc);
  }

  override init(client: Client, hosts: HostMap, callback: (error: Error) => void): void {
    this.localDc ??= dataCenterOf(client, this.#options.contactPoints[0]);
    const known = [...new Set(hosts.values().map((host) => host.datacenter))].sort();
    if (known.includes(this.localDc)) return super.init(client, hosts, callback);
    const named = known.map((each) => `"${each}"`).join(", ");
    callback(
      new UserpipeError(
        "settings",
        `${nameOf(this.#options.contactPoints)} has no data centre "${this.localDc}": it has ${named}`,
        "Name one of these with --data-center, or leave it out",
      ),
    );
  }
}

function portOf(contactPoint: string): number {
  const port = /^(?:[^:]*|\[.*\]):(\d+)$/.exec(contactPoint)?.[1];
  return port === undefined ? DEFAULT_PORT : Number(port);
}

/** Waits for `work`, but no longer than `ms`; what comes of it later is of no interest. */
async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new errors.NoHostAvailableError({}, `no answer in ${ms} ms`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
