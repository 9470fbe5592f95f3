import { join } from "node:path";
import { expect } from "vitest";
import type { ClientConfig, ServerConfig } from "../../../src/index.ts";
import type { Authority, Issued } from "../ca.ts";
import { connect, type Driver, listen } from "../driver.ts";
import { Peer, versionOf } from "../process.ts";
import type { Combination } from "../rows.ts";
import { answerStartTls, requestStartTls } from "../smtp.ts";
import type { Scope } from "../waiting.ts";

const probe =
  "import json, ssl, sys; print(json.dumps([*sys.version_info[:2], *ssl.OPENSSL_VERSION_INFO[:2]]))";
const printed = versionOf("python3", "-c", probe);
const [major = 0, minor = 0, opensslMajor = 0, opensslMinor = 0] = JSON.parse(printed ?? "[]") as number[];

/** Why rows with Python cannot run here: `StreamWriter.start_tls` came with 3.11. */
export const noPython: string | undefined =
  printed === undefined
    ? "no python3 command here"
    : major > 3 || minor >= 11
      ? undefined
      : `python3 is ${major}.${minor}, needed is 3.11 or later`;

/** Why Python cannot do what a row is about. */
export function pythonLacks({ group }: Pick<Combination, "group">): string | undefined {
  if (noPython !== undefined) return noPython;
  const hasHybrid = opensslMajor > 3 || (opensslMajor === 3 && opensslMinor >= 5);
  if (group !== "X25519MLKEM768" || hasHybrid) return undefined;
  return `python3 is built on OpenSSL ${opensslMajor}.${opensslMinor}, which has no X25519MLKEM768`;
}

/** Runs one of our scripts, which leaves nothing behind in its folder. */
export function startPython(scope: Scope, script: string, ...args: readonly string[]): Peer {
  return new Peer(scope, "python3", ["-B", join(import.meta.dirname, "python", script), ...args]);
}

/** What the scripts are told. */
export interface ScriptOptions {
  /** The lowest and the highest, by the names of `ssl.TLSVersion`. Default: TLS 1.3 alone. */
  readonly versions?: readonly [string, string];
  /** Suites of TLS 1.2 in OpenSSL's names. */
  readonly ciphers?: string;
  /** The only group of a server, in OpenSSL's short names. */
  readonly curve?: string;
  /** Bits for `SSLContext.options`; some have no name in Python. */
  readonly options?: number;
  readonly name?: string;
  readonly alpn?: readonly string[];
  readonly certificate?: string;
  readonly key?: string;
  readonly clientCa?: string;
  readonly clientMode?: "request" | "require";
  readonly keylog?: string;
}

export interface PythonServerMeeting {
  readonly client: Driver;
  readonly peer: Peer;
  readonly port: number;
}

export interface PythonClientMeeting {
  readonly server: Driver;
  readonly peer: Peer;
}

/** Starts the script whose server upgrades. */
export async function startPythonServer(
  scope: Scope,
  { chainFile, keyFile }: Issued,
  theirs: ScriptOptions,
): Promise<{ readonly peer: Peer; readonly port: number }> {
  const peer = startPython(scope, "starttls_server.py", chainFile, keyFile, JSON.stringify(theirs));
  const [, port] = await peer.untilPrinted(/"port": (\d+)/);
  return { peer, port: Number(port) };
}

/** Our client, upgraded by the server of a new script. */
export async function meetPythonServer(
  scope: Scope,
  issued: Issued,
  theirs: ScriptOptions,
  config: ClientConfig,
): Promise<PythonServerMeeting> {
  const { peer, port } = await startPythonServer(scope, issued, theirs);
  return { client: await connectToPython(scope, port, config), peer, port };
}

/** Our client, upgraded by a script's server that listens already. */
export async function connectToPython(scope: Scope, port: number, config: ClientConfig): Promise<Driver> {
  const client = await connect(scope, port);
  await requestStartTls(client);
  client.upgrade(config);
  return client;
}

/** The client of a new script, upgraded by a server of ours. */
export async function meetPythonClient(
  scope: Scope,
  authority: Authority,
  theirs: ScriptOptions,
  config: ServerConfig,
): Promise<PythonClientMeeting> {
  const listener = await listen(scope);
  const args = [String(listener.port), authority.rootFile, JSON.stringify(theirs)];
  const peer = startPython(scope, "starttls_client.py", ...args);
  const server = await listener.accept();
  await answerStartTls(server, config);
  return { server, peer };
}

/** An echoed line, and a clean end that we begin. */
export async function echoWithPython(client: Driver, peer: Peer): Promise<void> {
  client.write("ping from tls-engine\n");
  await client.untilReceived("ping from tls-engine\n");
  expect((await client.close()).kind).toBe("clean");
  await peer.untilPrinted(/"end": "eof"/);
}

/** One line each way, and a clean end that the peer begins. */
export async function answerPython(server: Driver, peer: Peer): Promise<void> {
  await server.untilReceived("ping from python\n");
  server.write("pong from tls-engine\n");
  expect((await server.untilClosed()).kind).toBe("clean");
  await server.close();
  await peer.untilPrinted(/"received": "pong from tls-engine\\n"/);
  await peer.untilPrinted(/"end": "closed"/);
}
