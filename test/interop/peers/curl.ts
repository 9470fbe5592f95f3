import type { Authority } from "../ca.ts";
import { Peer, versionOf } from "../process.ts";
import type { Combination, Group } from "../rows.ts";
import type { Combination12 } from "../rows12.ts";
import type { Scope } from "../waiting.ts";
import { opensslGroups, opensslGroups12, opensslSuite12 } from "./openssl.ts";

const version = versionOf("curl", "--version");
const library = /OpenSSL\/(\d+)\.(\d+)/.exec(version ?? "");

/** Why curl cannot do what a row is about. */
export function curlLacks({ group }: { readonly group?: Group | undefined }): string | undefined {
  if (version === undefined) return "no curl command here";
  if (library === null) return "curl is not built on OpenSSL, whose names its options take";
  const [major, minor] = [Number(library[1]), Number(library[2])];
  if (group === "X25519MLKEM768" && !(major > 3 || (major === 3 && minor >= 5))) {
    return `curl is built on OpenSSL ${major}.${minor}, which has no X25519MLKEM768`;
  }
  return undefined;
}

/** Options that hold curl to one combination. */
export function curlOnly({ suite, group }: Pick<Combination, "suite" | "group">): string[] {
  return ["--tls13-ciphers", suite, "--curves", opensslGroups[group]];
}

/** Arguments that leave curl TLS 1.2 alone. */
export const curlTls12 = ["--tlsv1.2", "--tls-max", "1.2"] as const;

/** Arguments that hold curl to one combination of TLS 1.2. */
export function curlOnly12(combination: Combination12): string[] {
  const suite = ["--ciphers", opensslSuite12(combination.suite)];
  return [...curlTls12, ...suite, "--curves", opensslGroups12(combination)];
}

/** Starts curl for TLS 1.3, unless `args` say something else. It trusts the authority and nobody else. */
export function startCurl(scope: Scope, authority: Authority, ...args: readonly string[]): Peer {
  // A first argument of --disable keeps the user's curlrc out.
  const always = ["--disable", "--silent", "--show-error", "--tlsv1.3", "--cacert", authority.rootFile];
  return new Peer(scope, "curl", [...always, "--max-time", "10", ...args], { no_proxy: "", NO_PROXY: "" });
}
