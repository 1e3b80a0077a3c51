/**
 * All that reaches into cassandra-driver's own modules (4.10.0, pinned exactly). It has three faults that keep
 * a process from ending after a connection failed or was lost, which are mended here; and it lends a connection to the
 * lanes that write.
 */
import type { Client, policies } from "cassandra-driver";
import Connection from "cassandra-driver/lib/connection.js";
import { Host } from "cassandra-driver/lib/host.js";
import type { Socket } from "node:net";
import { sleep } from "../backoff.ts";
import { PROTOCOL_VERSION } from "./cassandra_frames.ts";

/** How often the control connection looks for a node that answers, in ms. */
const LOOK_AGAIN_MS = 500;

/** The parts of the driver's own objects that are used. */
interface DriverConnection {
  openAsync(): Promise<void>;
  /** What cuts the socket's bytes into answers. */
  protocol: NodeJS.WritableStream;
  /** The next heartbeat. */
  _idleTimeout?: ReturnType<typeof setTimeout>;
  netClient: Socket;
  bindSocketListeners(): void;
  clearAndInvokePending(): void;
  close(): void;
}

interface CountingHost {
  _healthResponseCountTimer?: ReturnType<typeof setTimeout>;
}

interface ControlConnection {
  /** Set once connected. */
  host: { datacenter: string };
  hosts: { get(endpoint: string): { datacenter: string } | undefined };
  connection: DriverConnection | null;
  getResolvedContactPoints(): Map<string, string[]>;
  _borrowAConnection(hosts: Iterator<unknown>): DriverConnection;
  _createConnection(endpoint: string): Promise<DriverConnection>;
  _refreshControlConnection(hosts: Iterator<unknown>): Promise<void>;
}

/**
 * A socket that is closed during the handshake (a proxy whose server is not up yet) leaves the request waiting
 * for its time limit and the heartbeat's timer running: both end with the socket.
 */
const bindSocketListeners = Connection.prototype.bindSocketListeners;
Connection.prototype.bindSocketListeners = function (this: DriverConnection) {
  bindSocketListeners.call(this);
  this.netClient.once("close", () => this.clearAndInvokePending());
};

/** What the driver counts five times a second for each node is for a policy that is not used here. */
const setDistance = Host.prototype.setDistance;
Host.prototype.setDistance = function (this: CountingHost, distance: number) {
  const set: number = setDistance.call(this, distance);
  clearInterval(this._healthResponseCountTimer);
  return set;
};

/** Mends one client. Call the answer after `shutdown()`, or instead of it where `connect()` failed. */
export function mend(client: Client, nodes: policies.loadBalancing.LoadBalancingPolicy): () => void {
  const control = controlOf(client);
  const ended = new AbortController();
  const first: DriverConnection[] = [];

  // A first connection that opens but then cannot tell about the cluster is forgotten without being closed.
  const create = control._createConnection.bind(control);
  control._createConnection = async (endpoint) => {
    const connection = await create(endpoint);
    first.push(connection);
    return connection;
  };

  // Where no node answers, the driver makes all hosts anew beside the old ones, which go on for ever, and tries
  // again by a timer that outlives shutdown(). The pools reconnect by themselves: to wait for one is enough.
  control._refreshControlConnection = async (hosts) => {
    while (true) {
      try {
        control.connection = control._borrowAConnection(hosts);
        return;
      } catch (error) {
        await sleep(LOOK_AGAIN_MS, ended.signal);
        if (ended.signal.aborted) throw error;
        hosts = planOf(nodes);
      }
    }
  };
  return () => {
    ended.abort();
    for (const connection of first) connection.close();
  };
}

/** The data centre of the first contact point; of the node that was reached where it is not known. */
export function dataCenterOf(client: Client, contactPoint: string): string {
  const control = controlOf(client);
  const [endpoint] = control.getResolvedContactPoints().get(contactPoint) ?? [];
  const host = endpoint === undefined ? undefined : control.hosts.get(endpoint);
  return (host ?? control.host).datacenter;
}

function controlOf(client: Client): ControlConnection {
  return (client as unknown as { controlConnection: ControlConnection }).controlConnection;
}

function planOf(nodes: policies.loadBalancing.LoadBalancingPolicy): Iterator<unknown> {
  let plan: Iterator<unknown> = [][Symbol.iterator]();
  nodes.newQueryPlan("", null as never, (_error, hosts) => plan = hosts);
  return plan;
}

/**
 * A connection to one node, made, secured and logged in by the driver, whose bytes are the caller's from here on.
 * @throws the driver's error
 */
export async function openSocket(client: Client, address: string): Promise<Socket> {
  const { options } = client as unknown as { options: unknown };
  const connection: DriverConnection = new Connection(address, PROTOCOL_VERSION, options);
  try {
    await connection.openAsync();
  } catch (error) {
    connection.netClient?.destroy();
    throw error;
  }
  const { netClient } = connection;
  clearTimeout(connection._idleTimeout);
  netClient.setTimeout(0);
  netClient.unpipe(connection.protocol);
  return netClient;
}
