import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect } from "vitest";
import type { Authority, Issued } from "../ca.ts";
import type { ClientConfig, ServerConfig } from "../../../src/index.ts";
import { connect, type Driver, listen } from "../driver.ts";
import { Peer, versionOf } from "../process.ts";
import type { Combination, Group, Suite } from "../rows.ts";
import { type Combination12, groupsFor, type Suite12 } from "../rows12.ts";
import type { Scope } from "../waiting.ts";

const isClientHere = versionOf("gnutls-cli", "--version") !== undefined;
const isServerHere = versionOf("gnutls-serv", "--version") !== undefined;
const groups = isClientHere ? (versionOf("gnutls-cli", "--list") ?? "") : "";

/** Why `gnutls-cli` cannot do what a row is about. */
export function gnutlsLacks({ group }: { readonly group?: Group | undefined }): string | undefined {
  if (!isClientHere) return "no gnutls-cli command here (package gnutls-bin)";
  if (group === "X25519MLKEM768" && !groups.includes("X25519-MLKEM768")) {
    return "this GnuTLS has no X25519MLKEM768";
  }
  return undefined;
}

/** Why `gnutls-serv` cannot do what a row is about. It listens on all addresses unless a shim that must be compiled keeps it from that. */
export function gnutlsServerLacks(wanted: { readonly group?: Group | undefined }): string | undefined {
  if (!isServerHere) return "no gnutls-serv command here (package gnutls-bin)";
  if (process.platform !== "linux")
    return "gnutls-serv is kept on the loopback by LD_PRELOAD, which is Linux's";
  if (versionOf("cc", "--version") === undefined) return "no cc command here to compile peers/loopback.c";
  return gnutlsLacks(wanted);
}

const gnutlsGroups: Readonly<Record<Group, string>> = {
  x25519: "GROUP-X25519",
  secp256r1: "GROUP-SECP256R1",
  secp384r1: "GROUP-SECP384R1",
  secp521r1: "GROUP-SECP521R1",
  X25519MLKEM768: "GROUP-X25519-MLKEM768",
};
const gnutlsCiphers: Readonly<Record<Suite, string>> = {
  TLS_AES_128_GCM_SHA256: "AES-128-GCM",
  TLS_AES_256_GCM_SHA384: "AES-256-GCM",
  TLS_CHACHA20_POLY1305_SHA256: "CHACHA20-POLY1305",
};

/** A priority string for TLS 1.3 with these groups, and one suite or all. */
export function priority(wanted: readonly Group[], suite?: Combination["suite"]): string {
  const parts = ["NORMAL", "-VERS-ALL", "+VERS-TLS1.3"];
  if (suite !== undefined) parts.push("-CIPHER-ALL", `+${gnutlsCiphers[suite]}`);
  if (wanted.length > 0) parts.push("-GROUP-ALL", ...wanted.map((group) => `+${gnutlsGroups[group]}`));
  return parts.join(":");
}

/** A priority string for TLS 1.2 with `extra` parts. */
export function priority12(...extra: readonly string[]): string {
  return `--priority=${["NORMAL", "-VERS-ALL", "+VERS-TLS1.2", ...extra].join(":")}`;
}

/** Parts of a priority string that hold GnuTLS to one combination. */
export function gnutlsOnly12(combination: Combination12): readonly string[] {
  const { encryptThenMac } = combination;
  return [
    ...gnutlsSuite12(combination.suite),
    "-GROUP-ALL",
    ...groupsFor(combination).map((group) => `+${gnutlsGroups[group]}`),
    ...(encryptThenMac === false ? ["%NO_ETM"] : []),
  ];
}

/** Parts of a priority string that leave one suite, which GnuTLS puts together from three. */
export function gnutlsSuite12(suite: Suite12): readonly string[] {
  const [, authentication = "", cipher = "", mac = ""] =
    /^TLS_ECDHE_(ECDSA|RSA)_WITH_(CHACHA20_POLY1305|AES_\d+_[GC]..)_(SHA\d*)$/.exec(suite) ?? [];
  const isCbc = cipher.endsWith("CBC");
  const theirMac = isCbc ? mac.replace(/^SHA$/, "SHA1") : "AEAD";
  const theirCipher = cipher.replaceAll("_", "-");
  return [
    "-KX-ALL",
    `+ECDHE-${authentication}`,
    "-CIPHER-ALL",
    `+${theirCipher}`,
    "-MAC-ALL",
    `+${theirMac}`,
  ];
}

/** Compiles the shim for {@link startGnutlsServer} into `folder`, and returns its path. */
export function compileLoopback(folder: string): string {
  const file = join(folder, "loopback.so");
  const source = join(import.meta.dirname, "loopback.c");
  const { status, stderr } = spawnSync("cc", ["-shared", "-fPIC", "-o", file, source, "-ldl"], {
    encoding: "utf8",
    timeout: 20_000,
  });
  if (status !== 0) throw new Error(`cc failed: ${stderr}`);
  return file;
}

/** Starts `gnutls-serv`, which echoes lines. */
export async function startGnutlsServer(
  scope: Scope,
  shim: string,
  { chainFile, keyFile }: Issued,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<{ readonly peer: Peer; readonly port: number }> {
  const identity = [`--x509certfile=${chainFile}`, `--x509keyfile=${keyFile}`];
  // The shim takes a free port instead of this one.
  const always = ["--echo", "--port=5556", ...identity];
  const peer = new Peer(scope, "gnutls-serv", [...always, ...args], { ...env, LD_PRELOAD: shim });
  const [, port] = await peer.untilPrinted(/LISTENING ON (\d+)/);
  return { peer, port: Number(port) };
}

/** Starts `gnutls-cli`, which checks the name `localhost` against the authority. */
export function startGnutlsClient(
  scope: Scope,
  authority: Authority,
  port: number,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Peer {
  const name = ["--sni-hostname=localhost", "--verify-hostname=localhost"];
  const always = [`--x509cafile=${authority.rootFile}`, ...name, `--port=${port}`, "127.0.0.1"];
  return new Peer(scope, "gnutls-cli", [...args, ...always], env);
}

/** Our client, connected to a new gnutls-serv. */
export async function meetGnutlsServer(
  scope: Scope,
  shim: string,
  issued: Issued,
  args: readonly string[],
  config: ClientConfig,
  env: Record<string, string> = {},
): Promise<{ readonly client: Driver; readonly peer: Peer }> {
  const { peer, port } = await startGnutlsServer(scope, shim, issued, args, env);
  return { client: await connect(scope, port, config), peer };
}

/** A new gnutls-cli, connected to a server of ours. */
export async function meetGnutlsClient(
  scope: Scope,
  authority: Authority,
  args: readonly string[],
  config: ServerConfig,
  env: Record<string, string> = {},
): Promise<{ readonly server: Driver; readonly peer: Peer }> {
  const listener = await listen(scope, config);
  const peer = startGnutlsClient(scope, authority, listener.port, args, env);
  return { server: await listener.accept(), peer };
}

/** An echoed line, and a clean end that we begin. */
export async function echoAndClose(client: Driver): Promise<void> {
  client.write("ping from tls-engine\n");
  await client.untilReceived("ping from tls-engine");
  expect((await client.close()).kind).toBe("clean");
}

/** One line each way, and a clean end that the peer begins. */
export async function exchangeAndClose(server: Driver, peer: Peer): Promise<void> {
  await peer.untilPrinted(/Handshake was completed/);
  peer.write("ping from gnutls\n");
  await server.untilReceived("ping from gnutls\n");
  server.write("pong from tls-engine\n");
  await peer.untilPrinted(/pong from tls-engine/);
  peer.endInput();
  expect((await server.untilClosed()).kind).toBe("clean");
  await server.close();
}

/** Compares what `--keymatexport` prints, with `--keymatexportsize=40`. */
export async function expectSameExport(
  own: Driver,
  peer: Peer,
  label: string,
  context: Uint8Array | null = new Uint8Array(),
): Promise<void> {
  const [, theirs] = await peer.untilPrinted(/Key material: ([0-9a-f]+)/);
  const ours = own.engine.exportKeyingMaterial(label, context, 40);
  expect(Buffer.from(ours).toString("hex")).toBe(theirs);
}
