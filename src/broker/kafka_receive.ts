/**
 * What comes in on a connection to Kafka, cut into answers. kafkajs keeps every chunk and joins them at the end; here each
 * answer has its room at once, and chunks come in one buffer that is used again: half the memory that a fetch goes through.
 */
import { Buffer } from "node:buffer";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ISocketFactory } from "kafkajs";
import { isTlsAlert } from "../reach.ts";
import { SPEAKS_TLS } from "../tls.ts";

const CHUNK_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 60_000;
/** More than any answer has: what is no Kafka says something larger at once. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;
const SIZE_BYTES = 4;

/** A connection of kafkajs, as far as what comes in goes. */
export interface Receiver {
  socket: Socket;
  /** While it logs in. */
  authHandlers: { onSuccess(answer: Buffer): void } | null;
  /** Whether what it is logging in with frames its answers as Kafka does. */
  authExpectResponse: boolean;
  requestQueue: { fulfillRequest(answer: { correlationId: number; payload: Buffer; size: number }): void };
}

/** An answer that is coming in. */
interface Incoming {
  bytes: Buffer;
  filled: number;
  /** Whether `bytes` is the answer behind its size, and not the size alone. */
  sized: boolean;
}

const incoming = new WeakMap<Socket, Incoming>();
/** Those that have answered once, as a Kafka does. */
const answering = new WeakSet<Socket>();

const nothing = (): Incoming => ({ bytes: Buffer.alloc(SIZE_BYTES), filled: 0, sized: false });

/** In place of kafkajs's own `processData`. */
export function receive(this: Receiver, data: Buffer): void {
  // The buffer that the data is in is used again.
  if (this.authHandlers && !this.authExpectResponse) return this.authHandlers.onSuccess(Buffer.from(data));
  const { socket } = this;
  for (let at = 0; at < data.length;) {
    let coming = incoming.get(socket);
    if (coming === undefined) incoming.set(socket, coming = nothing());
    const taken = data.copy(coming.bytes, coming.filled, at);
    at += taken;
    coming.filled += taken;
    if (coming.filled < coming.bytes.length) return;
    if (coming.sized) {
      incoming.delete(socket);
      answering.add(socket);
      answered(this, coming.bytes);
      continue;
    }
    // As a size it would be one of 336 MiB, which is waited for.
    if (isTlsAlert(coming.bytes) && !answering.has(socket)) return void socket.destroy(new Error(SPEAKS_TLS));
    const size = coming.bytes.readInt32BE();
    if (size < SIZE_BYTES || size > MAX_ANSWER_BYTES) {
      socket.destroy(new Error("it does not answer as a Kafka does"));
      return;
    }
    const bytes = Buffer.allocUnsafeSlow(SIZE_BYTES + size);
    bytes.writeInt32BE(size);
    incoming.set(socket, { bytes, filled: SIZE_BYTES, sized: true });
  }
}

function answered({ authHandlers, requestQueue }: Receiver, answer: Buffer): void {
  if (authHandlers) return authHandlers.onSuccess(answer);
  requestQueue.fulfillRequest({
    correlationId: answer.readInt32BE(SIZE_BYTES),
    payload: answer.subarray(2 * SIZE_BYTES),
    size: answer.length - SIZE_BYTES,
  });
}

/** Sockets as kafkajs's own factory makes them, without a buffer of its own for each chunk. */
export const socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket = ssl
    ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : plain();
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;

  function plain(): Socket {
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const callback = (length: number): boolean => plain.emit("data", buffer.subarray(0, length));
    const options = { host, port, onread: { buffer, callback } };
    const plain: Socket = connect(options, onConnect);
    return plain;
  }
};
