import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { ServerConfig } from "../../../src/index.ts";
import type { Authority, Issued } from "../ca.ts";
import { type Driver, listen } from "../driver.ts";
import { Peer, versionOf } from "../process.ts";
import type { Combination, Group } from "../rows.ts";
import { type Combination12, groupsFor, type Suite12 } from "../rows12.ts";
import type { Scope } from "../waiting.ts";

const version = /^OpenSSL (\d+)\.(\d+)/.exec(versionOf("openssl", "version") ?? "");
const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)];

/** Why rows with the `openssl` command cannot run here. */
export const noOpenssl: string | undefined =
  version === null
    ? "no openssl command here that says it is OpenSSL"
    : major >= 3
      ? undefined
      : `openssl is ${major}.${minor}, needed is 3.0 or later`;

/** Why `openssl` cannot do what a row is about. */
export function opensslLacks({ group }: { readonly group?: Group | undefined }): string | undefined {
  if (noOpenssl !== undefined) return noOpenssl;
  const hasHybrid = major > 3 || minor >= 5;
  if (group === "X25519MLKEM768" && !hasHybrid)
    return `openssl ${major}.${minor} has no X25519MLKEM768, 3.5 has`;
  return undefined;
}

/** Names of groups as OpenSSL's `-groups` takes them. */
export const opensslGroups: Readonly<Record<Group, string>> = {
  x25519: "X25519",
  secp256r1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
  X25519MLKEM768: "X25519MLKEM768",
};

/** Options that hold `openssl` to one combination. */
export function only({ suite, group }: Pick<Combination, "suite" | "group">): string[] {
  return ["-ciphersuites", suite, "-groups", opensslGroups[group]];
}

/** The suite in OpenSSL's own way of naming them, as `-cipher` takes it. */
export function opensslSuite12(suite: Suite12): string {
  return suite
    .slice("TLS_".length)
    .replace("_WITH_", "_")
    .replace(/AES_(128|256)_/, "AES$1_")
    .replace("_CBC_", "_")
    .replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305")
    .replaceAll("_", "-");
}

/** The groups of a combination of TLS 1.2, as OpenSSL takes them. */
export function opensslGroups12(combination: Combination12): string {
  return groupsFor(combination)
    .map((group) => opensslGroups[group])
    .join(":");
}

/** Options that hold `openssl` to one combination, next to `-tls1_2`. */
export function only12(combination: Combination12): string[] {
  const { suite, encryptThenMac } = combination;
  const suites = ["-cipher", opensslSuite12(suite), "-groups", opensslGroups12(combination)];
  return encryptThenMac === false ? [...suites, "-no_etm"] : suites;
}

/** Without an option that says otherwise, `openssl` is held to TLS 1.3. */
function versionIn(args: readonly string[]): string[] {
  return args.some((arg) => /^-((no_)?tls1(_\d)?|(min|max)_protocol)$/.test(arg)) ? [] : ["-tls1_3"];
}

/** An environment in which OpenSSL does without RFC 7627, for which its commands have no option. The file for it goes into `folder`. */
export function withoutExtendedMainSecret(folder: string): Record<string, string> {
  const file = join(folder, "without-extended-main-secret.cnf");
  const sections = [
    "openssl_conf = library",
    "[library]\nssl_conf = ssl",
    "[ssl]\nsystem_default = system",
    "[system]\nOptions = -ExtendedMasterSecret\n",
  ];
  writeFileSync(file, sections.join("\n"));
  return { OPENSSL_CONF: file };
}

/** An `openssl s_server` that listens. */
export interface OpensslServer {
  readonly peer: Peer;
  readonly port: number;
}

/** Starts `openssl s_server` for one connection. What it receives is printed, what is written to its standard input is sent. */
export async function startServer(
  scope: Scope,
  authority: Authority,
  certificate: Issued,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<OpensslServer> {
  const { leafFile, keyFile } = certificate;
  const identity = ["-cert", leafFile, "-key", keyFile, "-cert_chain", authority.intermediateFile];
  const always = ["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", ...versionIn(args)];
  const peer = new Peer(scope, "openssl", [...always, ...identity, ...args], env);
  // The session cache and the greeting come before; only the line with the port says that it listens.
  const [, port] = await peer.untilPrinted(/^ACCEPT 127\.0\.0\.1:(\d+)/m);
  return { peer, port: Number(port) };
}

/** Starts `openssl s_client`, which checks the name `localhost` against the authority. */
export function startClient(
  scope: Scope,
  authority: Authority,
  port: number,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Peer {
  const verification = [
    "-CAfile",
    authority.rootFile,
    "-verify_return_error",
    "-verify_hostname",
    "localhost",
  ];
  const name = args.includes("-noservername") ? [] : ["-servername", "localhost"];
  const always = ["s_client", "-connect", `127.0.0.1:${port}`, ...name, ...versionIn(args)];
  return new Peer(scope, "openssl", [...always, ...verification, ...args], env);
}

/** An s_client, and the server of ours that it has connected to. */
export interface OpensslMeeting {
  readonly server: Driver;
  readonly peer: Peer;
}

/** Starts `openssl s_client` on a new server of ours. */
export async function meetClient(
  scope: Scope,
  authority: Authority,
  args: readonly string[],
  config: ServerConfig,
  env: Record<string, string> = {},
): Promise<OpensslMeeting> {
  const listener = await listen(scope, config);
  const peer = startClient(scope, authority, listener.port, args, env);
  return { server: await listener.accept(), peer };
}

/** One line each way with an s_server, and a clean end that we begin. */
export async function exchangeWithServer(client: Driver, peer: Peer): Promise<void> {
  client.write("ping from tls-engine\n");
  await peer.untilPrinted(/ping from tls-engine/);
  peer.write("pong from openssl\n");
  await client.untilReceived("pong from openssl\n");
  expect((await client.close()).kind).toBe("clean");
}

/** One line each way with an s_client, and a clean end that the peer begins. */
export async function exchangeWithClient({ server, peer }: OpensslMeeting): Promise<void> {
  await server.untilComplete();
  peer.write("ping from openssl\n");
  await server.untilReceived("ping from openssl\n");
  server.write("pong from tls-engine\n");
  await peer.untilPrinted(/pong from tls-engine/);
  peer.endInput();
  expect((await server.untilClosed()).kind).toBe("clean");
  await server.close();
  expect(await peer.untilExit()).toBe(0);
}

/** The keying material that `-keymatexport` prints. */
export const KEYING_MATERIAL = /Keying material: ([0-9A-F]+)/;

/** PEM with a session of TLS 1.3, as OpenSSL's `SSL_SESSION_ASN1` has it, with nothing in it that need not be: `-psk_session` takes its key. */
export function opensslSession(cipherSuite: number, secret: Uint8Array): string {
  const element = (tag: number, ...content: readonly number[]): number[] => [tag, content.length, ...content];
  const [integer, octets, sequence] = [0x02, 0x04, 0x30];
  const der = element(
    sequence,
    ...element(integer, 1),
    ...element(integer, 3, 4),
    ...element(octets, cipherSuite >> 8, cipherSuite & 0xff),
    ...element(octets),
    ...element(octets, ...secret),
  );
  const name = "SSL SESSION PARAMETERS";
  return `-----BEGIN ${name}-----\n${Buffer.from(der).toString("base64")}\n-----END ${name}-----\n`;
}

/** An OCSPResponse in DER that says tryLater (RFC 6960 §4.2.1): the smallest that there is. */
export const OCSP_TRY_LATER = Uint8Array.of(0x30, 0x03, 0x0a, 0x01, 0x03);
