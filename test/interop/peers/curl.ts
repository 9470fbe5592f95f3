import type { Authority } from "../ca.ts";
import { Peer, versionOf } from "../process.ts";
import type { Combination, Group } from "../rows.ts";
import type { Scope } from "../waiting.ts";
import { opensslGroups } from "./openssl.ts";

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

/** Starts curl, which trusts the authority and nobody else. */
export function startCurl(scope: Scope, authority: Authority, ...args: readonly string[]): Peer {
  // A first argument of --disable keeps the user's curlrc out.
  const always = ["--disable", "--silent", "--show-error", "--tlsv1.3", "--cacert", authority.rootFile];
  return new Peer(scope, "curl", [...always, "--max-time", "10", ...args], { no_proxy: "", NO_PROXY: "" });
}
