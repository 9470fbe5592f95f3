import { duplexPair } from "node:stream";
import { type ServerConfig, TlsEngine } from "../../src/index.ts";
import { Driver } from "./driver.ts";

/** One HTTP/1.1 request without its body. */
export interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
}

/** Reads a request up to its empty line. */
export async function readRequest(server: Driver): Promise<Request> {
  const [method = "", target = ""] = (await server.readLine()).split(" ");
  const headers: string[] = [];
  for (let line = await server.readLine(); line !== ""; line = await server.readLine()) headers.push(line);
  return { method, target, headers };
}

/** Answers with a body, and ends our direction behind it. */
export function answer(server: Driver, body: Uint8Array | string): void {
  server.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`);
  server.write(body);
  server.closeWrite();
}

/** Takes a CONNECT request, as a proxy does that means to look inside. */
export async function answerConnect(server: Driver): Promise<Request> {
  const request = await readRequest(server);
  if (request.method !== "CONNECT") throw new Error(`the client says ${request.method}, due is CONNECT`);
  server.write("HTTP/1.1 200 Connection established\r\n\r\n");
  return request;
}

/** A TLS server inside of a connection that has TLS already. */
export function serveInside(outer: Driver, config: ServerConfig): Driver {
  const [inner, carrier] = duplexPair();
  carrier.on("data", (bytes: Buffer) => outer.write(bytes));
  outer.onData((bytes) => carrier.write(bytes));
  return new Driver(TlsEngine.server(config), inner);
}
