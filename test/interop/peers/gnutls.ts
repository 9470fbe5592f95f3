import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Authority, Issued } from "../ca.ts";
import { Peer, versionOf } from "../process.ts";
import type { Combination, Group, Suite } from "../rows.ts";
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
